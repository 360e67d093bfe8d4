/* eval: against naive loops in double; ties, labels and numbers that are none; the same whatever the batch. */
#include <math.h>
#include <string.h>

#include <tenon/eval.h>

#include "base/random.h"
#include "lab.h"

enum { ROWS = 500, CLASSES = 7, TOP = 3 };

typedef struct rows {
    float x[ROWS * CLASSES];
    int32_t label[ROWS];
} rows;

/* Logits of few values, so that there are ties; every ninth row has no label. */
static void fill(rows *r, bool shares)
{
    tn_random random = tn_random_begin(5, TN_RANDOM_TEST, shares);
    for (int i = 0; i < ROWS; i++) {
        double sum = 0;
        r->label[i] = i % 9 == 8 ? -1 : (int32_t)tn_random_below(&random, CLASSES - 1);
        for (int k = 0; k < CLASSES; k++) {
            r->x[i * CLASSES + k] = (float)tn_random_below(&random, 9) - 4;
            sum += exp((double)r->x[i * CLASSES + k]);
        }
        for (int k = 0; k < CLASSES && shares; k++)
            r->x[i * CLASSES + k] = (float)(exp((double)r->x[i * CLASSES + k]) / sum);
    }
}

static tn_status add(tn_eval *e, rows *r, int64_t first, int64_t count, int64_t classes)
{
    return tn_eval_add(e, (tn_tensor){TN_F32, TN_SHAPE(count, classes), r->x + first * classes},
                       (tn_tensor){TN_I32, TN_SHAPE(count), r->label + first});
}

/* What should come out, by the definitions. */
typedef struct naive {
    int64_t rows, top_1, top_k, cell[CLASSES][CLASSES];
    double loss;
} naive;

static naive count(const rows *r, bool shares)
{
    naive n = {0};
    for (int i = 0; i < ROWS; i++) {
        const float *x = r->x + i * CLASSES;
        const int label = r->label[i];
        int place[CLASSES], taken[CLASSES] = {0};
        double sum = 0;
        if (label < 0)
            continue;
        for (int p = 0; p < CLASSES; p++) { /* sorted, the lower class first of equals */
            int best = -1;
            for (int k = 0; k < CLASSES; k++)
                if (!taken[k] && (best < 0 || x[k] > x[best]))
                    best = k;
            taken[best] = 1;
            place[p] = best;
            sum += exp((double)x[p]);
        }
        n.rows++;
        n.top_1 += place[0] == label;
        for (int p = 0; p < TOP; p++)
            n.top_k += place[p] == label;
        n.cell[label][place[0]]++;
        n.loss -= shares ? log((double)x[label]) : (double)x[label] - log(sum);
    }
    n.loss /= (double)n.rows;
    return n;
}

static void assert_classes(const tn_eval *e, const naive *want)
{
    for (int k = 0; k < CLASSES; k++) {
        const tn_eval_class got = tn_eval_class_of(e, k);
        int64_t rows_of = 0, said = 0;
        for (int j = 0; j < CLASSES; j++) {
            rows_of += want->cell[k][j];
            said += want->cell[j][k];
        }
        assert_int_equal(got.rows, rows_of);
        assert_int_equal(got.right, want->cell[k][k]);
        assert_int_equal(got.said, said);
        if (rows_of == 0)
            assert_true(isnan(got.recall));
        else
            assert_true(got.recall == (double)want->cell[k][k] / (double)rows_of);
        assert_true(got.precision == (double)want->cell[k][k] / (double)said);
    }
}

static void assert_cells(tn_eval *e, const naive *want)
{
    const tn_eval_cell *cell;
    int64_t cells, at = 0;
    assert_ok(tn_eval_confusion(e, &cell, &cells));
    for (int k = 0; k < CLASSES; k++)
        for (int j = 0; j < CLASSES; j++) {
            if (want->cell[k][j] == 0)
                continue;
            assert_true(at < cells);
            assert_int_equal(cell[at].label, k);
            assert_int_equal(cell[at].said, j);
            assert_int_equal(cell[at++].rows, want->cell[k][j]);
        }
    assert_int_equal(at, cells);
}

static void check(bool shares)
{
    static rows r;
    fill(&r, shares);
    const naive want = count(&r, shares);
    double loss = NAN;
    static const int batches[] = {ROWS, 1, 7, 64};
    tn_eval *e = NULL;
    const tn_eval_opts opts = {.classes = CLASSES, .top_k = TOP, .shares = shares};
    assert_ok(tn_eval_create(&e, &opts));
    for (size_t b = 0; b < TN_COUNT(batches); b++) {
        tn_eval_clear(e);
        for (int64_t first = 0; first < ROWS; first += batches[b]) {
            const int64_t left = ROWS - first;
            assert_ok(add(e, &r, first, left < batches[b] ? left : batches[b], CLASSES));
        }
        const tn_eval_total got = tn_eval_sum(e);
        assert_int_equal(got.rows, want.rows);
        assert_int_equal(got.top_1, want.top_1);
        assert_int_equal(got.top_k, want.top_k);
        assert_int_equal(got.unsaid, 0);
        assert_true(fabs(got.loss - want.loss) < 1e-12);
        assert_true(b == 0 || memcmp(&got.loss, &loss, sizeof loss) == 0);
        loss = got.loss;
        assert_classes(e, &want);
        assert_cells(e, &want);
        assert_cells(e, &want); /* asked again */
    }
    tn_eval_destroy(e);
}

static void agrees_with_naive_loops(void **state)
{
    (void)state;
    check(false);
    check(true);
}

static void large_logits_do_not_overflow(void **state)
{
    (void)state;
    tn_eval *e = NULL;
    float x[] = {10000, 9999, -INFINITY};
    int32_t label = 1;
    assert_ok(tn_eval_create(&e, &(tn_eval_opts){.classes = 3}));
    assert_ok(tn_eval_add(e, (tn_tensor){TN_F32, TN_SHAPE(1, 3), x},
                          (tn_tensor){TN_I32, TN_SHAPE(1), &label}));
    assert_true(fabs(tn_eval_sum(e).loss - (1 + log(1 + exp(-1)))) < 1e-12);
    assert_int_equal(tn_eval_sum(e).top_k, 1); /* of 3 classes at most 3 are taken */
    tn_eval_destroy(e);
}

static void numbers_that_are_none_are_counted_apart(void **state)
{
    (void)state;
    static const struct {
        const char *why;
        float x[3];
    } cases[] = {
        {"NaN beside the label", {0, NAN, 1}},
        {"NaN of the label", {NAN, 0, 0}},
        {"infinity of the label", {INFINITY, 0, 0}},
        {"infinity beside it", {0, 0, INFINITY}},
    };
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        tn_eval *e = NULL;
        float x[6] = {1, 0, 0};
        int32_t label[2] = {0, 0};
        const tn_eval_cell *cell;
        int64_t cells;
        memcpy(x + 3, cases[i].x, sizeof cases[i].x);
        assert_ok(tn_eval_create(&e, &(tn_eval_opts){.classes = 3}));
        assert_ok(tn_eval_add(e, (tn_tensor){TN_F32, TN_SHAPE(2, 3), x},
                              (tn_tensor){TN_I32, TN_SHAPE(2), label}));
        const tn_eval_total got = tn_eval_sum(e);
        assert_int_equal(got.rows, 2);
        assert_int_equal(got.top_1, 1);
        assert_int_equal(got.top_k, 1);
        assert_int_equal(got.unsaid, 1);
        assert_true(isnan(got.loss));
        assert_ok(tn_eval_confusion(e, &cell, &cells));
        assert_int_equal(cells, 2);
        assert_int_equal(cell[0].said, -1);
        assert_int_equal(cell[1].said, 0);
        assert_int_equal(tn_eval_class_of(e, 0).rows, 2);
        assert_int_equal(tn_eval_class_of(e, 0).said, 1);
        tn_eval_clear(e); /* and is forgotten with the rest */
        assert_int_equal(tn_eval_sum(e).unsaid, 0);
        assert_ok(tn_eval_confusion(e, &cell, &cells));
        assert_int_equal(cells, 0);
        tn_eval_destroy(e);
    }
}

static void what_cannot_be_counted_is_refused_whole(void **state)
{
    (void)state;
    static rows r;
    tn_eval *e = NULL;
    fill(&r, false);
    assert_fails(tn_eval_create(&e, &(tn_eval_opts){.classes = 0}), TN_ERR_ARGUMENT, "classes 0");
    assert_fails(tn_eval_create(&e, &(tn_eval_opts){.classes = 3, .top_k = -2}), TN_ERR_ARGUMENT,
                 "top_k -2");
    assert_ok(tn_eval_create(&e, &(tn_eval_opts){.classes = CLASSES}));
    r.label[3] = CLASSES;
    assert_fails(add(e, &r, 0, 5, CLASSES), TN_ERR_ARGUMENT, "label 7 in row 3 is not in [0, 7)");
    r.label[3] = -2;
    assert_fails(add(e, &r, 0, 5, CLASSES), TN_ERR_ARGUMENT, "label -2 in row 3");
    assert_fails(add(e, &r, 0, 3, CLASSES - 1), TN_ERR_SHAPE, "3 x 6 and labels 3, not N x 7");
    const tn_tensor x = {TN_F32, TN_SHAPE(2, CLASSES), r.x}, l = {TN_I32, TN_SHAPE(2), r.label};
    assert_fails(tn_eval_add(e, x, (tn_tensor){TN_F32, TN_SHAPE(2), r.x}), TN_ERR_ARGUMENT,
                 "labels f32");
    assert_fails(tn_eval_add(e, x, (tn_tensor){TN_I32, TN_SHAPE(3), r.label}), TN_ERR_SHAPE,
                 "labels 3");
    assert_fails(tn_eval_add(e, (tn_tensor){TN_F32, x.shape, NULL}, l), TN_ERR_ARGUMENT, "logits");
    assert_fails(tn_eval_add(e, x, (tn_tensor){TN_I32, l.shape, NULL}), TN_ERR_ARGUMENT, "labels");
    assert_int_equal(tn_eval_sum(e).rows, 0);
    assert_true(isnan(tn_eval_sum(e).loss));
    tn_eval_destroy(e);
}

/* With 2000 rows it grows once. */
static tn_status all_of_it(void *unused)
{
    (void)unused;
    static rows r;
    tn_eval *e = NULL;
    const tn_eval_cell *cell;
    int64_t cells;
    fill(&r, false);
    tn_status status = tn_eval_create(&e, &(tn_eval_opts){.classes = CLASSES});
    for (int i = 0; status == TN_OK && i < 4; i++)
        status = add(e, &r, 0, ROWS, CLASSES);
    if (status == TN_OK)
        status = tn_eval_confusion(e, &cell, &cells);
    tn_eval_destroy(e);
    return status;
}

static void each_allocation_may_fail(void **state)
{
    (void)state;
    assert_true(lab_fail_each_allocation(all_of_it, NULL) > 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_naive_loops),
        cmocka_unit_test(large_logits_do_not_overflow),
        cmocka_unit_test(numbers_that_are_none_are_counted_apart),
        cmocka_unit_test(what_cannot_be_counted_is_refused_whole),
        cmocka_unit_test(each_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
