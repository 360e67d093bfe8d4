#define _POSIX_C_SOURCE 200809L /* open_memstream */

/* softmax_xent_mixed: against loops in double and PyTorch's soft targets; it evaluates as the plain loss, and is read from text. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tenon/text.h>

#include "golden/xent_mixed.h"
#include "lab_op.h"
#include "lab_sim.h"

static tn_value build(tn_graph *g, const tn_value *x, int num_x, const void *opts)
{
    (void)num_x;
    return tn_softmax_xent_mixed(g, x[0], x[1], x[2], x[3], opts).loss;
}

/* Cross entropy against the targets themselves. */
static void reference(const lab_ref *r)
{
    const tn_softmax_xent_opts *o = r->opts;
    const double e = o ? (double)o->label_smoothing : 0;
    const int64_t rows = r->x_shape[0].dim[0], classes = r->x_shape[0].dim[1];
    double total = 0;
    for (int64_t n = 0; n < rows; n++) {
        const double *x = r->x[0] + n * classes, share = r->x[3][n];
        double max = x[0], sum = 0;
        for (int64_t k = 0; k < classes; k++)
            max = fmax(max, x[k]);
        for (int64_t k = 0; k < classes; k++)
            sum += exp(x[k] - max);
        for (int64_t k = 0; k < classes; k++) {
            const double hard =
                (k == (int64_t)r->x[1][n] ? share : 0) + (k == (int64_t)r->x[2][n] ? 1 - share : 0);
            total -= ((1 - e) * hard + e / (double)classes) * (x[k] - max - log(sum));
        }
    }
    r->y[0] = total / (double)rows;
}

static void agrees_with_the_formula(void **unused)
{
    (void)unused;
    static const lab_op op = {.build = build, .reference = reference, .loss = true};
    static const tn_softmax_xent_opts smooth = {.label_smoothing = 0.1F};
#define SHARES(n)                     \
    {                                 \
        {1, {n}}, .low = 0, .high = 1 \
    }
#define LABELS(n, k)               \
    {                              \
        {1, {n}}, TN_I32, 0, (k)-1 \
    }
    static const lab_case cases[] = {
        {.why = "small", .x = {{{2, {3, 4}}}, LABELS(3, 4), LABELS(3, 4), SHARES(3)}},
        {.why = "smoothed",
         .x = {{{2, {9, 3}}, .low = -4, .high = 4}, LABELS(9, 3), LABELS(9, 3), SHARES(9)},
         .opts = &smooth},
        /* The gradient of a share is the difference of two losses: in coarser numbers little is left of it. */
        {.why = "ImageNet's classes",
         .x = {{{2, {4, 1000}}}, LABELS(4, 1000), LABELS(4, 1000), SHARES(4)},
         .f32_only = true},
    };
    lab_check_op(&op, cases, TN_COUNT(cases));
}

/* ---- single runs ---------------------------------------------------------------------------- */

enum { ROWS = 4, CLASSES = 6 };

typedef struct rig {
    tn_device *device;
    tn_graph *g;
    tn_plan *plan;
    tn_value logits, labels, partners, shares;
    tn_loss loss;
} rig;

static void rig_open(rig *r, const char *device, const tn_softmax_xent_opts *opts)
{
    *r = (rig){0};
    assert_ok(tn_device_open(&r->device, device));
    assert_ok(tn_graph_create(&r->g));
    r->logits = tn_input(r->g, "logits", TN_F32, TN_SHAPE(ROWS, CLASSES));
    r->labels = tn_input(r->g, "labels", TN_I32, TN_SHAPE(ROWS));
    r->partners = tn_input(r->g, "partners", TN_I32, TN_SHAPE(ROWS));
    r->shares = tn_input(r->g, "shares", TN_F32, TN_SHAPE(ROWS));
    r->loss = tn_softmax_xent_mixed(r->g, r->logits, r->labels, r->partners, r->shares, opts);
    const tn_plan_opts plan = {
        .loss = r->loss.loss, .keep = &r->loss.top_1, .num_keep = 1, .input_gradients = true};
    assert_ok(tn_plan_create(&r->plan, r->g, r->device, &plan));
}

static void rig_close(rig *r)
{
    tn_plan_destroy(r->plan);
    tn_graph_destroy(r->g);
    tn_device_close(r->device);
}

static void rig_set(rig *r, const int32_t *partners, const float *shares)
{
    float x[ROWS * CLASSES], s[ROWS];
    int32_t a[ROWS], b[ROWS];
    memcpy(x, golden_mixed_x, sizeof x);
    memcpy(s, shares, sizeof s);
    memcpy(a, golden_mixed_labels, sizeof a);
    memcpy(b, partners, sizeof b);
    assert_ok(tn_plan_set(r->plan, r->logits, (tn_tensor){TN_F32, TN_SHAPE(ROWS, CLASSES), x}));
    assert_ok(tn_plan_set(r->plan, r->labels, (tn_tensor){TN_I32, TN_SHAPE(ROWS), a}));
    assert_ok(tn_plan_set(r->plan, r->partners, (tn_tensor){TN_I32, TN_SHAPE(ROWS), b}));
    assert_ok(tn_plan_set(r->plan, r->shares, (tn_tensor){TN_F32, TN_SHAPE(ROWS), s}));
}

static float loss_of(rig *r)
{
    float loss = NAN;
    assert_ok(tn_plan_get(r->plan, r->loss.loss, (tn_tensor){TN_F32, {0}, &loss}));
    return loss;
}

static void agrees_with_pytorch(void **unused)
{
    (void)unused;
    const struct {
        float smoothing;
        const double *loss, *dx;
    } cases[] = {
        {0, golden_mixed_plain_loss, golden_mixed_plain_dx},
        {0.1F, golden_mixed_smooth_loss, golden_mixed_smooth_dx},
    };
    for (const char *const *device = lab_devices(); *device; device++)
        for (size_t i = 0; i < TN_COUNT(cases); i++) {
            rig r;
            float dx[ROWS * CLASSES];
            rig_open(&r, *device, &(tn_softmax_xent_opts){.label_smoothing = cases[i].smoothing});
            rig_set(&r, golden_mixed_partners, golden_mixed_shares);
            assert_ok(tn_plan_run(r.plan));
            const float loss = loss_of(&r);
            lab_assert_close("loss", &loss, cases[i].loss, 1, 1);
            assert_ok(tn_plan_get_gradient(r.plan, r.logits,
                                           (tn_tensor){TN_F32, TN_SHAPE(ROWS, CLASSES), dx}));
            lab_assert_close("dx", dx, cases[i].dx, ROWS * CLASSES, 1);
            rig_close(&r);
        }
}

/* With shares of 1 it is the loss of labels, to the bit, whatever the partners. */
static void evaluates_as_the_plain_loss(void **unused)
{
    (void)unused;
    static const float ones[] = {1, 1, 1, 1};
    for (const char *const *device = lab_devices(); *device; device++) {
        rig r;
        float other = NAN;
        int32_t right = -1;
        rig_open(&r, *device, NULL);
        rig_set(&r, golden_mixed_labels, ones);
        assert_ok(tn_plan_evaluate(r.plan));
        const float same = loss_of(&r);
        assert_ok(tn_plan_get(r.plan, r.loss.top_1, (tn_tensor){TN_I32, {0}, &right}));
        rig_set(&r, (const int32_t[]){5, -1, 5, 0}, ones);
        assert_ok(tn_plan_evaluate(r.plan));
        other = loss_of(&r);
        assert_true(same == other);
        assert_true(right >= 0 && right <= 3);
        rig_close(&r);
    }
}

/* Two GPUs share the batch, and one of them has a row without a label. */
static void a_group_has_the_loss_of_the_batch(void **unused)
{
    (void)unused;
    lab_need_sim(sim);
    rig r;
    float dx[ROWS * CLASSES];
    sim->set_devices(2);
    rig_open(&r, "sim:0-1", NULL);
    rig_set(&r, golden_mixed_partners, golden_mixed_shares);
    assert_ok(tn_plan_run(r.plan));
    const float loss = loss_of(&r);
    lab_assert_close("loss", &loss, golden_mixed_plain_loss, 1, 1);
    assert_ok(
        tn_plan_get_gradient(r.plan, r.logits, (tn_tensor){TN_F32, TN_SHAPE(ROWS, CLASSES), dx}));
    lab_assert_close("dx", dx, golden_mixed_plain_dx, ROWS * CLASSES, 1);
    rig_close(&r);
}

static char *text_of(const tn_graph *g, size_t *bytes)
{
    char *text = NULL;
    FILE *f = open_memstream(&text, bytes);
    assert_non_null(f);
    assert_ok(tn_graph_write(g, f));
    fclose(f);
    return text;
}

static void is_read_from_text(void **unused)
{
    (void)unused;
    static const char text[] = "tenon graph 1\n"
                               "input x f32 N 6\n"
                               "input a i32 N\n"
                               "input b i32 N\n"
                               "input s f32 N\n";
    tn_graph *g = NULL, *again = NULL;
    char *written = NULL, *twice = NULL;
    size_t bytes;
    assert_ok(tn_graph_read(&g, text, strlen(text), &(tn_graph_read_opts){.batch = 3}));
    const tn_loss loss = tn_softmax_xent_mixed(
        g, tn_graph_value(g, "x"), tn_graph_value(g, "a"), tn_graph_value(g, "b"),
        tn_graph_value(g, "s"), &(tn_softmax_xent_opts){.name = "loss", .label_smoothing = 0.1F});
    tn_minimise(g, loss.loss);
    assert_ok(tn_graph_status(g));
    assert_string_equal(tn_value_name(g, loss.loss), "loss");
    written = text_of(g, &bytes);
    assert_ok(tn_graph_read(&again, written, bytes, &(tn_graph_read_opts){.batch = 5}));
    twice = text_of(again, &bytes);
    assert_string_equal(written, twice);
    free(written);
    free(twice);
    tn_graph_destroy(g);
    tn_graph_destroy(again);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_formula),
        cmocka_unit_test(agrees_with_pytorch),
        cmocka_unit_test(evaluates_as_the_plain_loss),
        cmocka_unit_test(a_group_has_the_loss_of_the_batch),
        cmocka_unit_test(is_read_from_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
