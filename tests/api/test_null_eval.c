/* NULL in the public functions of evaluation and of crops, as test_null.c has it. */
#include <tenon/tenon.h>

#include "lab.h"

/* The call fails, and names the argument. */
#define REFUSES(call, argument) \
    assert_fails(call, TN_ERR_ARGUMENT, "the argument " argument " is NULL")

static void evals(void **state)
{
    (void)state;
    tn_eval *e = NULL, *none = NULL;
    const tn_eval_cell *cells = NULL;
    int64_t count = 0;
    const tn_eval_opts opts = {.classes = 3};
    REFUSES(tn_eval_create(NULL, &opts), "out");
    REFUSES(tn_eval_create(&none, NULL), "opts");
    assert_null(none);
    assert_ok(tn_eval_create(&e, &opts));
    REFUSES(tn_eval_add(NULL, (tn_tensor){0}, (tn_tensor){0}), "eval");
    REFUSES(tn_eval_confusion(NULL, &cells, &count), "eval");
    REFUSES(tn_eval_confusion(e, NULL, &count), "cells");
    REFUSES(tn_eval_confusion(e, &cells, NULL), "count");
    assert_int_equal(tn_eval_sum(NULL).rows, 0);
    assert_int_equal(tn_eval_class_of(NULL, 0).rows, 0);
    assert_int_equal(tn_eval_class_of(e, -1).rows + tn_eval_class_of(e, 3).rows, 0);
    tn_eval_clear(NULL);
    tn_eval_destroy(NULL);
    tn_eval_destroy(e);
}

static void crops(void **state)
{
    (void)state;
    uint8_t some[3] = {0};
    const tn_ten_crop_opts opts = {.from_height = 1, .from_width = 1, .height = 1, .width = 1};
    REFUSES(tn_image_ten_crop(NULL, &opts, some), "pixels");
    REFUSES(tn_image_ten_crop(some, NULL, some), "opts");
    REFUSES(tn_image_ten_crop(some, &opts, NULL), "crop");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(evals), cmocka_unit_test(crops)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
