/*
 * The log of a run that is to go on, read once: which checkpoints it tells of, which files it has told to be bad, which
 * orders it obeyed, what it evaluated, and where its last whole line ends.
 */
#define _POSIX_C_SOURCE 200809L

#include "runs/scan.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void tn_run_scan_free(tn_run_scan *s)
{
    for (size_t i = 0; i < s->count; i++)
        tn_free(s->told[i].text);
    tn_free(s->told);
    *s = (tn_run_scan){0};
}

static tn_status add(tn_run_scan *s, tn_run_told_kind kind, int64_t step, const char *text)
{
    TN_TRY(tn_grow((void **)&s->told, s->count, &s->capacity, sizeof *s->told, "log"));
    char *copy = tn_copy_text(text);
    if (!copy)
        return tn_no_memory("log", strlen(text));
    s->told[s->count++] = (tn_run_told){kind, step, copy};
    return TN_OK;
}

static const char *text_of(const cJSON *line, const char *name)
{
    const cJSON *m = cJSON_GetObjectItemCaseSensitive(line, name);
    return cJSON_IsString(m) ? m->valuestring : "";
}

static tn_status note(tn_run_scan *s, const cJSON *line, const char *text)
{
    const char *kind = text_of(line, "e");
    const cJSON *number = cJSON_GetObjectItemCaseSensitive(line, "step");
    const double step = cJSON_IsNumber(number) ? number->valuedouble : -1;
    if (!(step >= 0 && step < 1e15))
        return TN_OK; /* not of our making */
    s->any |= true;
    if (strcmp(kind, "checkpoint") == 0)
        return add(s, TN_TOLD_CHECKPOINT, (int64_t)step, text_of(line, "xxh3"));
    if (strcmp(kind, "bad_file") == 0)
        return add(s, TN_TOLD_BAD, (int64_t)step, text_of(line, "path"));
    if (strcmp(kind, "evaluate") == 0)
        return add(s, TN_TOLD_EVALUATED, (int64_t)step, "");
    if (strcmp(kind, "order") == 0 &&
        cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(line, "applied")))
        return add(s, TN_TOLD_ORDER, (int64_t)step, text);
    return TN_OK;
}

/* TN_END: it is no JSON object. */
static tn_status scan_line(tn_run_scan *s, const char *text, size_t bytes)
{
    cJSON *line = cJSON_ParseWithLength(text, bytes);
    const tn_status status = cJSON_IsObject(line) ? note(s, line, text) : TN_END;
    cJSON_Delete(line);
    return status;
}

tn_status tn_run_scan_log(tn_run_scan *s, const char *path)
{
    *s = (tn_run_scan){0};
    FILE *f = fopen(path, "re");
    if (!f && errno == ENOENT)
        return TN_OK;
    if (!f)
        return tn_fail(TN_ERR_IO, "%s: cannot be opened: %s", path, strerror(errno));
    char *text = NULL;
    size_t room = 0;
    ssize_t bytes;
    int64_t at = 0;
    tn_status status = TN_OK;
    while (status == TN_OK && (bytes = getline(&text, &room, f)) > 0) {
        at += bytes;
        if (text[bytes - 1] == '\n')
            status = scan_line(s, text, (size_t)bytes);
        else
            status = TN_END;
        if (status == TN_OK)
            s->whole = at;
        if (status == TN_END) /* torn, or foreign: passed over */
            status = TN_OK;
    }
    if (status == TN_OK && ferror(f))
        status = tn_fail(TN_ERR_IO, "%s: cannot be read: %s", path, strerror(errno));
    free(text);
    fclose(f);
    return status;
}

const tn_run_told *tn_run_scan_last(const tn_run_scan *s, tn_run_told_kind kind, int64_t step,
                                    const char *text)
{
    for (size_t i = s->count; i > 0; i--) {
        const tn_run_told *t = &s->told[i - 1];
        if (t->kind == kind && (step < 0 || t->step == step) &&
            (!text || strcmp(t->text, text) == 0))
            return t;
    }
    return NULL;
}
