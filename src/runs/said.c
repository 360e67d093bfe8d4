/* What the program adds to its run: numbers, lines, texts that stay. */
#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

#include "base/escape.h"
#include "runs/runs.h"

/* "val_norm", as a member of a line and as a tag: letters, digits, _ - . / */
static bool is_name(const char *name)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./";
    const size_t length = strspn(name, letters);
    return length > 0 && !name[length] && length < sizeof((tn_run_number *)NULL)->name;
}

static tn_status check_name(const char *name, const char *what)
{
    if (is_name(name))
        return TN_OK;
    return tn_fail(TN_ERR_ARGUMENT,
                   "run: \"%.80s\" cannot be the name of a %s: up to 63 of A-Z a-z 0-9 _ - . /",
                   name, what);
}

static bool is_own(const char *name)
{
    static const char *const own[] = {"e",    "t",    "step", "epoch",    "batch",
                                      "loss", "top1", "rate", "images_s", "wait"};
    for (size_t i = 0; i < TN_COUNT(own); i++)
        if (strcmp(name, own[i]) == 0)
            return true;
    return false;
}

tn_status tn_run_log(tn_run *run, const char *name, double number)
{
    TN_NEED(run, "run");
    TN_NEED(name, "name");
    TN_TRY(check_name(name, "number"));
    if (is_own(name))
        return tn_fail(TN_ERR_ARGUMENT, "run: a line of the log has \"%s\" already", name);
    int i = 0;
    while (i < run->num_numbers && strcmp(run->number[i].name, name) != 0)
        i++;
    if (i == TN_RUN_MAX_NUMBERS)
        return tn_fail(TN_ERR_ARGUMENT,
                       "run: \"%s\" would be number %d of a line, and %d are the most", name, i + 1,
                       TN_RUN_MAX_NUMBERS);
    snprintf(run->number[i].name, sizeof run->number[i].name, "%s", name);
    run->number[i].value = number;
    run->num_numbers = i < run->num_numbers ? run->num_numbers : i + 1;
    return TN_OK;
}

tn_status tn_run_event(tn_run *run, const char *kind, const char *fields)
{
    TN_NEED(run, "run");
    TN_NEED(kind, "kind");
    TN_NEED(fields, "fields");
    TN_TRY(check_name(kind, "line"));
    size_t good;
    const bool utf8 = tn_text_is_utf8(fields, &good);
    cJSON *object = utf8 ? cJSON_Parse(fields) : NULL;
    if (!cJSON_IsObject(object)) {
        cJSON_Delete(object);
        return tn_fail(TN_ERR_ARGUMENT,
                       "run: the fields of a line \"%s\" are no JSON object in UTF-8: %.200s", kind,
                       fields);
    }
    tn_json *j = tn_run_line_begin(run, kind);
    const cJSON *m;
    cJSON_ArrayForEach(m, object)
    {
        char *value = cJSON_PrintUnformatted(m);
        if (value)
            tn_json_raw(j, m->string, value);
        j->failed |= !value;
        cJSON_free(value);
    }
    tn_run_line_end(run);
    cJSON_Delete(object);
    return TN_OK;
}

static tn_run_text *find(const tn_run *run, const char *name)
{
    for (size_t i = 0; i < run->num_kept; i++)
        if (strcmp(run->kept[i].name, name) == 0)
            return &run->kept[i];
    return NULL;
}

static void forget(tn_run *run, tn_run_text *t)
{
    tn_free(t->name);
    tn_free(t->text);
    *t = run->kept[--run->num_kept];
}

tn_status tn_run_keep(tn_run *run, const char *name, const char *text)
{
    TN_NEED(run, "run");
    TN_NEED(name, "name");
    TN_TRY(check_name(name, "text"));
    tn_run_text *old = find(run, name);
    if (!text) {
        if (old)
            forget(run, old);
        return TN_OK;
    }
    char *copy = tn_copy_text(text), *key = old ? NULL : tn_copy_text(name);
    if (!copy || (!old && !key) ||
        tn_grow((void **)&run->kept, run->num_kept, &run->kept_capacity, sizeof *run->kept,
                "texts of the run") != TN_OK) {
        tn_free(copy);
        tn_free(key);
        return tn_no_memory("texts of the run", strlen(text));
    }
    if (old) {
        tn_free(old->text);
        old->text = copy;
    } else {
        run->kept[run->num_kept++] = (tn_run_text){key, copy};
    }
    return TN_OK;
}

const char *tn_run_kept(const tn_run *run, const char *name)
{
    const tn_run_text *t = run && name ? find(run, name) : NULL;
    return t ? t->text : NULL;
}
