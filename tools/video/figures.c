#include "figures.h"

#include <math.h>
#include <string.h>

#include "../common/progress.h"
#include "../common/table.h"
#include "video.h"

void figures_make(figures *f)
{
    *f = (figures){0};
    pthread_mutex_init(&f->lock, NULL);
}

void figures_free(figures *f)
{
    pthread_mutex_destroy(&f->lock);
}

void figures_frame(figures *f, double now)
{
    pthread_mutex_lock(&f->lock);
    if (f->frames++ == 0)
        f->first = f->shown = now;
    f->last = now;
    pthread_mutex_unlock(&f->lock);
}

/* From a microsecond on. */
static int step_of(double seconds)
{
    const double step = seconds > 1e-6 ? log(seconds / 1e-6) / log1p(1.0 / 40) : 0;
    return step < FIGURES_STEPS - 1 ? (int)step : FIGURES_STEPS - 1;
}

static double middle_of(int step)
{
    return 1e-6 * exp((step + 0.5) * log1p(1.0 / 40));
}

void figures_answer(figures *f, double latency)
{
    pthread_mutex_lock(&f->lock);
    f->answers++;
    f->since[step_of(latency)]++;
    f->all[step_of(latency)]++;
    f->last = seconds();
    pthread_mutex_unlock(&f->lock);
}

static void count(figures *f, int64_t *what)
{
    pthread_mutex_lock(&f->lock);
    ++*what;
    pthread_mutex_unlock(&f->lock);
}

void figures_dropped(figures *f)
{
    count(f, &f->dropped);
}

void figures_bad(figures *f)
{
    count(f, &f->bad);
}

void figures_again(figures *f)
{
    count(f, &f->again);
}

/* ---- telling ---------------------------------------------------------------------------------- */

/* Of a histogram; NAN of an empty one. */
static double percentile(const int64_t *all, const int32_t *since, double part)
{
    int64_t total = 0, below = 0;
    for (int i = 0; i < FIGURES_STEPS; i++)
        total += all ? all[i] : since[i];
    for (int i = 0; i < FIGURES_STEPS; i++) {
        below += all ? all[i] : since[i];
        if (total > 0 && (double)below >= part * (double)total)
            return middle_of(i);
    }
    return NAN;
}

static void cell_ms(table *t, double seconds)
{
    if (isnan(seconds))
        table_cell(t, "-");
    else
        table_cell(t, "%.3g", 1000 * seconds);
}

/* Frames so far, and in how many seconds how many came that count for the rate. */
typedef struct sum {
    int64_t frames, dropped, bad, again, recent;
    double first, last;
} sum;

static void tell_row(table *t, const char *name, const sum *a)
{
    const double span = a->last - a->first;
    table_cell(t, "%s", name);
    table_cell(t, "%lld", (long long)a->frames);
    table_cell(t, "%.1f", span > 0 && a->recent > 0 ? (double)a->recent / span : 0.0);
    table_cell(t, "%lld", (long long)a->dropped);
    table_cell(t, "%lld", (long long)a->bad);
    table_cell(t, "%lld", (long long)a->again);
}

/* `total` has it added to it. */
static void tell_stream(table *t, stream *s, bool all, double now, sum *total)
{
    figures *f = &s->figures;
    pthread_mutex_lock(&f->lock);
    const sum a = {.frames = f->frames,
                   .dropped = f->dropped,
                   .bad = f->bad,
                   .again = f->again,
                   .recent = all ? f->frames : f->frames - f->shown_frames,
                   .first = all ? f->first : f->shown,
                   .last = all ? f->last : now};
    tell_row(t, s->spec.name, &a);
    for (int i = 0; i < 3; i++)
        cell_ms(t, percentile(all ? f->all : NULL, f->since, i == 0 ? 0.5 : i == 1 ? 0.95 : 0.99));
    memset(f->since, 0, sizeof f->since);
    f->shown = now;
    f->shown_frames = f->frames;
    pthread_mutex_unlock(&f->lock);
    *total = (sum){.frames = total->frames + a.frames,
                   .dropped = total->dropped + a.dropped,
                   .bad = total->bad + a.bad,
                   .again = total->again + a.again,
                   .recent = total->recent + a.recent,
                   .first = a.frames > 0 ? fmin(total->first, a.first) : total->first,
                   .last = fmax(total->last, a.last)};
}

void figures_tell(video *v, bool all)
{
    static const char *const heading[] = {"stream", "frames", "a second", "dropped", "bad",
                                          "again",  "ms p50", "p95",      "p99"};
    table t = {.columns = "lrrrrrrrr"};
    for (size_t i = 0; i < sizeof heading / sizeof heading[0]; i++)
        table_cell(&t, "%s", heading[i]);
    sum total = {.first = INFINITY};
    for (int i = 0; i < v->streams; i++)
        tell_stream(&t, &v->stream[i], all, seconds(), &total);
    if (v->streams > 1) {
        tell_row(&t, "all", &total);
        for (int i = 0; i < 3; i++)
            table_cell(&t, "%s", "");
    }
    table_print(&t, stderr);
    if (v->batches > 0)
        fprintf(stderr, "batches: %lld of %lld, %.0f %% filled\n", (long long)v->batches,
                (long long)v->net.rows,
                100 * (double)v->batch_rows / (double)(v->batches * v->net.rows));
    fflush(stderr);
}
