/* softmax: against loops in double, PyTorch, and where exp() overflows. */
#include <math.h>
#include <string.h>

#include "golden/softmax.h"
#include "lab_softmax.h"

static void agrees_with_the_formula(void **unused)
{
    (void)unused;
    lab_check_softmax(tn_softmax, false);
}

static void agrees_with_pytorch(void **unused)
{
    (void)unused;
    float y[TN_COUNT(golden_softmax_y)];
    for (const char *const *device = lab_devices(); *device; device++) {
        lab_run_softmax(*device, tn_softmax, golden_softmax_x, TN_SHAPE(4, 6), y);
        lab_assert_close("y", y, golden_softmax_y, TN_COUNT(y), 0);
    }
}

/* What is no number stays none, in its own line only; lines are beside each other, or across. */
static void check_no_numbers(const char *device, bool across)
{
    enum { LINES = 4, SIZE = 3 };
    const float lines[LINES][SIZE] = {
        {1, NAN, 2}, {1, INFINITY, 2}, {-INFINITY, -INFINITY, -INFINITY}, {-INFINITY, 0, 0}};
    float x[LINES * SIZE], y[LINES * SIZE];
    for (int i = 0; i < LINES * SIZE; i++)
        x[across ? i % SIZE * LINES + i / SIZE : i] = lines[i / SIZE][i % SIZE];
    lab_run_softmax(device, tn_softmax, x,
                    across ? TN_SHAPE(1, SIZE, LINES) : TN_SHAPE(LINES, SIZE), y);
    /* cuDNN's, which one has to ask for, makes zeros of a row of -inf. */
    const bool cudnn = strstr(device, "cudnn=all") != NULL;
    for (int i = 0; i < LINES * SIZE; i++) {
        const int line = i / SIZE;
        const float got = y[across ? i % SIZE * LINES + line : i];
        const float share = i % SIZE == 0 ? 0 : 0.5F;
        if (line == LINES - 1 ? got != share : !isnan(got) && !(cudnn && line == 2 && got == 0))
            fail_msg("%s: y[%d] is %g%s", device, i, (double)got, across ? ", across" : "");
    }
}

static void passes_nan_on(void **unused)
{
    (void)unused;
    for (const char *const *device = lab_devices(); *device; device++) {
        check_no_numbers(*device, false);
        check_no_numbers(*device, true);
    }
}

static void refuses(void **unused)
{
    (void)unused;
    lab_check_softmax_refusals(tn_softmax, "softmax odd");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_formula),
        cmocka_unit_test(agrees_with_pytorch),
        cmocka_unit_test(passes_nan_on),
        cmocka_unit_test(refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
