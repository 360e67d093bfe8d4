/*
 * config.json: what the program said that its run is, and under "tenon" what the library adds. Written once; a program
 * that resumes the run must say the same.
 */
#include <cjson/cJSON.h>
#include <string.h>

#include "base/aside.h"
#include "base/escape.h"
#include "runs/read.h"
#include "runs/runs.h"

static const char ours[] = "tenon";

/* ---- reading ---------------------------------------------------------------------------------- */

/* cJSON's own memory; NULL and the reason if it is no object. */
static tn_status parse(cJSON **out, const char *text, size_t bytes, const char *who)
{
    const char *end = NULL;
    cJSON *object = cJSON_ParseWithLengthOpts(text, bytes + 1, &end, true);
    if (cJSON_IsObject(object)) {
        *out = object;
        return TN_OK;
    }
    const bool other = object != NULL;
    cJSON_Delete(object);
    return other ? tn_fail(TN_ERR_FORMAT, "%s: is no JSON object", who)
                 : tn_fail(TN_ERR_FORMAT, "%s: is no JSON from byte %zu on", who,
                           end ? (size_t)(end - text) : 0);
}

/* Readers would take one or the other. */
static tn_status check_unique(const cJSON *object, const char *who)
{
    const cJSON *m;
    cJSON_ArrayForEach(m, object)
    {
        if (m->string && cJSON_GetObjectItemCaseSensitive(object, m->string) != m)
            return tn_fail(TN_ERR_ARGUMENT, "%s: has the member \"%s\" twice", who, m->string);
        TN_TRY(check_unique(m, who));
    }
    return TN_OK;
}

/* What the program says. */
static tn_status parse_given(cJSON **out, const char *text)
{
    static const char who[] = "the config of the run";
    size_t good;
    if (!tn_text_is_utf8(text, &good))
        return tn_fail(TN_ERR_ARGUMENT, "%s: is no UTF-8 from byte %zu on, as JSON has to be", who,
                       good);
    cJSON *given = NULL;
    TN_TRY(parse(&given, text, strlen(text), who));
    const tn_status status = check_unique(given, who);
    if (status == TN_OK)
        *out = given;
    else
        cJSON_Delete(given);
    return status;
}

static tn_status read_config(cJSON **out, const tn_run_folder *f)
{
    char *text = NULL, *path = NULL;
    size_t bytes = 0;
    tn_status status =
        tn_runs_read_whole(&text, &bytes, f->dir, f->path, "config.json", TN_RUN_CONFIG_MOST);
    if (status != TN_OK)
        return status;
    path = tn_run_path(f, "config.json");
    status = path ? parse(out, text, bytes, path) : tn_no_memory("config", bytes);
    tn_free(path);
    tn_free(text);
    return status;
}

tn_status tn_run_config(const char *folder, char **out)
{
    TN_NEED(folder, "folder");
    TN_NEED(out, "out");
    cJSON *config = NULL;
    tn_run_folder f;
    TN_TRY(tn_run_folder_look(&f, folder));
    tn_status status = read_config(&config, &f);
    if (status == TN_END)
        status =
            tn_fail(TN_ERR_IO, "%s/config.json: is not there: this folder holds no run", folder);
    tn_run_folder_close(&f);
    TN_TRY(status);
    cJSON_DeleteItemFromObjectCaseSensitive(config, ours);
    char *text = cJSON_Print(config);
    *out = text ? tn_copy_text(text) : NULL;
    cJSON_free(text);
    cJSON_Delete(config);
    return *out ? TN_OK : tn_no_memory("config", 1);
}

void tn_run_text_free(char *text)
{
    tn_free(text);
}

/* ---- what must be the same -------------------------------------------------------------------- */

static bool is_free(const char *name)
{
    static const char *const free_names[] = {"threads", "log_every", "keep", "version"};
    for (size_t i = 0; i < TN_COUNT(free_names); i++)
        if (strcmp(name, free_names[i]) == 0)
            return true;
    return false;
}

/* "cuda" of "mpi:cuda:0-3,graph=off" */
static size_t kind_of(const char **device)
{
    if (strncmp(*device, "mpi:", 4) == 0)
        *device += 4;
    return strcspn(*device, ":,");
}

static bool same_kind(const cJSON *a, const cJSON *b)
{
    if (!cJSON_IsString(a) || !cJSON_IsString(b))
        return cJSON_Compare(a, b, true);
    const char *p = a->valuestring, *q = b->valuestring;
    const size_t length = kind_of(&p);
    return length == kind_of(&q) && strncmp(p, q, length) == 0;
}

static tn_status differs(const char *path, const cJSON *was, const cJSON *is)
{
    char *then = was ? cJSON_PrintUnformatted(was) : NULL;
    char *now = is ? cJSON_PrintUnformatted(is) : NULL;
    const tn_status status = tn_fail(
        TN_ERR_ARGUMENT, "the run was begun with another config: %s was %.200s and is %.200s now",
        path, then ? then : "not there", now ? now : "not there");
    cJSON_free(then);
    cJSON_free(now);
    return status;
}

static tn_status compare(const char *path, const cJSON *was, const cJSON *is);

/* What one has and the other has another of, or none. */
static tn_status compare_members(const char *path, const cJSON *was, const cJSON *is)
{
    const cJSON *m;
    cJSON_ArrayForEach(m, was)
    {
        char *name = tn_format("%s%s%s", path, *path ? "." : "", m->string);
        if (!name)
            return tn_no_memory("config", strlen(path));
        const cJSON *other = cJSON_GetObjectItemCaseSensitive(is, m->string);
        const bool device = strcmp(m->string, "device") == 0;
        tn_status status = TN_OK;
        if (device ? !same_kind(m, other) : !other && !is_free(m->string))
            status = differs(name, m, other);
        else if (!device && !is_free(m->string))
            status = compare(name, m, other);
        tn_free(name);
        TN_TRY(status);
    }
    cJSON_ArrayForEach(m, is) if (!is_free(m->string) &&
                                  !cJSON_GetObjectItemCaseSensitive(was, m->string))
    {
        char *name = tn_format("%s%s%s", path, *path ? "." : "", m->string);
        const tn_status status = name ? differs(name, NULL, m) : tn_no_memory("config", 1);
        tn_free(name);
        return status;
    }
    return TN_OK;
}

static tn_status compare(const char *path, const cJSON *was, const cJSON *is)
{
    if (cJSON_IsObject(was) && cJSON_IsObject(is))
        return compare_members(path, was, is);
    return cJSON_Compare(was, is, true) ? TN_OK : differs(path, was, is);
}

tn_status tn_run_config_check(const tn_run_folder *f, const char *config)
{
    cJSON *was = NULL, *is = NULL;
    tn_status status = read_config(&was, f);
    if (status == TN_OK)
        status = parse_given(&is, config);
    if (status == TN_OK) {
        cJSON_DeleteItemFromObjectCaseSensitive(was, ours);
        status = compare("", was, is);
        if (status == TN_ERR_ARGUMENT)
            status = tn_fail(status, "%s/config.json: %s", f->path, tn_error());
    }
    cJSON_Delete(was);
    cJSON_Delete(is);
    return status;
}

/* ---- writing ---------------------------------------------------------------------------------- */

static tn_status add_ours(cJSON *config, const tn_run *run)
{
    if (cJSON_GetObjectItemCaseSensitive(config, ours))
        return tn_fail(TN_ERR_ARGUMENT,
                       "the config of the run: its member \"%s\" is the library's to say", ours);
    cJSON *j = cJSON_AddObjectToObject(config, ours);
    const tn_run_opts *o = &run->opts;
    if (j && cJSON_AddNumberToObject(j, "v", TN_RUN_VERSION) &&
        cJSON_AddStringToObject(j, "version", tn_version()) &&
        cJSON_AddStringToObject(j, "device", tn_device_name(o->device)) &&
        cJSON_AddStringToObject(j, "precision", tn_precision_name(tn_plan_precision(o->plan))) &&
        cJSON_AddNumberToObject(j, "batch", (double)tn_plan_batch(o->plan)))
        return TN_OK;
    return tn_no_memory("config", 256);
}

static tn_status place(const tn_run_folder *f, const char *text)
{
    tn_aside a;
    char *path = tn_run_path(f, "config.json");
    tn_status status = path ? tn_aside_open(&a, path) : tn_no_memory("config", 1);
    tn_free(path);
    TN_TRY(status);
    status = tn_aside_write(&a, text, strlen(text));
    if (status == TN_OK)
        status = tn_aside_write(&a, "\n", 1);
    if (status == TN_OK)
        status = tn_aside_place(&a);
    tn_aside_discard(&a);
    return status;
}

tn_status tn_run_config_write(const tn_run *run)
{
    cJSON *config = NULL;
    const char *text = run->opts.config;
    TN_TRY(parse_given(&config, text));
    tn_status status = add_ours(config, run);
    char *whole = status == TN_OK ? cJSON_Print(config) : NULL;
    if (status == TN_OK)
        status = whole ? place(&run->folder, whole) : tn_no_memory("config", strlen(text));
    cJSON_free(whole);
    cJSON_Delete(config);
    return status;
}
