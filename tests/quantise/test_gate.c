/*
 * Two models judged on the same rows: counts and the interval against numbers that were worked out by hand; a net that whole numbers
 * spoil does not pass, one layer of which is left as long as that helps, and one that nothing helps is not made.
 */
#include <math.h>
#include <string.h>

#include "lab_quantise.h"

/* Three layers that hand the first four features on. */
static const char net[] = "tenon graph 1\n"
                          "input x f32 N 8\n"
                          "a = dense(x) units=8 no_bias\n"
                          "ra = relu(a)\n"
                          "b = dense(ra) units=8 no_bias\n"
                          "rb = relu(b)\n"
                          "c = dense(rb) units=4 no_bias\n"
                          "output c\n";

/* weight[k][k] = 1; and in a layer that is spoilt weight[k][7] = 1000, times a feature that is always 0: it changes
 * nothing but the scale, and of the rest nothing is left. `WRONG`: rows whose label is 0 are said to be of class 1. `TURNED`: of
 * the class before. */
enum { RIGHT, WRONG, TURNED };

static tn_model *make(const char *spoilt, int how)
{
    tn_model *read = NULL, *m = NULL;
    tn_device *d = NULL;
    tn_plan *p = NULL;
    assert_ok(tn_model_read(&read, "net", net, NULL));
    assert_ok(tn_device_open(&d, "cpu"));
    assert_ok(tn_plan_create(&p, tn_model_graph(read), d, &(tn_plan_opts){.seed = 1}));
    for (int i = 0; i < tn_plan_num_params(p); i++) {
        tn_param_info info;
        float w[64] = {0};
        assert_ok(tn_plan_param(p, i, &info));
        for (int k = 0; k < info.shape.dim[0]; k++) {
            w[k * 8 + (how == TURNED && info.node[0] == 'c' ? (k + 1) % 4 : k)] = 1;
            w[k * 8 + 7] = strstr(spoilt, info.node) ? 1000 : k == 7;
        }
        if (strcmp(info.node, "a") == 0) /* the last feature stays 0 */
            w[7 * 8 + 7] = 0;
        if (strcmp(info.node, "c") == 0 && how == WRONG)
            w[1 * 8 + 0] = 1;
        assert_ok(tn_plan_param_set(p, i, TN_PARAM_VALUE, (tn_tensor){TN_F32, info.shape, w}));
    }
    assert_ok(tn_model_of_plan(&m, p));
    tn_plan_destroy(p);
    tn_device_close(d);
    tn_model_close(read);
    return m;
}

static tn_device *device;

static void counts_both(void **unused)
{
    (void)unused;
    tn_model *m = make("", RIGHT), *other = make("", WRONG);
    tn_loader *rows = lab_rows(TN_SHAPE(LAB_FEATURES), 10, false);
    tn_gate g;
    assert_ok(tn_model_compare(&g, m, m, device, rows, NULL));
    assert_int_equal(g.rows, LAB_ITEMS);
    assert_true(g.top_1[0] == LAB_ITEMS && g.top_1[1] == LAB_ITEMS && g.agree == LAB_ITEMS);
    assert_true(g.lost == 0 && g.won == 0 && g.drop == 0 && g.passed && !g.tells);
    /* p = q = 1 / 98: 196 sqrt(2 / 98 / 98) points either way */
    assert_true(fabs(g.high - 196 * sqrt(2.0 / 98 / 98)) < 1e-9 && fabs(g.low + g.high) < 1e-9);
    assert_int_equal(g.rows_needed, (int64_t)ceil(LAB_ITEMS * g.high * g.high));

    /* The quarter whose label is 0 is lost, and the other way round won. */
    assert_ok(tn_model_compare(&g, m, other, device, rows, NULL));
    assert_true(g.lost == LAB_ITEMS / 4 && g.won == 0 && g.agree == LAB_ITEMS - g.lost);
    assert_true(g.top_1[0] - g.top_1[1] == g.lost && g.top_k[1] == LAB_ITEMS);
    assert_true(g.drop == 25 && !g.passed && g.low > 15 && g.low < 25 && g.high > 25);
    assert_ok(
        tn_model_compare(&g, other, m, device, rows, &(tn_gate_opts){.rows = 16, .top_k = 1}));
    assert_true(g.rows == 16 && g.won == 4 && g.drop == -25 && g.passed);
    assert_true(g.top_k[0] == 12 && g.top_k[1] == 16);
    assert_ok(tn_model_compare(&g, m, other, device, rows, &(tn_gate_opts){.max_drop = 30}));
    assert_true(g.passed && g.tells && g.rows_needed == LAB_ITEMS && g.comparisons == 1);
    assert_ok(tn_model_compare(&g, m, m, device, rows, &(tn_gate_opts){.max_drop = TN_EXACTLY(0)}));
    assert_true(g.passed && !g.tells && g.rows_needed == 0);
    tn_loader_close(rows);
    tn_model_close(other);
    tn_model_close(m);
}

static void within(const char *spoilt, tn_gate *g, tn_model **out)
{
    tn_model *m = make(spoilt, RIGHT);
    tn_loader *pictures = lab_rows(TN_SHAPE(LAB_FEATURES), 16, true),
              *labelled = lab_rows(TN_SHAPE(LAB_FEATURES), 10, false);
    assert_ok(tn_model_quantise_within(out, g, m, device, pictures, labelled,
                                       &(tn_quantise_opts){.all = true}, NULL));
    tn_loader_close(pictures);
    tn_loader_close(labelled);
    tn_model_close(m);
}

/* Without a limit the net is spoilt; within one that layer is left, and no other. */
static void leaves_what_spoils(void **unused)
{
    (void)unused;
    tn_gate g;
    tn_model *q = NULL, *m = make("b", RIGHT);
    tn_loader *rows = lab_rows(TN_SHAPE(LAB_FEATURES), 16, false);
    assert_ok(tn_model_quantise(&q, m, device, rows, &(tn_quantise_opts){.all = true}));
    assert_ok(tn_model_compare(&g, m, q, device, rows, NULL));
    assert_true(!g.passed && g.drop > 50);
    tn_model_close(q);
    tn_model_close(m);
    tn_loader_close(rows);

    q = NULL;
    within("", &g, &q);
    assert_true(q && g.passed && g.layers == 3 && g.left == 0 && g.drop == 0);
    tn_model_close(q);
    q = NULL;
    within("b", &g, &q);
    assert_true(q && g.passed && g.layers == 2 && g.left == 1 && g.drop == 0);
    assert_null(strstr(tn_model_fact(q, "tenon.graph"), "b.weight.grid"));
    assert_non_null(strstr(tn_model_fact(q, "tenon.graph"), "c.weight.grid"));
    const char *report = tn_model_fact(q, "tenon.report");
    assert_true(report && strstr(report, "rows 96\ntop-1 100.00 % before, 100.00 % now\n"));
    assert_non_null(strstr(report, "\nlayers in 8 bits 2\nleft in f32: b, signal to noise "));
    assert_non_null(strstr(report, "\ncomparisons with these rows 2\n"));
    assert_non_null(strstr(report, "\nso many rows cannot tell: about "));
    tn_model_close(q);
}

/* Its classes in another order than the labels': all is as wrong as before, which says nothing. */
static void guesses_judge_nothing(void **unused)
{
    (void)unused;
    tn_gate g;
    tn_model *m = make("", TURNED), *q = NULL;
    tn_loader *pictures = lab_rows(TN_SHAPE(LAB_FEATURES), 16, true),
              *labelled = lab_rows(TN_SHAPE(LAB_FEATURES), 10, false);
    assert_ok(tn_model_compare(&g, m, m, device, labelled, NULL));
    assert_true(g.top_1[0] == 0 && g.drop == 0 && g.guesses && !g.passed);
    assert_ok(tn_model_quantise_within(&q, &g, m, device, pictures, labelled,
                                       &(tn_quantise_opts){.all = true}, NULL));
    assert_true(!q && g.guesses && !g.passed && g.comparisons == 1);
    tn_loader_close(pictures);
    tn_loader_close(labelled);
    tn_model_close(m);
}

static void makes_nothing_of_what_is_spoilt(void **unused)
{
    (void)unused;
    tn_gate g;
    tn_model *q = NULL;
    within("abc", &g, &q);
    assert_null(q);
    assert_true(!g.passed && g.layers == 0 && g.left == 3 && g.drop > 50);
    assert_true(g.low > 1 && g.tells); /* so much, that these rows do tell it */
}

static void refuses(void **unused)
{
    (void)unused;
    tn_gate g;
    tn_model *m = make("", RIGHT),
             *wide = lab_drawn("tenon graph 1\ninput x f32 N 8\n"
                               "y = dense(x) units=5\noutput y\n"),
             *none = NULL;
    assert_ok(tn_model_read(&none, "none",
                            "tenon graph 1\ninput x f32 N 8\ny = dense(x) units=4\n"
                            "z = mul(y, y)\nl = reduce(z)\nloss l\n",
                            NULL));
    tn_loader *rows = lab_rows(TN_SHAPE(LAB_FEATURES), 16, false);
    assert_fails(tn_model_compare(&g, m, wide, device, rows, NULL), TN_ERR_SHAPE,
                 "the outputs are 1 x 4 and 1 x 5");
    assert_fails(tn_model_compare(&g, none, m, device, rows, NULL), TN_ERR_ARGUMENT, "no output");
    assert_fails(tn_model_compare(&g, m, m, device, rows, &(tn_gate_opts){.max_drop = -1}),
                 TN_ERR_ARGUMENT, "max_drop is -1");
    tn_loader_close(rows);
    tn_model_close(none);
    tn_model_close(wide);
    tn_model_close(m);
}

static int open_device(void **unused)
{
    (void)unused;
    return tn_device_open(&device, "cpu") == TN_OK ? 0 : -1;
}

static int close_device(void **unused)
{
    (void)unused;
    tn_device_close(device);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_both),
        cmocka_unit_test(leaves_what_spoils),
        cmocka_unit_test(guesses_judge_nothing),
        cmocka_unit_test(makes_nothing_of_what_is_spoilt),
        cmocka_unit_test(refuses),
    };
    return cmocka_run_group_tests(tests, open_device, close_device);
}
