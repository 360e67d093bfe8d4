#include "profile.h"

#include <math.h>
#include <string.h>

#include "../common/args.h"
#include "../common/table.h"
#include "../common/whole.h"

/* What one device reaches; 0: unknown, and then why. */
typedef struct reached {
    double flops, bytes;
    char why[512];
} reached;

static reached measure(tn_device *device, tn_precision precision)
{
    reached r = {0};
    if (strncmp(tn_device_name(device), "sim", 3) == 0)
        snprintf(r.why, sizeof r.why, "how fast a simulation is says nothing");
    else if (tn_measure_rates(device, precision, 0.5, &r.flops, &r.bytes) != TN_OK)
        snprintf(r.why, sizeof r.why, "%s", tn_error());
    return r;
}

/* A second, of so much each time; of what took less than the device's clock tells it is not known: 0. */
static double rate(const tn_profile_layer *l, double amount)
{
    return l->seconds > 0 ? amount * (double)l->count / l->seconds : 0;
}

/* The share of what the device reaches, and of what; there is none of steps that compute and move nothing that is counted. */
static void share_cell(table *t, const tn_profile_layer *l, const reached *r)
{
    const double arithmetic = r->flops > 0 ? rate(l, l->flops) / r->flops : 0;
    const double memory = r->bytes > 0 ? rate(l, l->bytes) / r->bytes : 0;
    if (arithmetic == 0 && memory == 0)
        table_cell(t, "-");
    else
        table_cell(t, "%.0f %% of %s", 100 * fmax(arithmetic, memory),
                   arithmetic > memory ? "arithmetic" : "memory");
}

static void tell_layers(tn_profile *p, int64_t steps, const reached *r)
{
    table t = {.columns = "lllrrrrrl"};
    static const char *const heads[] = {"device", "layer",   "pass", "ms a step",         "share",
                                        "times",  "GFLOP/s", "GB/s", "of what is reached"};
    const int layers = tn_profile_num_layers(p);
    tn_profile_layer l;
    double all = 0;
    for (int i = 0; i < layers; i++)
        if (tn_profile_layer_at(p, i, &l) == TN_OK)
            all += l.seconds;
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        table_cell(&t, "%s", heads[i]);
    for (int i = 0; i < layers; i++) {
        if (tn_profile_layer_at(p, i, &l) != TN_OK)
            continue;
        table_cell(&t, "%s", l.device);
        table_cell(&t, "%s", l.node);
        table_cell(&t, "%s", l.pass);
        table_cell(&t, "%.4f", 1e3 * l.seconds / (double)steps);
        table_cell(&t, "%.1f %%", all > 0 ? 100 * l.seconds / all : 0);
        table_cell(&t, "%lld", (long long)l.count);
        table_cell(&t, "%.1f", rate(&l, l.flops) / 1e9);
        table_cell(&t, "%.1f", rate(&l, l.bytes) / 1e9);
        share_cell(&t, &l, r);
    }
    table_print(&t, stdout);
    printf("all of them: %.4f ms a step\n", 1e3 * all / (double)steps);
}

void profile_finish(tn_profile *profile, tn_device *device, tn_precision precision, int64_t steps,
                    const char *path, bool force)
{
    whole w;
    tn_profile_stop(profile);
    whole_begin(&w, path, force);
    if (tn_profile_write(profile, w.to) != TN_OK)
        run_fail("%s: %s", path, tn_error());
    whole_end(&w);
    const reached r = measure(device, precision);
    printf("\nprofile of %lld step%s: %s, to be opened at ui.perfetto.dev\n", (long long)steps,
           steps == 1 ? "" : "s", path);
    if (*r.why)
        printf("what the device reaches is not known: %s\n", r.why);
    else
        printf("the device reaches %.4g GFLOP/s in a product of matrices, and %.4g GB/s\n",
               r.flops / 1e9, r.bytes / 1e9);
    tell_layers(profile, steps, &r);
    if (tn_profile_lost(profile) > 0)
        printf("%lld spans had no room and were lost\n", (long long)tn_profile_lost(profile));
    tn_profile_destroy(profile);
}
