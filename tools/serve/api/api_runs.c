/* Lists of runs, and one of them. */
#define _POSIX_C_SOURCE 200809L

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../common/args.h"
#include "../../common/run_json.h"
#include "../server.h"
#include "../web/reply.h"

enum { LISTED = 500 };

void api_tell_run(server *s, json *j, cached_run *r)
{
    const tn_fields *c = cache_config(r);
    const cache_summary *sum = cache_summary_of(&s->cache, r);
    run_json(j, r->info);
    json_text(j, "net", api_last_part(c ? tn_fields_text(c, "net.name") : NULL));
    json_text(j, "data", c ? api_last_part(tn_fields_text(c, "data.path")) : NULL);
    json_real(j, "epochs", c ? tn_fields_number(c, "recipe.epochs") : (double)NAN);
    json_text(j, "device", r->info->device);
    json_real(j, "updated", r->info->updated);
    json_real(j, "val_top1", sum->val_top1);
    json_real(j, "val_loss", sum->val_loss);
    json_real(j, "images_s", sum->images_s);
    json_real(j, "wait", sum->wait);
    json_real(j, "took", sum->took);
}

/* ---- lists ------------------------------------------------------------------------------------------ */

static int by_life(const void *a, const void *b)
{
    const cached_run *x = *(cached_run *const *)a, *y = *(cached_run *const *)b;
    if (x->info->alive != y->info->alive)
        return y->info->alive - x->info->alive;
    const double tx = isfinite(x->info->updated) ? x->info->updated : 0,
                 ty = isfinite(y->info->updated) ? y->info->updated : 0;
    return tx != ty ? (tx < ty ? 1 : -1) : strcmp(x->name, y->name);
}

static void tell_spark(json *j, const cache_summary *sum)
{
    json_array(j, "spark");
    for (int i = 0; i < sum->points; i++)
        json_real(j, NULL, sum->spark[i]);
    json_end(j, ']');
}

static bool is_found(cached_run *r, const char *find)
{
    const tn_fields *c = cache_config(r);
    const char *texts[] = {r->name, c ? tn_fields_text(c, "net.name") : NULL,
                           c ? tn_fields_text(c, "data.path") : NULL};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (texts[i] && strstr(texts[i], find))
            return true;
    return false;
}

/* Do its pictures lie in that folder, or are they that list? "/data/ab" does not lie in "/data/a". */
static bool is_on(cached_run *r, const char *data)
{
    const tn_fields *c = cache_config(r);
    const char *path = c ? tn_fields_text(c, "data.path") : NULL;
    size_t length = strlen(data);
    while (length > 0 && data[length - 1] == '/')
        length--;
    return path && strncmp(path, data, length) == 0 &&
           (path[length] == '\0' || path[length] == '/');
}

/* GET /runs?state&find&data&after&count: those that live first, then those that ended last. */
static void get_runs(server *s, const request *r, const char *const id[], answer *a)
{
    double after = 0, count = 50;
    const char *state = http_query(r, "state"), *find = http_query(r, "find"),
               *data = http_query(r, "data");
    (void)id;
    if (!api_number(r, "after", 0, 1e9, &after, a) || !api_number(r, "count", 1, LISTED, &count, a))
        return;
    cache_lock(&s->cache);
    cached_run **run = calloc(s->cache.count + 1, sizeof(cached_run *));
    size_t found = 0;
    for (size_t i = 0; run && i < s->cache.count; i++) {
        cached_run *one = &s->cache.run[i];
        if ((!state || !*state || strcmp(state, tn_runs_state_name(one->info->state)) == 0) &&
            (!find || !*find || is_found(one, find)) && (!data || !*data || is_on(one, data)))
            run[found++] = one;
    }
    if (run)
        qsort(run, found, sizeof *run, by_life);
    reply p;
    reply_begin(&p);
    if (p.j.to && run) {
        json_object(&p.j, NULL);
        json_count(&p.j, "count", (int64_t)found);
        json_array(&p.j, "runs");
        for (size_t i = (size_t)after; i < found && i < (size_t)after + (size_t)count; i++) {
            json_object(&p.j, NULL);
            api_tell_run(s, &p.j, run[i]);
            tell_spark(&p.j, cache_summary_of(&s->cache, run[i]));
            json_end(&p.j, '}');
        }
        json_end(&p.j, ']');
        json_end(&p.j, '}');
    }
    cache_unlock(&s->cache);
    free(run);
    reply_end(&p, a, 200);
}

/* ---- one -------------------------------------------------------------------------------------------- */

/* A file of a run that a line names; none is named: true. */
static bool is_there(const char *folder, const char *file)
{
    char path[4096];
    return !file || (snprintf(path, sizeof path, "%s/%s", folder, file) < (int)sizeof path &&
                     access(path, F_OK) == 0);
}

/* The last lines of one kind; of checkpoints those that are still there. */
static void tell_lines(json *j, const char *name, tn_series *s, const char *folder,
                       const char *kind)
{
    enum { LINES = 200 };
    int64_t line[LINES], count = 0;
    tn_event e;
    for (int64_t i = tn_series_num_events(s); count < LINES && tn_series_event(s, --i, &e);)
        if (strcmp(e.kind, kind) == 0)
            line[count++] = i;
    json_array(j, name);
    while (count-- > 0) {
        tn_fields *f = NULL;
        if (tn_series_fields(s, line[count], &f) != TN_OK)
            continue;
        if (is_there(folder, tn_fields_text(f, "file")))
            run_json_fields(j, NULL, f);
        tn_fields_close(f);
    }
    json_end(j, ']');
}

/* GET /runs/ID: as `tenon run show --json`, with orders and checkpoints apart. */
static void get_run(server *s, const request *r, const char *const id[], answer *a)
{
    char folder[RUN_PATH];
    cache_loan loan;
    reply p;
    cached_run *run = api_find(s, id[0], a);
    (void)r;
    if (!run)
        return;
    reply_begin(&p);
    if (p.j.to) {
        const tn_fields *c = cache_config(run);
        json_object(&p.j, NULL);
        api_tell_run(s, &p.j, run);
        if (c)
            run_json_fields(&p.j, "config", c);
        else
            json_null(&p.j, "config");
    }
    snprintf(folder, sizeof folder, "%s", run->folder);
    cache_unlock(&s->cache);
    const bool read = cache_lend(&s->cache, id[0], &loan);
    if (p.j.to) {
        json_text(&p.j, "log_problem", read ? NULL : tn_error());
        tell_lines(&p.j, "epoch_lines", loan.series, folder, "epoch");
        tell_lines(&p.j, "orders", loan.series, folder, "order");
        tell_lines(&p.j, "checkpoints", loan.series, folder, "checkpoint");
        json_count(&p.j, "torn", tn_series_torn(loan.series));
        json_end(&p.j, '}');
    }
    if (read)
        cache_give_back(&s->cache, &loan);
    reply_end(&p, a, 200);
}

const api api_runs = {{
    {"GET", "/runs", get_runs},
    {"GET", "/runs/*", get_run, .is_long = api_long_log},
}};
