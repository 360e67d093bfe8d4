/* How fast an engine is: contexts that run at once, each in a thread of its own; and which of its steps take how long. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "../common/args.h"
#include "../common/json.h"
#include "../common/progress.h"
#include "../common/whole.h"
#include "../train/profile.h"
#include "infer.h"

typedef struct worker {
    const session *s;
    tn_context *context;
    ports ports;
    double *latency; /* of each run, in seconds */
    int64_t runs, room;
    double first, until; /* seconds of the first run; when to stop */
    double spent;        /* seconds from the first run's end to the last one's */
    tn_status status;
    pthread_t thread;
} worker;

/* What goes in matters little; that it is no row of zeros may. */
static void fill(ports *p)
{
    for (int i = 0; i < p->num_in; i++) {
        size_t bytes;
        tn_must(tn_shape_bytes(&p->in[i].shape, p->in[i].dtype, &bytes));
        for (size_t k = 0; p->in[i].dtype == TN_U8 && k < bytes; k++)
            ((uint8_t *)p->in[i].data)[k] = (uint8_t)(k * 37 + k / 7);
        for (size_t k = 0; p->in[i].dtype == TN_F32 && k < bytes / 4; k++)
            ((float *)p->in[i].data)[k] = (float)(k % 17) / 8 - 1;
    }
}

/* Others still run: the program ends when all have. */
static tn_status note(worker *w, double seconds)
{
    if (w->runs == w->room) {
        w->room = w->room ? 2 * w->room : 4096;
        double *more = realloc(w->latency, (size_t)w->room * sizeof *more);
        if (!more)
            return tn_fail(TN_ERR_MEMORY, "no memory for %lld times", (long long)w->room);
        w->latency = more;
    }
    w->latency[w->runs++] = seconds;
    return TN_OK;
}

static void *work(void *of)
{
    worker *w = of;
    double now = seconds();
    w->status = ports_run(&w->ports, w->context, w->s->q.rows);
    w->first = seconds() - now;
    const double start = seconds();
    w->until += start;
    while (w->status == TN_OK && (now = seconds()) < w->until) {
        w->status = ports_run(&w->ports, w->context, w->s->q.rows);
        if (w->status == TN_OK)
            w->status = note(w, seconds() - now);
    }
    w->spent = seconds() - start;
    if (w->status != TN_OK)
        args_warn("%s", tn_error());
    return NULL;
}

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* What is told. */
typedef struct result {
    int64_t runs;
    double spent;                      /* seconds, of the context that took longest */
    double rate;                       /* rows a second */
    double least, median, p90, p99;    /* seconds of a run */
    double first, open, make;          /* seconds */
    double peak;                       /* bytes that the process had at most */
    tn_context_memory memory, another; /* of the first context, and of one more */
} result;

static result sum_up(const session *s, worker *w, const tn_context_memory *memory)
{
    result r = {.open = s->open_seconds, .make = s->make_seconds, .first = w[0].first};
    struct rusage usage;
    int64_t at = 0;
    for (int i = 0; i < s->q.contexts; i++) {
        r.runs += w[i].runs;
        r.spent = w[i].spent > r.spent ? w[i].spent : r.spent;
    }
    double *all = calloc((size_t)r.runs + 1, sizeof *all);
    if (!all)
        run_fail("no memory for %lld times", (long long)r.runs);
    for (int i = 0; i < s->q.contexts; i++)
        for (int64_t k = 0; k < w[i].runs; k++)
            all[at++] = w[i].latency[k];
    qsort(all, (size_t)r.runs, sizeof *all, by_size);
    if (r.runs > 0) {
        r.least = all[0];
        r.median = all[r.runs / 2];
        r.p90 = all[r.runs * 9 / 10];
        r.p99 = all[r.runs * 99 / 100];
    }
    r.rate = (double)(r.runs * s->q.rows) / r.spent;
    free(all);
    if (getrusage(RUSAGE_SELF, &usage) == 0)
        r.peak = (double)usage.ru_maxrss * 1024;
    r.memory = memory[0];
    r.another = memory[s->q.contexts > 1];
    return r;
}

static void tell_text(const session *s, const result *r)
{
    printf("%lld runs of %lld row%s in %.3g s by %lld context%s on %s\n", (long long)r->runs,
           (long long)s->q.rows, s->q.rows == 1 ? "" : "s", r->spent, (long long)s->q.contexts,
           s->q.contexts == 1 ? "" : "s", s->q.device);
    if (tn_context_kernels(s->context))
        printf("kernels        %s\n", tn_context_kernels(s->context));
    printf("rows a second  %.1f\n", r->rate);
    printf("ms a run       %.3f least, %.3f median, %.3f p90, %.3f p99\n", 1000 * r->least,
           1000 * r->median, 1000 * r->p90, 1000 * r->p99);
    printf("ms before      %.1f open, %.1f context, %.2f first run\n", 1000 * r->open,
           1000 * r->make, 1000 * r->first);
    printf("MB             %.1f values, %.1f weights; process %.1f at most\n",
           (double)r->memory.values / 1e6, (double)r->memory.weights / 1e6, r->peak / 1e6);
    if (s->q.contexts > 1)
        printf("one more       %.1f values, %.1f weights\n", (double)r->another.values / 1e6,
               (double)r->another.weights / 1e6);
}

static void tell_json(const session *s, const result *r)
{
    json j = {.to = stdout};
    json_object(&j, NULL);
    json_text(&j, "engine", s->path);
    json_text(&j, "device", s->q.device);
    json_count(&j, "rows", s->q.rows);
    json_count(&j, "threads", s->q.threads);
    json_count(&j, "contexts", s->q.contexts);
    if (tn_context_kernels(s->context))
        json_text(&j, "kernels", tn_context_kernels(s->context));
    json_real(&j, "seconds", r->spent);
    json_count(&j, "runs", r->runs);
    json_real(&j, "rows_per_second", r->rate);
    json_real(&j, "least_seconds", r->least);
    json_real(&j, "median_seconds", r->median);
    json_real(&j, "p90_seconds", r->p90);
    json_real(&j, "p99_seconds", r->p99);
    json_real(&j, "open_seconds", r->open);
    json_real(&j, "context_seconds", r->make);
    json_real(&j, "first_seconds", r->first);
    json_count(&j, "values_bytes", (int64_t)r->memory.values);
    json_count(&j, "weights_bytes", (int64_t)r->memory.weights);
    json_real(&j, "peak_bytes", r->peak);
    json_end(&j, '}');
}

void infer_bench(session *s)
{
    static worker w[INFER_CONTEXTS];
    tn_context_memory memory[INFER_CONTEXTS];
    const tn_context_opts opts = {.rows = s->q.rows,
                                  .threads = (int)s->q.threads,
                                  .device = s->q.device,
                                  .precision = s->q.precision};
    for (int i = 0; i < s->q.contexts; i++) {
        w[i] = (worker){.s = s, .context = s->context, .until = s->q.bench};
        if (i > 0 && tn_context_create(&w[i].context, s->engine, &opts) != TN_OK)
            run_fail("%s", tn_error());
        memory[i] = tn_context_memory_of(w[i].context);
        ports_make(&w[i].ports, s, w[i].context);
        fill(&w[i].ports);
    }
    int begun = 1;
    while (begun < s->q.contexts && pthread_create(&w[begun].thread, NULL, work, &w[begun]) == 0)
        begun++;
    if (begun == s->q.contexts)
        work(&w[0]);
    tn_status status = w[0].status;
    for (int i = 1; i < begun; i++) {
        pthread_join(w[i].thread, NULL);
        status = status == TN_OK ? w[i].status : status;
    }
    if (begun < s->q.contexts)
        run_fail("no thread for context %d", begun + 1);
    if (status != TN_OK)
        run_fail("the engine could not be run");
    const result r = sum_up(s, w, memory);
    (s->q.json ? tell_json : tell_text)(s, &r);
    for (int i = 0; i < s->q.contexts; i++) {
        ports_free(&w[i].ports);
        free(w[i].latency);
        if (i > 0)
            tn_context_destroy(w[i].context);
    }
}

/* Another like that of the context, on which nothing else is then. */
static tn_device *open_device(const session *s)
{
    char name[512];
    tn_device *device = NULL;
    if (s->q.threads)
        snprintf(name, sizeof name, "%.400s,threads=%lld", s->q.device, (long long)s->q.threads);
    else
        snprintf(name, sizeof name, "%.400s", s->q.device);
    if (tn_device_open(&device, name) != TN_OK)
        run_fail("%s", tn_error());
    return device;
}

void infer_profile(session *s)
{
    tn_profile *profile = NULL;
    tn_precision precision;
    whole_probe(s->q.profile, s->q.force);
    fill(&s->ports);
    tn_status status = ports_run(&s->ports, s->context, s->q.rows);
    if (status == TN_OK)
        status = tn_precision_find(s->q.precision, &precision);
    if (status == TN_OK)
        status = tn_profile_begin(&profile, NULL);
    for (int64_t i = 0; i < s->q.runs && status == TN_OK; i++)
        status = ports_run(&s->ports, s->context, s->q.rows);
    if (status != TN_OK)
        run_fail("%s", tn_error());
    tn_device *device = open_device(s);
    profile_finish(profile, device, precision, s->q.runs, s->q.profile, s->q.force);
    tn_device_close(device);
}

void infer_report(session *s)
{
    if (tn_engine_describe(s->engine, stdout) != TN_OK)
        run_fail("%s", tn_error());
    if (!tn_engine_fact(s->engine, "tenon.report"))
        printf("accuracy: not measured when it was built\n");
}
