/* Numbers of a run's log, thinned for a chart. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../../common/run_json.h"
#include "../server.h"
#include "../web/reply.h"

enum { POINTS = 400, MOST_POINTS = 4000, MOST_NAMES = 16, NAME = 128 };

/* What is asked for. */
typedef struct wish {
    double from, to, points, smooth;
    const char *names;
} wish;

/* "epoch.val.loss" is val.loss of the lines `epoch`. */
static bool find(const tn_series *s, const char *name, tn_column *out)
{
    char kind[NAME];
    const char *dot = strchr(name, '.');
    const size_t length = dot ? (size_t)(dot - name) : NAME;
    if (length >= sizeof kind)
        return false;
    memcpy(kind, name, length);
    kind[length] = '\0';
    return tn_series_find(s, kind, dot + 1, out);
}

static int64_t first_from(const tn_column *c, double step)
{
    int64_t low = 0, high = c->count;
    while (low < high) {
        const int64_t middle = (low + high) / 2;
        if ((double)c->step[middle] < step)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Averages with weights that fall by `weight` from point to point, over all points before any is left out: so a curve is
 * the same whatever part of it is shown. For free(). */
static double *smooth_all(const tn_column *c, double weight)
{
    double *to = malloc((size_t)(c->count + 1) * sizeof *to), sum = 0, weights = 0;
    for (int64_t i = 0; to && i < c->count; i++) {
        if (isfinite(c->value[i])) {
            sum = weight * sum + (1 - weight) * c->value[i];
            weights = weight * weights + (1 - weight);
        }
        to[i] = weights > 0 ? sum / weights : (double)NAN;
    }
    return to;
}

/* Each part of a thinned curve: where it ends, its last number, its least and largest, and the smoothed one. */
enum part { X, Y, LOW, HIGH, SMOOTH, PARTS };
static const char *const part_names[PARTS] = {"x", "y", "low", "high", "smooth"};

static double one(enum part what, const tn_column *c, const double *smooth, int64_t from,
                  int64_t to)
{
    double low = (double)INFINITY, high = (double)-INFINITY;
    if (what == X)
        return (double)c->step[to - 1];
    if (what == Y)
        return c->value[to - 1];
    if (what == SMOOTH)
        return smooth[to - 1];
    for (int64_t i = from; i < to; i++) {
        low = c->value[i] < low ? c->value[i] : low;
        high = c->value[i] > high ? c->value[i] : high;
    }
    return what == LOW ? low : high;
}

static void tell_column(json *j, const char *name, const tn_column *c, const wish *w)
{
    const int64_t from = first_from(c, w->from), to = first_from(c, w->to + 1), all = to - from;
    const int64_t parts = all < (int64_t)w->points ? all : (int64_t)w->points;
    double *smooth = smooth_all(c, w->smooth);
    if (!smooth)
        return;
    json_object(j, name);
    for (int what = X; what < PARTS; what++) {
        json_array(j, part_names[what]);
        for (int64_t p = 0; p < parts; p++)
            json_real(j, NULL,
                      one((enum part)what, c, smooth, from + all * p / parts,
                          from + all * (p + 1) / parts));
        json_end(j, ']');
    }
    json_end(j, '}');
    free(smooth);
}

/* Something was done at that step: orders, and that it was resumed. */
static void tell_marks(json *j, tn_series *s)
{
    tn_event e;
    json_array(j, "marks");
    for (int64_t i = 0; tn_series_event(s, i, &e); i++) {
        tn_fields *f = NULL;
        const bool is_order = strcmp(e.kind, "order") == 0;
        if ((!is_order && strcmp(e.kind, "resume") != 0 && strcmp(e.kind, "diverged") != 0) ||
            tn_series_fields(s, i, &f) != TN_OK)
            continue;
        const tn_field *applied = tn_fields_find(f, "applied");
        if (!is_order || (applied && applied->number > 0)) {
            json_object(j, NULL);
            json_count(j, "step", e.step);
            json_text(j, "kind", e.kind);
            json_text(j, "order", tn_fields_text(f, "order"));
            for (int64_t k = 0; k < tn_fields_count(f); k++) {
                const tn_field *one_ = tn_fields_at(f, k);
                if (strncmp(one_->name, "set.", 4) == 0)
                    json_real(j, one_->name + 4, one_->number);
            }
            json_end(j, '}');
        }
        tn_fields_close(f);
    }
    json_end(j, ']');
}

static void tell_names(json *j, const tn_series *s)
{
    tn_column c;
    char name[2 * NAME];
    json_array(j, "names");
    for (int64_t i = 0; tn_series_column(s, i, &c); i++)
        if (strlen(c.kind) < NAME && strlen(c.name) < NAME) {
            snprintf(name, sizeof name, "%s.%s", c.kind, c.name);
            json_text(j, NULL, name);
        }
    json_end(j, ']');
}

static void tell_series(json *j, const tn_series *s, const wish *w)
{
    char name[NAME];
    const char *at = w->names;
    json_object(j, "series");
    for (int i = 0; i < MOST_NAMES && at && *at; i++) {
        const size_t length = strcspn(at, ",");
        tn_column c;
        if (length < sizeof name) {
            memcpy(name, at, length);
            name[length] = '\0';
            if (find(s, name, &c))
                tell_column(j, name, &c, w);
        }
        at += length + (at[length] == ',');
    }
    json_end(j, '}');
}

/* False: there is none, or it cannot be read, and that is the answer. */
static bool open_log(server *s, const char *id, cache_loan *l, answer *a)
{
    if (!api_find(s, id, a))
        return false;
    cache_unlock(&s->cache);
    if (cache_lend(&s->cache, id, l))
        return true;
    reply_error(a, 500, NULL, "%s", tn_error());
    return false;
}

/* GET /runs/ID/series?names&from&to&points&smooth */
static void get_series(server *s, const request *r, const char *const id[], answer *a)
{
    wish w = {.to = 1e15, .points = POINTS, .names = http_query(r, "names")};
    tn_column steps;
    reply p;
    if (!api_number(r, "from", 0, 1e15, &w.from, a) || !api_number(r, "to", 0, 1e15, &w.to, a) ||
        !api_number(r, "points", 1, MOST_POINTS, &w.points, a) ||
        !api_number(r, "smooth", 0, 0.9999, &w.smooth, a))
        return;
    cache_loan loan;
    if (!open_log(s, id[0], &loan, a))
        return;
    tn_series *log = loan.series;
    reply_begin(&p);
    if (p.j.to) {
        json_object(&p.j, NULL);
        const bool any = tn_series_find(log, "step", "rate", &steps) && steps.count > 0;
        json_count(&p.j, "end", any ? steps.step[steps.count - 1] : 0);
        tell_marks(&p.j, log);
        tell_names(&p.j, log);
        tell_series(&p.j, log, &w);
        json_end(&p.j, '}');
    }
    cache_give_back(&s->cache, &loan);
    reply_end(&p, a, 200);
}

/* GET /runs/ID/log?before&lines: the last ones before a line, by their numbers. */
static void get_log(server *s, const request *r, const char *const id[], answer *a)
{
    double before = 1e15, lines = 200;
    reply p;
    if (!api_number(r, "before", 0, 1e15, &before, a) ||
        !api_number(r, "lines", 1, 1000, &lines, a))
        return;
    cache_loan loan;
    if (!open_log(s, id[0], &loan, a))
        return;
    tn_series *log = loan.series;
    const int64_t all = tn_series_num_events(log);
    const int64_t end = before < (double)all ? (int64_t)before : all;
    const int64_t from = end > (int64_t)lines ? end - (int64_t)lines : 0;
    reply_begin(&p);
    if (p.j.to) {
        json_object(&p.j, NULL);
        json_count(&p.j, "count", all);
        json_count(&p.j, "from", from);
        json_array(&p.j, "lines");
        for (int64_t i = from; i < end; i++) {
            tn_fields *f = NULL;
            if (tn_series_fields(log, i, &f) == TN_OK)
                run_json_fields(&p.j, NULL, f);
            else
                json_null(&p.j, NULL);
            tn_fields_close(f);
        }
        json_end(&p.j, ']');
        json_end(&p.j, '}');
    }
    cache_give_back(&s->cache, &loan);
    reply_end(&p, a, 200);
}

const api api_series = {{
    {"GET", "/runs/*/series", get_series, .is_long = api_long_log},
    {"GET", "/runs/*/log", get_log, .is_long = api_long_log},
}};
