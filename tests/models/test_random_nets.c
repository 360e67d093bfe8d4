/*
 * Nets drawn at random, a training run of each on every device and in every way there is to plan it, against the
 * reference kernels: the loss, the last values and each parameter's gradient. What no table of cases thought
 * of: which layers meet, in which layouts, with which of them fused, joined or put in between, and which
 * share their weights.
 *
 * The net of a failure can be drawn again: its number is in the message, and so is what it was made of.
 */
#include <math.h>
#include <string.h>

#include "base/random.h"
#include "graph/op.h"
#include "lab_op.h"
#include "lab_random_net.h"

enum { NETS = 40, BATCH = LAB_NET_BATCH, CLASSES = LAB_NET_CLASSES, MAX_PARAMS = 64 };

/* Where a relu or a maximum stands, an element may go another way because two numbers are equal within rounding.
 * So a gradient is compared as a whole, by the 2-norm of the difference, which one such element moves little; and
 * a net is only wrong if it is with each of three batches. */
enum { BATCHES = 3 };
static const double allowed = 2e-3;

typedef struct answers {
    float loss, logits[BATCH * CLASSES], *gradient[MAX_PARAMS];
    int64_t count[MAX_PARAMS];
    char name[MAX_PARAMS][64];
    int params;
} answers;

static void read_gradients(tn_plan *p, answers *a)
{
    a->params = tn_plan_num_params(p);
    assert_true(a->params <= MAX_PARAMS);
    for (int i = 0; i < a->params; i++) {
        tn_param_info info;
        assert_ok(tn_plan_param(p, i, &info));
        assert_ok(tn_shape_count(&info.shape, &a->count[i]));
        snprintf(a->name[i], sizeof a->name[i], "%s", info.full_name);
        a->gradient[i] = calloc((size_t)a->count[i], sizeof(float));
        assert_non_null(a->gradient[i]);
        assert_ok(tn_plan_param_get(p, i, info.trained ? TN_PARAM_GRADIENT : TN_PARAM_VALUE,
                                    (tn_tensor){TN_F32, info.shape, a->gradient[i]}));
    }
}

static answers run(const lab_net *n, int batch, const char *device, tn_plan_opts opts)
{
    answers a = {0};
    tn_device *d = NULL;
    tn_plan *p = NULL;
    uint8_t *pixels = calloc(BATCH, (size_t)(n->image.dim[1] * n->image.dim[2] * n->image.dim[3]));
    const int32_t labels[BATCH] = {3, 0, 4};
    tn_random r = tn_random_begin(LAB_SEED, TN_RANDOM_TEST, (uint64_t)batch);
    assert_non_null(pixels);
    for (int64_t i = 0; i < tn_elements(&n->image); i++)
        pixels[i] = (uint8_t)tn_random_below(&r, 256);
    opts.loss = n->loss;
    opts.keep = &n->logits;
    opts.num_keep = 1;
    opts.seed = 5;
    opts.precision = TN_PRECISION_F32;
    assert_ok(tn_device_open(&d, device));
    assert_ok(tn_plan_create(&p, n->g, d, &opts));
    assert_ok(tn_plan_set(p, n->in, (tn_tensor){TN_U8, n->image, pixels}));
    int32_t copy[BATCH];
    memcpy(copy, labels, sizeof copy);
    assert_ok(tn_plan_set(p, n->label, (tn_tensor){TN_I32, TN_SHAPE(BATCH), copy}));
    assert_ok(tn_plan_run(p));
    assert_ok(tn_plan_get(p, n->loss, (tn_tensor){TN_F32, {0}, &a.loss}));
    assert_ok(tn_plan_get(p, n->logits, (tn_tensor){TN_F32, TN_SHAPE(BATCH, CLASSES), a.logits}));
    read_gradients(p, &a);
    tn_plan_destroy(p);
    tn_device_close(d);
    free(pixels);
    return a;
}

static void drop(answers *a)
{
    for (int i = 0; i < a->params; i++)
        free(a->gradient[i]);
}

static double norm(const float *x, const float *less, int64_t count)
{
    double sum = 0;
    for (int64_t i = 0; i < count; i++)
        sum += pow((double)x[i] - (less ? (double)less[i] : 0), 2);
    return sqrt(sum);
}

/* `floor`: what a number that is 0 but for rounding may be off by, over `allowed`. Says what is wrong. */
static bool close(const char *what, const float *got, const float *want, int64_t count,
                  double floor, char *why, size_t size)
{
    const double off = norm(got, want, count), all = norm(want, NULL, count);
    if (off <= allowed * (all + floor))
        return true;
    snprintf(why, size, "%s is off by %.3g of %.3g", what, off, all);
    return false;
}

/* A bias before a batchnorm has no gradient: what it is found to be is rounding, of gradients of other sizes. */
static double floor_of(const answers *a)
{
    double largest = 0;
    for (int i = 0; i < a->params; i++)
        largest = fmax(largest, norm(a->gradient[i], NULL, a->count[i]));
    return 0.05 * largest;
}

static bool same(const answers *got, const answers *want, char *why, size_t size)
{
    assert_int_equal(got->params, want->params);
    bool all = close("the loss", &got->loss, &want->loss, 1, 0, why, size) &&
               close("logits", got->logits, want->logits, BATCH * CLASSES, 0, why, size);
    for (int i = 0; i < want->params && all; i++)
        all = close(want->name[i], got->gradient[i], want->gradient[i], want->count[i],
                    floor_of(want), why, size);
    return all;
}

static void agrees(const lab_net *n, int number, const char *device, const char *way,
                   tn_plan_opts opts)
{
    char why[160] = "";
    for (int batch = 0; batch < BATCHES; batch++) {
        answers want = run(n, batch, "cpu,reference", (tn_plan_opts){0});
        answers got = run(n, batch, device, opts);
        const bool right = same(&got, &want, why, sizeof why);
        drop(&got);
        drop(&want);
        if (right)
            return;
    }
    fail_msg("net %d (%s) on %s%s: %s", number, n->made_of, device, way, why);
}

static void random_nets_agree_with_the_reference(void **unused)
{
    (void)unused;
    static const char *const preferring[] = {"cpu,threads=2,prefer=first",
                                             "cpu,threads=2,prefer=tiles",
                                             "cpu,threads=2,prefer=winograd"};
    for (int i = 0; i < NETS; i++) {
        lab_net n = lab_draw_net(i, true);
        for (const char *const *device = lab_devices(); *device; device++)
            agrees(&n, i, *device, "", (tn_plan_opts){0});
        agrees(&n, i, "cpu", ", strict", (tn_plan_opts){.strict = true});
        agrees(&n, i, "cpu", ", no fusion", (tn_plan_opts){.no_fusion = true});
        agrees(&n, i, "cpu,threads=1", "", (tn_plan_opts){0});
        for (size_t k = 0; lab_can_prefer() && k < TN_COUNT(preferring); k++)
            agrees(&n, i, preferring[k], "", (tn_plan_opts){0});
        tn_graph_destroy(n.g);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(random_nets_agree_with_the_reference)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
