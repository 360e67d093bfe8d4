/* What is known of data sets: of all in short, of one in full. */
#define _DEFAULT_SOURCE /* scandir */

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../common/args.h"
#include "../common/text.h"
#include "browse.h"

enum { SHOWN = 12, FINDINGS = 200, HIST = 60 };

/* ---- all ------------------------------------------------------------------------------------------ */

/* What a list shows of a report, which may be large: read again only when it has changed. */
typedef struct summary {
    char name[RUN_NAME + 1];
    stamp report;
    double pictures[2], advised;
    int64_t findings, classes, hist[HIST];
} summary;

static summary *known;
static size_t knowns;

static void sum_classes(summary *m, const json_value *classes)
{
    int64_t count = 0, at = 0;
    for (const json_value *c = json_first(classes); c; c = json_next(c))
        count++;
    m->classes = count;
    for (const json_value *c = json_first(classes); c; c = json_next(c), at++) {
        double pictures = 0;
        (void)json_number(c, &pictures);
        const int64_t i = count <= HIST ? at : at * HIST / count;
        m->hist[i] = pictures > (double)m->hist[i] ? (int64_t)pictures : m->hist[i];
    }
}

static void sum(summary *m, const char *path)
{
    size_t size;
    char *text = text_read(path, &size);
    json_value *all = json_parse(text);
    m->pictures[0] = m->pictures[1] = m->advised = (double)NAN;
    (void)json_number(json_member(all, "set.pictures"), &m->pictures[0]);
    (void)json_number(json_member(all, "val.pictures"), &m->pictures[1]);
    (void)json_number(json_member(all, "advised"), &m->advised);
    sum_classes(m, json_member(all, "set.classes"));
    for (const json_value *f = json_first(json_member(all, "findings")); f; f = json_next(f))
        m->findings++;
    json_free(all);
    free(text);
}

static const summary *summary_of(const char *name, const char *path, const stamp *report)
{
    summary *m = NULL;
    for (size_t i = 0; i < knowns; i++)
        if (strcmp(known[i].name, name) == 0)
            m = &known[i];
    if (m && browse_same(&m->report, report))
        return m;
    if (!m) {
        summary *more = realloc(known, (knowns + 1) * sizeof *known);
        if (!more)
            run_fail("no memory for %zu data sets", knowns);
        known = more;
        m = &known[knowns++];
    }
    *m = (summary){.report = *report};
    snprintf(m->name, sizeof m->name, "%.*s", RUN_NAME, name);
    sum(m, path);
    return m;
}

static void tell_summary(json *j, const summary *m)
{
    json_exact(j, "pictures", m->pictures[0]);
    json_exact(j, "val_pictures", m->pictures[1]);
    json_count(j, "classes", m->classes);
    json_count(j, "findings", m->findings);
    json_array(j, "hist");
    for (int64_t i = 0; i < m->classes && i < HIST; i++)
        json_count(j, NULL, m->hist[i]);
    json_end(j, ']');
}

/* A value as it was read. */
static void copy(json *j, const char *name, const json_value *value)
{
    double number;
    bool is;
    if (json_string(value)) {
        json_text(j, name, json_string(value));
    } else if (json_number(value, &number)) {
        json_exact(j, name, number);
    } else if (json_truth(value, &is)) {
        json_bool(j, name, is);
    } else if (!value || json_is_null(value)) {
        json_null(j, name);
    } else {
        const bool object = json_first(value) && json_name(json_first(value));
        (object ? json_object : json_array)(j, name);
        for (const json_value *m = json_first(value); m; m = json_next(m))
            copy(j, object ? json_name(m) : NULL, m);
        json_end(j, object ? '}' : ']');
    }
}

/* Members of dataset.json, as they are. */
static void tell_record(json *j, const char *folder, const char *name, const json_value *about,
                        const stamp *report)
{
    char list[BROWSE_FILE];
    static const char *const texts[] = {"path", "val", "given", "packed"};
    static const char *const numbers[] = {"size", "made", "split", "seed"};
    json_text(j, "name", name);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        json_text(j, texts[i], json_string(json_member(about, texts[i])));
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        double number = (double)NAN;
        (void)json_number(json_member(about, numbers[i]), &number);
        json_exact(j, numbers[i], number);
    }
    snprintf(list, sizeof list, "%s/exclude.txt", folder);
    json_text(j, "exclude", browse_stamp(list).file ? list : NULL);
    json_exact(j, "checked", report->file ? (double)report->changed.tv_sec : (double)NAN);
}

static void tell_one(json *j, const char *folder, const char *name)
{
    char own[BROWSE_PATH], path[BROWSE_FILE];
    if (snprintf(own, sizeof own, "%s/%s", folder, name) >= (int)sizeof own)
        return;
    snprintf(path, sizeof path, "%s/dataset.json", own);
    if (browse_stamp(path).file == 0)
        return;
    size_t size;
    char *text = text_read(path, &size);
    json_value *about = json_parse(text);
    snprintf(path, sizeof path, "%s/report.json", own);
    const stamp report = browse_stamp(path);
    json_object(j, NULL);
    tell_record(j, own, name, about, &report);
    if (report.file)
        tell_summary(j, summary_of(name, path, &report));
    json_end(j, '}');
    json_free(about);
    free(text);
}

static int is_shown(const struct dirent *e)
{
    return run_name_is_good(e->d_name);
}

bool browse_list(said *s, const char *workspace, const json_value *ask)
{
    char folder[BROWSE_PATH];
    struct dirent **entry = NULL;
    if (snprintf(folder, sizeof folder, "%s/datasets", workspace) >= (int)sizeof folder)
        return browse_refuse(s, NULL, "the workspace's path is too long");
    const int count = scandir(folder, &entry, is_shown, alphasort);
    json_object(&s->j, NULL);
    json_array(&s->j, "datasets");
    for (int i = 0; i < count; i++) {
        if (i < BROWSE_LISTED)
            tell_one(&s->j, folder, entry[i]->d_name);
        free(entry[i]);
    }
    free(entry);
    json_end(&s->j, ']');
    json_count(&s->j, "count", count > 0 ? count : 0);
    copy(&s->j, "jobs", json_member(ask, "jobs"));
    json_end(&s->j, '}');
    return true;
}

/* ---- one ------------------------------------------------------------------------------------------ */

/* A finding with the first of its pictures, those that are there. */
static void tell_finding(json *j, const kept *k, const json_value *finding, int64_t number)
{
    int64_t count = 0, out = 0, advised = 0;
    json_object(j, NULL);
    json_count(j, "number", number);
    json_text(j, "kind", json_string(json_member(finding, "kind")));
    json_text(j, "text", json_string(json_member(finding, "text")));
    copy(j, "classes", json_member(finding, "classes"));
    json_array(j, "pictures");
    for (const json_value *p = json_first(json_member(finding, "pictures")); p; p = json_next(p)) {
        const char *side = json_string(json_member(p, "side"));
        const bool val = side && strcmp(side, "val") == 0;
        const int64_t item = browse_find(k, val, json_string(json_member(p, "path")));
        bool leave_out = false;
        (void)json_truth(json_member(p, "leave_out"), &leave_out);
        advised += leave_out;
        if (item < 0)
            continue;
        if (count++ < SHOWN)
            browse_tell_item(j, k, val, item, json_string(json_member(p, "why")));
        out += k->side[val].out[item];
    }
    json_end(j, ']');
    json_count(j, "count", count);
    json_count(j, "advised", advised);
    json_count(j, "out", out);
    json_end(j, '}');
}

static void tell_sides(json *j, const kept *k)
{
    static const char *const names[] = {"set", "val"};
    json_object(j, "now");
    for (int i = 0; i < 2; i++) {
        const kept_side *d = &k->side[i];
        if (!d->set) {
            json_null(j, names[i]);
            continue;
        }
        json_object(j, names[i]);
        json_count(j, "pictures", tn_dataset_count(d->set));
        json_count(j, "out", d->outs);
        json_count(j, "packed", tn_dataset_side(d->set));
        json_array(j, "classes");
        for (int c = 0; c < tn_dataset_classes(d->set); c++) {
            json_object(j, NULL);
            json_text(j, "name", tn_dataset_class_name(d->set, c));
            json_count(j, "pictures", tn_dataset_class_count(d->set, c));
            json_end(j, '}');
        }
        json_end(j, ']');
        json_end(j, '}');
    }
    json_end(j, '}');
}

bool browse_about(said *s, const char *workspace, const json_value *ask)
{
    static const char *const members[] = {"set", "val", "limit", "notices", "advised"};
    const kept *k = browse_take(s, workspace, ask);
    json *j = &s->j;
    if (!k)
        return false;
    json_object(j, NULL);
    tell_record(j, k->folder, k->name, k->about, &k->stamps[1]);
    json_text(j, "problem", k->problem[0] ? k->problem : NULL);
    copy(j, "jobs", json_member(ask, "jobs"));
    tell_sides(j, k);
    json_object(j, "report");
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        copy(j, members[i], json_member(k->report, members[i]));
    json_end(j, '}');
    int64_t number = 0;
    json_array(j, "findings");
    for (const json_value *f = browse_finding(k, 0); f; f = json_next(f), number++)
        if (number < FINDINGS)
            tell_finding(j, k, f, number);
    json_end(j, ']');
    json_count(j, "num_findings", number);
    json_end(j, '}');
    return true;
}
