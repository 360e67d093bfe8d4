/*
 * reach: what a device reaches, by plans of one layer, made larger until one run takes a good part of the time that there is; the
 * largest counts. Small ones say little: their start is in them, and caches hold what they read.
 */
#include <math.h>
#include <string.h>

#include <tenon/tune.h>

#include "base/base.h"
#include "base/thread.h"
#include "plan/plan_io.h"

/* A layer whose size is a number. */
typedef struct probe {
    const char *op; /* whose steps count */
    tn_value (*make)(tn_graph *g, int64_t size);
    double (*amount)(const tn_step_info *s); /* what a step does, of what is counted a second */
    int64_t first, last;                     /* sizes */
    double (*room)(int64_t size);            /* bytes that a device needs for it, about */
} probe;

static tn_value make_product(tn_graph *g, int64_t size)
{
    const tn_value x = tn_input(g, "x", TN_F32, TN_SHAPE(size, size));
    return tn_dense(g, x, &(tn_dense_opts){.name = "product", .units = (int)size, .no_bias = true});
}

static double operations(const tn_step_info *s)
{
    return s->flops;
}

static double room_of_product(int64_t size)
{
    return 8 * (double)size * (double)size * sizeof(float); /* and the kernel's own copies */
}

static tn_value make_stream(tn_graph *g, int64_t size)
{
    const tn_value x = tn_input(g, "x", TN_F32, TN_SHAPE(1, size));
    return tn_relu(g, x, &(tn_layer_opts){.name = "stream"});
}

static double bytes_moved(const tn_step_info *s)
{
    return (double)s->read + (double)s->written;
}

static double room_of_stream(int64_t size)
{
    return 4 * (double)size * sizeof(float);
}

static const probe product = {"dense", make_product, operations, 128, 8192, room_of_product};
static const probe stream = {"relu",           make_stream,      bytes_moved,
                             (int64_t)1 << 24, (int64_t)1 << 27, room_of_stream};

/* One plan of the probe, run until `until`, three times at least: the best rate, and the seconds that its fastest run took. */
static tn_status try_size(const probe *p, tn_plan *plan, double until, double *rate, double *took)
{
    const int steps = tn_plan_num_steps(plan);
    double *seconds = tn_alloc((size_t)steps, sizeof *seconds);
    tn_status status = seconds ? tn_plan_fill(plan) : tn_no_memory("rates", sizeof *seconds);
    *took = INFINITY;
    for (int i = 0; status == TN_OK && (i < 3 || tn_now() < until); i++) {
        status = tn_plan_profile(plan, 0, seconds);
        for (int k = 0; k < steps && status == TN_OK; k++) {
            tn_step_info s;
            status = tn_plan_step(plan, k, &s);
            if (status != TN_OK || s.pass != TN_PASS_FORWARD || strcmp(s.op, p->op) != 0)
                continue;
            *rate = fmax(*rate, p->amount(&s) / seconds[k]);
            *took = fmin(*took, seconds[k]);
        }
    }
    tn_free(seconds);
    return status;
}

static tn_status make(const probe *p, tn_device *device, tn_precision precision, int64_t size,
                      tn_graph *g, tn_plan **out)
{
    const tn_plan_opts opts = {.precision = precision};
    tn_output(g, p->make(g, size));
    TN_TRY(tn_plan_create(out, g, device, &opts));
    return tn_plan_replicas(*out) > 1
               ? tn_fail(TN_ERR_UNSUPPORTED,
                         "rates: %s is several devices: what one reaches is measured on one",
                         tn_device_name(device))
               : TN_OK;
}

/* One size, of which *rate is the best; *next: there is time and room for the next. */
static tn_status measure_size(const probe *p, tn_device *device, tn_precision precision,
                              int64_t size, double end, double *rate, bool *next)
{
    tn_graph *g = NULL;
    tn_plan *plan = NULL;
    double took;
    *rate = 0;
    tn_status status = tn_graph_create(&g);
    if (status == TN_OK)
        status = make(p, device, precision, size, g, &plan);
    if (status == TN_OK)
        status = try_size(p, plan, 0, rate, &took);
    if (status == TN_OK) {
        *next = *next && tn_now() + 24 * took < end; /* up to eight times as long, three runs */
        status = *next ? TN_OK : try_size(p, plan, end, rate, &took);
    }
    tn_plan_destroy(plan);
    tn_graph_destroy(g);
    return status;
}

static tn_status measure(const probe *p, tn_device *device, tn_precision precision, double seconds,
                         double *rate)
{
    const double end = tn_now() + seconds;
    size_t free_bytes;
    bool next = true;
    TN_TRY(tn_device_memory(device, NULL, &free_bytes));
    for (int64_t size = p->first; next; size *= 2) {
        next = size * 2 <= p->last && p->room(2 * size) <= (double)free_bytes / 4;
        TN_TRY(measure_size(p, device, precision, size, end, rate, &next));
    }
    return TN_OK;
}

tn_status tn_measure_rates(tn_device *device, tn_precision precision, double seconds, double *flops,
                           double *bytes)
{
    TN_NEED(device, "device");
    if (!(seconds > 0 && seconds <= 60))
        return tn_fail(TN_ERR_ARGUMENT, "rates: measured for %g seconds, not above 0 and up to 60",
                       seconds);
    if (flops)
        TN_TRY(measure(&product, device, precision, seconds, flops));
    if (bytes)
        TN_TRY(measure(&stream, device, TN_PRECISION_F32, seconds, bytes));
    return TN_OK;
}
