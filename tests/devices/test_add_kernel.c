#define _POSIX_C_SOURCE 200809L /* open_memstream */
/*
 * Operations and kernels of a program's own: taken where they fit, refused by name where they do not. (tests/install uses
 * them as others would.)
 */
#include <stdio.h>
#include <string.h>

#include <tenon/sys/kernel.h>
#include <tenon/text.h>

#include "lab.h"

typedef struct twice_opts {
    const char *name;
    float more; /* y = 2 x + more */
} twice_opts;

static tn_status infer(tn_node *n)
{
    n->y[0] = n->x[0];
    return tn_check_input(n, 0, 0);
}

static const tn_attr attrs[] = {{"more", NULL, TN_ATTR_FLOAT, offsetof(twice_opts, more), NULL},
                                {.name = NULL}};

static const tn_op twice = {.version = TN_SYS_VERSION,
                            .name = "twice",
                            .opts_size = sizeof(twice_opts),
                            .attrs = attrs,
                            .min_in = 1,
                            .max_in = 1,
                            .infer = infer};

static tn_status prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    (void)d;
    (void)n;
    b->x[0] = NULL;
    return TN_OK;
}

static tn_status forward(const tn_call *c)
{
    const twice_opts *o = c->node->opts;
    const float *x = c->x[0];
    float *y = c->y[0];
    for (int64_t i = 0; i < tn_elements(&c->node->x[0]); i++)
        y[i] = 2 * x[i] + o->more;
    return TN_OK;
}

static tn_status forward_of_zeros(const tn_call *c)
{
    memset(c->y[0], 0, (size_t)tn_elements(&c->node->x[0]) * sizeof(float));
    return TN_OK;
}

static tn_status no_prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    (void)d;
    (void)b;
    return tn_fail(TN_ERR_UNSUPPORTED, "%s: not mine", n->name);
}

static const tn_kernel kernel = {.version = TN_SYS_VERSION,
                                 .op = "twice",
                                 .name = "mine",
                                 .rank = 5,
                                 .prepare = prepare,
                                 .forward = forward};

static tn_graph *make_graph(tn_value *x, tn_value *y)
{
    tn_graph *g = NULL;
    assert_ok(tn_graph_create(&g));
    *x = tn_input(g, "x", TN_F32, TN_SHAPE(4, 3));
    *y = tn_graph_add(g, &twice, "t", 1, x, &(twice_opts){.more = 0.5F});
    tn_output(g, *y);
    return g;
}

static void assert_twice(const tn_graph *g, tn_device *d, tn_value x, tn_value y)
{
    float in[12], out[12];
    tn_plan *p = NULL;
    for (int i = 0; i < 12; i++)
        in[i] = (float)i - 4;
    assert_ok(tn_plan_create(&p, g, d, &(tn_plan_opts){0}));
    assert_ok(tn_plan_set(p, x, (tn_tensor){TN_F32, TN_SHAPE(4, 3), in}));
    assert_ok(tn_plan_evaluate(p));
    assert_ok(tn_plan_get(p, y, (tn_tensor){TN_F32, TN_SHAPE(4, 3), out}));
    for (int i = 0; i < 12; i++)
        assert_true(out[i] == 2 * in[i] + 0.5F);
    tn_plan_destroy(p);
}

static void a_device_does_what_it_was_given_a_kernel_for(void **state)
{
    (void)state;
    static const char *const names[] = {"cpu", "cpu,reference", "cpu:0-1,threads=2"};
    const tn_kernel worse = {.version = TN_SYS_VERSION,
                             .op = "twice",
                             .rank = 7,
                             .prepare = prepare,
                             .forward = forward_of_zeros};
    const tn_kernel refuses = {.version = TN_SYS_VERSION,
                               .op = "twice",
                               .rank = 1,
                               .prepare = no_prepare,
                               .forward = forward_of_zeros};
    for (size_t i = 0; i < TN_COUNT(names); i++) {
        tn_device *d = NULL;
        tn_value x, y;
        tn_plan *p = NULL;
        tn_graph *g = make_graph(&x, &y);
        assert_ok(tn_device_open(&d, names[i]));
        assert_fails(tn_plan_create(&p, g, d, &(tn_plan_opts){0}), TN_ERR_UNSUPPORTED,
                     "it has none for this operation");
        assert_ok(tn_device_add_kernel(d, &worse));
        assert_ok(tn_device_add_kernel(d, &kernel));
        assert_ok(tn_device_add_kernel(d, &refuses));
        assert_fails(tn_device_add_kernel(d, &kernel), TN_ERR_ARGUMENT,
                     "has one of rank 5 for twice already: mine");
        assert_twice(g, d, x, y);
        tn_graph_destroy(g);
        tn_device_close(d);
    }
}

static void tables_that_make_no_sense_are_refused(void **state)
{
    (void)state;
    tn_device *d = NULL;
    assert_ok(tn_device_open(&d, "cpu"));
    tn_kernel k = kernel;
    k.version = TN_SYS_VERSION + 1;
    char says[40];
    snprintf(says, sizeof says, "its table is of version %d", TN_SYS_VERSION + 1);
    assert_fails(tn_device_add_kernel(d, &k), TN_ERR_ARGUMENT, says);
    k = kernel;
    k.forward = NULL;
    assert_fails(tn_device_add_kernel(d, &k), TN_ERR_ARGUMENT,
                 "kernel for twice: it has no forward()");
    tn_device_close(d);
    static const struct {
        tn_op op;
        const char *error;
    } cases[] = {
        {{.name = "twice", .infer = infer}, "its table is of version 0"},
        {{.version = TN_SYS_VERSION, .infer = infer}, "it has no name"},
        {{.version = TN_SYS_VERSION, .name = "thrice"}, "op thrice: it has no infer()"},
        {{.version = TN_SYS_VERSION, .name = "Two x", .infer = infer}, "small letters"},
        {{.version = TN_SYS_VERSION, .name = "relu", .infer = infer}, "Tenon has one of that name"},
    };
    for (size_t i = 0; i < TN_COUNT(cases); i++)
        assert_fails(tn_op_register(&cases[i].op), TN_ERR_ARGUMENT, cases[i].error);
    tn_graph *g = NULL;
    tn_op later = twice;
    later.version = 9;
    assert_ok(tn_graph_create(&g));
    const tn_value x = tn_input(g, "x", TN_F32, TN_SHAPE(2));
    assert_int_equal(tn_graph_add(g, &later, "t", 1, &x, NULL).id, 0);
    assert_fails(tn_graph_status(g), TN_ERR_ARGUMENT, "its table is of version 9");
    tn_graph_destroy(g);
}

/* Written once it is known by name, and read back as the same. */
static void a_text_names_it_once_it_is_registered(void **state)
{
    (void)state;
    char *text = NULL;
    size_t bytes;
    tn_value x, y;
    tn_graph *g = make_graph(&x, &y), *read = NULL;
    FILE *to = open_memstream(&text, &bytes);
    assert_non_null(to);
    assert_fails(tn_graph_write(g, to), TN_ERR_UNSUPPORTED,
                 "twice t: the operation is not registered");
    assert_ok(tn_op_register(&twice));
    assert_ok(tn_op_register(&twice));
    const tn_op other = {.version = TN_SYS_VERSION, .name = "twice", .infer = infer};
    assert_fails(tn_op_register(&other), TN_ERR_ARGUMENT, "another one of that name");
    assert_ok(tn_graph_write(g, to));
    fclose(to);
    assert_non_null(strstr(text, "t = twice(x) more=0.5\n"));
    assert_ok(tn_graph_read(&read, text, bytes, &(tn_graph_read_opts){.batch = 4}));
    tn_device *d = NULL;
    assert_ok(tn_device_open(&d, "cpu"));
    assert_ok(tn_device_add_kernel(d, &kernel));
    assert_twice(read, d, tn_graph_value(read, "x"), tn_graph_value(read, "t"));
    tn_device_close(d);
    tn_graph_destroy(read);
    tn_graph_destroy(g);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_device_does_what_it_was_given_a_kernel_for),
        cmocka_unit_test(tables_that_make_no_sense_are_refused),
        cmocka_unit_test(a_text_names_it_once_it_is_registered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
