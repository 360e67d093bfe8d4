/* A net before and after it went through its text. */
#include "lab_same_net.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "graph/text.h"
#include "lab_op.h"

enum { STEPS = 2 };

/* All that two steps leave: the loss of the last, and each parameter. */
typedef struct trained {
    char *plan; /* what it is described as */
    float *number;
    size_t count;
} trained;

/* Pixels and labels at random. */
static void set_inputs(tn_plan *p, const tn_graph *g)
{
    tn_random r = tn_random_begin(LAB_SEED, TN_RANDOM_TEST, 1);
    const tn_value image = tn_graph_value(g, "image"), label = tn_graph_value(g, "label");
    tn_shape shape, rows;
    assert_ok(tn_value_shape(g, image, &shape));
    assert_ok(tn_value_shape(g, label, &rows));
    uint8_t *pixels = malloc((size_t)tn_elements(&shape));
    int32_t *labels = malloc((size_t)tn_elements(&rows) * sizeof *labels);
    assert_true(pixels && labels);
    for (int64_t i = 0; i < tn_elements(&shape); i++)
        pixels[i] = (uint8_t)tn_random_below(&r, 256);
    for (int64_t i = 0; i < tn_elements(&rows); i++)
        labels[i] = (int32_t)tn_random_below(&r, 5);
    assert_ok(tn_plan_set(p, image, (tn_tensor){TN_U8, shape, pixels}));
    assert_ok(tn_plan_set(p, label, (tn_tensor){TN_I32, rows, labels}));
    free(pixels);
    free(labels);
}

static void read_params(tn_plan *p, trained *t)
{
    size_t used = 1;
    for (int i = 0; i < tn_plan_num_params(p); i++) {
        tn_param_info info;
        int64_t count;
        assert_ok(tn_plan_param(p, i, &info));
        assert_ok(tn_shape_count(&info.shape, &count));
        t->number = realloc(t->number, (used + (size_t)count) * sizeof(float));
        assert_non_null(t->number);
        assert_ok(tn_plan_param_get(p, i, TN_PARAM_VALUE,
                                    (tn_tensor){TN_F32, info.shape, t->number + used}));
        used += (size_t)count;
    }
    t->count = used;
}

char *lab_describe(const tn_plan *p)
{
    FILE *f = tmpfile();
    assert_non_null(f);
    assert_ok(tn_plan_describe(p, TN_DESCRIBE_TEXT, f));
    const long size = ftell(f);
    char *text = calloc((size_t)size + 1, 1);
    assert_non_null(text);
    rewind(f);
    assert_int_equal(fread(text, 1, (size_t)size, f), size);
    fclose(f);
    return text;
}

static trained train(const tn_graph *g, const char *device)
{
    trained t = {0};
    tn_device *d = NULL;
    tn_plan *p = NULL;
    float loss = 0;
    assert_ok(tn_device_open(&d, device));
    assert_ok(tn_plan_create(&p, g, d,
                             &(tn_plan_opts){.loss = tn_graph_loss(g),
                                             .optim = tn_sgd(&(tn_sgd_opts){.momentum = 0.9F}),
                                             .seed = 3}));
    t.plan = lab_describe(p);
    set_inputs(p, g);
    for (int i = 0; i < STEPS; i++) {
        assert_ok(tn_plan_run(p));
        assert_ok(tn_plan_update(p, 0.05F));
    }
    assert_ok(tn_plan_get(p, tn_graph_loss(g), (tn_tensor){TN_F32, {0}, &loss}));
    t.number = malloc(sizeof loss);
    assert_non_null(t.number);
    read_params(p, &t);
    t.number[0] = loss;
    tn_plan_destroy(p);
    tn_device_close(d);
    return t;
}

tn_graph *lab_through_text(const tn_graph *g, int64_t batch)
{
    tn_graph *again = NULL;
    char *text = NULL, *second = NULL;
    assert_ok(tn_graph_format(g, NULL, &text));
    assert_ok(tn_graph_read(&again, text, strlen(text), &(tn_graph_read_opts){.batch = batch}));
    assert_ok(tn_graph_format(again, NULL, &second));
    assert_string_equal(text, second);
    assert_int_equal(tn_graph_loss(again).id, tn_graph_loss(g).id);
    tn_free(text);
    tn_free(second);
    return again;
}

void lab_assert_same_net(const tn_graph *g, const tn_graph *again, const char *device,
                         const char *what)
{
    trained a = train(g, device), b = train(again, device);
    if (strcmp(a.plan, b.plan) != 0)
        fail_msg("%s on %s: the plans differ:\n%s\n%s", what, device, a.plan, b.plan);
    if (a.count != b.count || memcmp(a.number, b.number, a.count * sizeof(float)) != 0)
        fail_msg("%s on %s: numbers differ", what, device);
    free(a.plan);
    free(a.number);
    free(b.plan);
    free(b.number);
}
