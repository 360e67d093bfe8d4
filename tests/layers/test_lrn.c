/* lrn: the formula for sizes, channels and powers of all kinds. */
#include <math.h>

#include "lab_blocked.h"

static tn_value build(tn_graph *g, const tn_value *x, int num_x, const void *opts)
{
    (void)num_x;
    return tn_lrn(g, x[0], opts);
}

/* The options with their defaults. */
typedef struct numbers {
    int64_t size;
    double alpha, beta, k;
} numbers;

static numbers complete(const tn_lrn_opts *o)
{
    const tn_lrn_opts given = o ? *o : (tn_lrn_opts){0};
    return (numbers){.size = given.size ? given.size : 5,
                     .alpha = lab_option(given.alpha, 1e-4F),
                     .beta = lab_option(given.beta, 0.75F),
                     .k = lab_option(given.k, 1)};
}

/* k + alpha / size * sum of squares around channel c. */
static double scale_at(const lab_ref *r, const numbers *o, int64_t n, int64_t c, int64_t pixel)
{
    const int64_t C = r->x_shape[0].dim[1], area = r->x_shape[0].dim[2] * r->x_shape[0].dim[3];
    double sum = 0;
    for (int64_t d = c - o->size / 2; d <= c + o->size / 2; d++)
        if (d >= 0 && d < C)
            sum += r->x[0][(n * C + d) * area + pixel] * r->x[0][(n * C + d) * area + pixel];
    return o->k + o->alpha / (double)o->size * sum;
}

static void reference(const lab_ref *r)
{
    const numbers o = complete(r->opts);
    const int64_t N = r->x_shape[0].dim[0], C = r->x_shape[0].dim[1];
    const int64_t area = r->x_shape[0].dim[2] * r->x_shape[0].dim[3];
    for (int64_t n = 0; n < N; n++)
        for (int64_t c = 0; c < C; c++)
            for (int64_t pixel = 0; pixel < area; pixel++)
                r->y[(n * C + c) * area + pixel] = r->x[0][(n * C + c) * area + pixel] *
                                                   pow(scale_at(r, &o, n, c, pixel), -o.beta);
}

static void backward(const lab_ref *r)
{
    const numbers o = complete(r->opts);
    const int64_t N = r->x_shape[0].dim[0], C = r->x_shape[0].dim[1];
    const int64_t area = r->x_shape[0].dim[2] * r->x_shape[0].dim[3];
    for (int64_t n = 0; n < N; n++)
        for (int64_t c = 0; c < C; c++)
            for (int64_t pixel = 0; pixel < area; pixel++) {
                /* What y[c] depends on: x[c] itself, and the scale's neighbours. */
                const double u = scale_at(r, &o, n, c, pixel);
                const double dy = r->dy[(n * C + c) * area + pixel];
                const double x = r->x[0][(n * C + c) * area + pixel];
                r->dx[0][(n * C + c) * area + pixel] += dy * pow(u, -o.beta);
                for (int64_t d = c - o.size / 2; d <= c + o.size / 2; d++)
                    if (d >= 0 && d < C)
                        r->dx[0][(n * C + d) * area + pixel] +=
                            dy * x * -o.beta * pow(u, -o.beta - 1) * 2 * o.alpha / (double)o.size *
                            r->x[0][(n * C + d) * area + pixel];
            }
}

#define LRN(...) (&(const tn_lrn_opts){__VA_ARGS__})
/* Far from 0, so that the scale is far from k. */
#define X(...)                                                   \
    {                                                            \
        {                                                        \
            .shape = TN_SHAPE(__VA_ARGS__), .low = -4, .high = 4 \
        }                                                        \
    }

static void agrees_with_the_formula(void **unused)
{
    (void)unused;
    static const lab_op op = {.build = build, .reference = reference, .backward = backward};
    const lab_case cases[] = {
        {"small", X(1, 4, 2, 2), LRN(.alpha = 1)},
        {"all defaults", X(2, 16, 3, 5), NULL},
        {"fewer channels than neighbours", X(2, 3, 4, 3), LRN(.alpha = 1, .size = 9)},
        {"one channel", X(2, 1, 4, 3), LRN(.alpha = 1)},
        {"only itself", X(2, 6, 4, 3), LRN(.alpha = 1, .size = 1)},
        {"blocks of channels meet", X(2, 48, 3, 3), LRN(.alpha = 2)},
        {"no whole blocks", X(2, 13, 3, 5), LRN(.alpha = 2)},
        {"three neighbours", X(2, 32, 3, 4), LRN(.alpha = 2, .size = 3)},
        {"another power", X(2, 32, 3, 4), LRN(.alpha = 2, .beta = 0.6F)},
        {"power 0: x / 1", X(1, 16, 3, 4), LRN(.alpha = 0.5F, .beta = TN_ZERO, .k = 3)},
        {"neighbours count for nothing", X(1, 16, 3, 4), LRN(.alpha = TN_ZERO, .k = 3)},
        {"power one", X(1, 16, 3, 4), LRN(.alpha = 0.5F, .beta = 1, .k = 3)},
        {"Krizhevsky's own: k 2, alpha 5e-4 without / size", X(1, 32, 5, 5),
         LRN(.alpha = 25e-4F, .k = 2)},
        {"more channels than go into one tile", X(1, 301, 2, 2), LRN(.alpha = 1)},
        {"CaffeNet's norm1", X(1, 96, 27, 27), NULL, true},
        {"GoogLeNet's norm1", X(1, 64, 56, 56), LRN(.alpha = 1), .big = true, .f32_only = true},
    };
    lab_check_op(&op, cases, TN_COUNT(cases));
}

/* ---- in blocks of channels ---------------------------------------------------------------- */

typedef struct setup {
    tn_lrn_opts lrn;
    int filters;
} setup;

static tn_value build_behind(tn_graph *g, const tn_value *x, int num_x, const void *opts)
{
    (void)num_x;
    const setup *s = opts;
    return tn_lrn(g, lab_blocked(g, x[0], s->filters), &s->lrn);
}

static void reference_behind(const lab_ref *r)
{
    lab_ref behind = lab_behind_blocked(r);
    behind.opts = &((const setup *)r->opts)->lrn;
    reference(&behind);
    free((void *)(uintptr_t)behind.x[0]);
}

static void agrees_in_blocks_of_channels(void **unused)
{
    (void)unused;
    static const lab_op op = {
        .build = build_behind, .reference = reference_behind, .param = {{"weight"}}};
    const lab_case cases[] = {
        {"small", X(1, 2, 2, 2), &(const setup){{.alpha = 1}, 16}},
        {"several blocks", X(2, 3, 3, 5), &(const setup){{.alpha = 1}, 48}},
        {"two", X(2, 3, 4, 5), &(const setup){{.alpha = 1}, 32}},
        {"no whole blocks", X(2, 3, 3, 5), &(const setup){{.alpha = 1}, 19}},
        {"three neighbours", X(2, 3, 3, 5), &(const setup){{.alpha = 1, .size = 3}, 32}},
        {"another power", X(2, 3, 3, 5), &(const setup){{.alpha = 1, .beta = 0.5F}, 32}},
    };
    lab_check_op(&op, cases, TN_COUNT(cases));
}

/* A GPU's kernel has neighbours in memory that is small. */
static void refuses_very_many_neighbours(void **unused)
{
    (void)unused;
    for (const char *const *device = lab_devices() + 1; *device; device++) {
        tn_device *d = NULL;
        tn_graph *g = NULL;
        tn_plan *p = NULL;
        assert_ok(tn_device_open(&d, *device));
        assert_ok(tn_graph_create(&g));
        const tn_value x = tn_input(g, "x", TN_F32, TN_SHAPE(1, 600, 1, 1));
        const tn_value y = tn_lrn(g, x, &(tn_lrn_opts){.name = "norm1", .size = 1101});
        assert_fails(tn_plan_create(&p, g, d, &(tn_plan_opts){.keep = &y, .num_keep = 1}),
                     TN_ERR_UNSUPPORTED, "lrn norm1: size 1101 is above 1025");
        tn_graph_destroy(g);
        tn_device_close(d);
    }
}

static void refuses(void **unused)
{
    (void)unused;
    const struct {
        const char *why, *says;
        tn_status status;
        tn_shape x;
        tn_lrn_opts opts;
    } cases[] = {
        {"has no middle",
         "size 4 is not an odd number",
         TN_ERR_ARGUMENT,
         TN_SHAPE(1, 8, 2, 2),
         {.size = 4}},
        {"below 0",
         "size -1 is not an odd number",
         TN_ERR_ARGUMENT,
         TN_SHAPE(1, 8, 2, 2),
         {.size = -1}},
        {"grows", "alpha -1 or", TN_ERR_ARGUMENT, TN_SHAPE(1, 8, 2, 2), {.alpha = -1}},
        {"falls", "beta -0.5 is below 0", TN_ERR_ARGUMENT, TN_SHAPE(1, 8, 2, 2), {.beta = -0.5F}},
        {"no number", "beta nan", TN_ERR_ARGUMENT, TN_SHAPE(1, 8, 2, 2), {.beta = NAN}},
        {"below 0", "or k -2 is not above 0", TN_ERR_ARGUMENT, TN_SHAPE(1, 8, 2, 2), {.k = -2}},
        {"no image", "2 dimensions, not 4", TN_ERR_SHAPE, TN_SHAPE(4, 4), {.k = 1}},
    };
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        tn_graph *g;
        assert_ok(tn_graph_create(&g));
        tn_lrn_opts opts = cases[i].opts;
        opts.name = "norm1";
        tn_lrn(g, tn_input(g, "x", TN_F32, cases[i].x), &opts);
        assert_fails(tn_graph_status(g), cases[i].status, cases[i].says);
        assert_fails(tn_graph_status(g), cases[i].status, "lrn norm1: ");
        tn_graph_destroy(g);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_formula),
        cmocka_unit_test(agrees_in_blocks_of_channels),
        cmocka_unit_test(refuses_very_many_neighbours),
        cmocka_unit_test(refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
