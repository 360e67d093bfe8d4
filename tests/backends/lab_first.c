#include "backends/lab_first.h"

#include <stdio.h>
#include <string.h>

#include "base/random.h"
#include "graph/op.h"
#include "lab_answers.h"
#include "plan/plan_test.h"

void lab_few_open(lab_few *f, const lab_few_case *c, bool prefer)
{
    *f = (lab_few){0};
    char name[64];
    snprintf(name, sizeof name, "%s%s", c->device ? c->device : "cpu",
             prefer ? ",prefer=first" : "");
    assert_ok(tn_device_open(&f->device, name));
    assert_ok(tn_graph_create(&f->graph));
    f->x = tn_input(f->graph, "x", TN_F32, c->x);
    tn_value v = f->x;
    if (c->hidden)
        v = tn_conv2d(f->graph, v, &(tn_conv2d_opts){.filters = (int)c->x.dim[1], .kernel = {1}});
    const tn_value conv = tn_conv2d(f->graph, v, c->conv);
    f->y = tn_relu(f->graph, c->pool ? tn_pool2d(f->graph, conv, c->pool) : conv, NULL);
    const tn_value keep[] = {f->y, conv};
    tn_plan_opts opts = {
        .keep = keep, .num_keep = c->keeps_conv ? 2 : 1, .no_fusion = c->no_fusion, .seed = 1};
    if (c->training) {
        tn_shape out;
        assert_ok(tn_value_shape(f->graph, f->y, &out));
        f->target = tn_input(f->graph, "t", TN_F32, out);
        opts.loss = tn_mse(f->graph, f->y, f->target, NULL);
    }
    assert_ok(tn_plan_create(&f->plan, f->graph, f->device, &opts));
}

void lab_few_close(lab_few *f)
{
    tn_plan_destroy(f->plan);
    tn_graph_destroy(f->graph);
    tn_device_close(f->device);
}

float *lab_few_pixels(const lab_few_case *c)
{
    tn_random r = tn_random_begin(LAB_SEED, TN_RANDOM_TEST, 0);
    const int64_t count = tn_elements(&c->x);
    float *x = lab_take(count, sizeof *x);
    for (int64_t i = 0; i < count; i++)
        x[i] = (float)(tn_random_real(&r) * 2 - 1);
    return x;
}

lab_few_numbers lab_few_run(const lab_few_case *c, float *x)
{
    const tn_conv2d_opts *o = c->conv;
    const tn_shape weight = TN_SHAPE(o->filters, c->x.dim[1], o->kernel[0], o->kernel[0]);
    lab_few f;
    tn_shape out;
    lab_few_open(&f, c, true);
    assert_ok(tn_value_shape(f.graph, f.y, &out));
    lab_few_numbers n = {tn_elements(&out), tn_elements(&weight), NULL, NULL};
    float *target = lab_take(n.y_count, sizeof *target);
    n.y = lab_take(n.y_count, sizeof *n.y);
    n.dw = lab_take(n.dw_count, sizeof *n.dw);
    assert_ok(tn_plan_poison(f.plan));
    assert_ok(tn_plan_set(f.plan, f.x, (tn_tensor){TN_F32, c->x, x}));
    assert_ok(tn_plan_set(f.plan, f.target, (tn_tensor){TN_F32, out, target}));
    assert_ok(tn_plan_run(f.plan));
    assert_ok(tn_plan_get(f.plan, f.y, (tn_tensor){TN_F32, out, n.y}));
    assert_ok(tn_plan_param_get(f.plan, tn_plan_find_param(f.plan, "conv.weight"),
                                TN_PARAM_GRADIENT, (tn_tensor){TN_F32, weight, n.dw}));
    lab_few_close(&f);
    free(target);
    return n;
}

void lab_few_drop(lab_few_numbers *n)
{
    free(n->y);
    free(n->dw);
}

void lab_few_check_same(const lab_few_case *cases, size_t count)
{
    float *x = lab_few_pixels(&cases[0]);
    lab_few_numbers first = lab_few_run(&cases[0], x), before = lab_few_run(&cases[0], x);
    double *want = lab_take(first.dw_count, sizeof *want);
    for (int64_t j = 0; j < first.dw_count; j++)
        want[j] = (double)first.dw[j];
    for (size_t i = 0; i < count; i++) {
        lab_few_numbers here = lab_few_run(&cases[i], x);
        const lab_few_case *last = &cases[i ? i - 1 : 0];
        assert_memory_equal(here.y, first.y, (size_t)first.y_count * sizeof *here.y);
        lab_assert_close(cases[i].device, here.dw, want, first.dw_count,
                         1.0 / (double)first.y_count);
        if (strcmp(cases[i].device, last->device) == 0 && cases[i].no_fusion == last->no_fusion)
            assert_memory_equal(here.dw, before.dw, (size_t)first.dw_count * sizeof *here.dw);
        lab_few_drop(&before);
        before = here;
    }
    lab_few_drop(&before);
    lab_few_drop(&first);
    free(want);
    free(x);
}
