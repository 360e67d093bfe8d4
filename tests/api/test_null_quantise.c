/* NULL in the public functions that quantise and judge, as test_null.c has it. */
#include <tenon/tenon.h>

#include "lab.h"

/* The call fails, and names the argument. */
#define REFUSES(call, argument) \
    assert_fails(call, TN_ERR_ARGUMENT, "the argument " argument " is NULL")

static const char net[] = "tenon graph 1\ninput x f32 N 4\ny = dense(x) units=2\noutput y\n";

static void models_and_gates(void **state)
{
    (void)state;
    tn_model *m = NULL, *out = NULL;
    tn_device *d = NULL;
    tn_gate gate;
    assert_ok(tn_model_read(&m, "net", net, NULL));
    assert_ok(tn_device_open(&d, "cpu"));
    REFUSES(tn_model_quantise(NULL, m, d, NULL, NULL), "out");
    REFUSES(tn_model_quantise(&out, NULL, d, NULL, NULL), "model");
    assert_fails(tn_model_quantise(&out, m, NULL, NULL, NULL), TN_ERR_ARGUMENT,
                 "the model holds no numbers");
    REFUSES(tn_model_compare(NULL, m, m, d, NULL, NULL), "out");
    REFUSES(tn_model_compare(&gate, NULL, m, d, NULL, NULL), "before");
    REFUSES(tn_model_compare(&gate, m, NULL, d, NULL, NULL), "now");
    REFUSES(tn_model_compare(&gate, m, m, NULL, NULL, NULL), "device");
    REFUSES(tn_model_compare(&gate, m, m, d, NULL, NULL), "labelled");
    REFUSES(tn_model_quantise_within(NULL, &gate, m, d, NULL, NULL, NULL, NULL), "out");
    REFUSES(tn_model_quantise_within(&out, NULL, m, d, NULL, NULL, NULL, NULL), "gate");
    REFUSES(tn_model_quantise_within(&out, &gate, NULL, d, NULL, NULL, NULL, NULL), "model");
    REFUSES(tn_model_quantise_within(&out, &gate, m, NULL, NULL, NULL, NULL, NULL), "device");
    REFUSES(tn_model_quantise_within(&out, &gate, m, d, NULL, NULL, NULL, NULL), "labelled");
    assert_null(out);
    assert_int_equal(tn_eval_answer(NULL, 3), -1);
    tn_device_close(d);
    tn_model_close(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(models_and_gates)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
