#define _XOPEN_SOURCE 700 /* open_memstream, realpath */
/*
 * What a run is, as JSON: all that repeats it. A run that goes on is made of it again, recipe and net, and must come to
 * the same text.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../common/args.h"
#include "../common/json.h"
#include "job.h"

/* ---- writing ---------------------------------------------------------------------------------- */

/* From anywhere. The path as it is where there is no such file. */
static void write_path(json *out, const char *name, const char *path)
{
    char *whole = realpath(path, NULL);
    json_text(out, name, whole ? whole : path);
    free(whole);
}

/* The path stays what it was where the set was moved: the digest says that it is the same. */
static void write_set(json *out, const job *j, const char *name, const tn_dataset *set,
                      const char *path)
{
    char digest[33], was[32];
    if (!set) {
        json_null(out, name);
        return;
    }
    tn_must(tn_dataset_digest(set, digest));
    snprintf(was, sizeof was, "data.%s.path", name);
    const char *before = json_string(json_member(j->was, was));
    json_object(out, name);
    if (before)
        json_text(out, "path", before);
    else
        write_path(out, "path", path);
    json_count(out, "images", tn_dataset_count(set));
    json_text(out, "digest", digest);
    json_end(out, '}');
}

static void write_data(json *out, const job *j)
{
    const sets *of = &j->s.sets;
    json_object(out, "data");
    const char *before = json_string(json_member(j->was, "data.path"));
    if (before || !j->s.r.folder)
        json_text(out, "path", before);
    else
        write_path(out, "path", j->s.r.folder);
    write_set(out, j, "train", of->train, of->train_path);
    write_set(out, j, "val", of->val, of->val_path[0] ? of->val_path : of->train_path);
    json_array(out, "classes");
    for (int i = 0; j->s.net.name[0] && i < j->s.net.classes; i++)
        json_text(out, NULL, j->s.net.name[i]);
    json_end(out, ']');
    json_end(out, '}');
}

static void write_net(json *out, const job *j)
{
    const network *n = &j->s.net;
    const network_fit fit = network_describe_fit(n);
    char *text = NULL;
    size_t bytes;
    FILE *f = open_memstream(&text, &bytes);
    if (!f)
        run_fail("no memory for the text of a net");
    tn_must(tn_graph_write(n->g, f));
    if (fclose(f) != 0)
        run_fail("no memory for the text of a net");
    json_object(out, "net");
    json_text(out, "name", n->about);
    json_text(out, "fit", fit.text);
    json_text(out, "text", text);
    json_end(out, '}');
    free(text);
}

/* Numbers that it began with: a file of another size is another. It is not needed any more once there is a checkpoint. */
static void write_init(json *out, const job *j)
{
    struct stat about;
    double bytes = -1;
    const char *path = j->s.r.init;
    if (!path)
        return;
    if (stat(path, &about) == 0)
        bytes = (double)about.st_size;
    else
        json_number(json_member(j->was, "init.bytes"), &bytes);
    json_object(out, "init");
    json_text(out, "path", path);
    json_count(out, "bytes", (int64_t)bytes);
    json_end(out, '}');
}

char *job_config(const job *j)
{
    const session *s = &j->s;
    char *text = NULL;
    size_t bytes;
    json out = {.to = open_memstream(&text, &bytes)};
    if (!out.to)
        run_fail("no memory for the config of a run");
    json_object(&out, NULL);
    json_text(&out, "program", "tenon-train");
    json_text(&out, "version", tn_version());
    json_object(&out, "recipe");
    recipe_write(&s->r, &out);
    json_end(&out, '}');
    json_text(&out, "device", tn_device_name(s->device));
    json_text(&out, "precision", tn_precision_name(tn_plan_precision(s->plan)));
    json_count(&out, "threads", s->r.threads);
    json_count(&out, "keep", j->keep);
    json_count(&out, "log_every", j->log_every);
    json_count(&out, "save_every", j->save_every);
    json_count(&out, "save_steps", j->save_steps);
    write_init(&out, j);
    write_data(&out, j);
    write_net(&out, j);
    json_end(&out, '}');
    if (fclose(out.to) != 0)
        run_fail("no memory for the config of a run");
    return text;
}

/* ---- reading ---------------------------------------------------------------------------------- */

static const json_value *need(const job *j, const char *path)
{
    const json_value *v = json_member(j->was, path);
    if (!v)
        args_fail("%s/config.json: does not say \"%s\": the run is none of tenon-train", j->from,
                  path);
    return v;
}

static int64_t need_count(const job *j, const char *path)
{
    double number;
    if (!json_number(need(j, path), &number) || !(number >= 0 && number <= 1e15))
        args_fail("%s/config.json: its \"%s\" is no count", j->from, path);
    return (int64_t)number;
}

static const char *need_text(const job *j, const char *path)
{
    const char *text = json_string(need(j, path));
    if (!text)
        args_fail("%s/config.json: its \"%s\" is no text", j->from, path);
    return text;
}

/* The net as it was, whatever its name or its file now mean. */
static void read_net(job *j)
{
    tn_model **text = &j->s.text;
    j->s.known_as = need_text(j, "net.name");
    if (tn_model_read(text, j->s.known_as, need_text(j, "net.text"),
                      &(tn_model_opts){.batch = j->s.r.batch}) != TN_OK ||
        tn_model_tell(*text, "tenon.fit", need_text(j, "net.fit")) != TN_OK)
        args_fail("%s/config.json: %s", j->from, tn_error());
}

void job_take_config(job *j, const char *text)
{
    char name[RUN_PATH + 16];
    recipe *r = &j->s.r;
    snprintf(name, sizeof name, "%s/config.json", j->from);
    j->was = json_parse(text);
    if (!j->was)
        args_fail("%s: is no JSON", name);
    recipe_read(r, need(j, "recipe"), name);
    if (!r->device)
        r->device = need_text(j, "device");
    if (r->threads == 0)
        r->threads = need_count(j, "threads");
    if (!r->folder && !r->synthetic)
        r->folder = need_text(j, "data.path");
    if (j->keep == 0)
        j->keep = need_count(j, "keep");
    j->save_every = need_count(j, "save_every");
    j->save_steps = need_count(j, "save_steps");
    if (j->log_every == 0)
        j->log_every = need_count(j, "log_every");
    read_net(j);
}

void job_read_config(job *j)
{
    char *text = NULL;
    if (tn_run_config(j->from, &text) != TN_OK)
        args_fail("%s", tn_error());
    job_take_config(j, text);
    tn_run_text_free(text);
}
