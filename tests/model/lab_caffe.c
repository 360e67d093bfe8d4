#define _XOPEN_SOURCE 700 /* mkdtemp */

#include "lab_caffe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <tenon/tenon.h>

#include "lab.h"

float lab_caffe_data[ALL];

static char folder[] = "/tmp/tenon-caffe-XXXXXX";

const char *lab_caffe_path(const char *name)
{
    static char path[4][512];
    static int next;
    char *p = path[next++ % 4];
    snprintf(p, sizeof path[0], "%s/%s", folder, name);
    return p;
}

const char *lab_caffe_net(const char *text)
{
    const char *path = lab_caffe_path("net.prototxt");
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    return path;
}

tn_shape lab_caffe_run(const char *text, const char *weights, float *to, size_t room)
{
    tn_model *m = NULL;
    tn_device *device = NULL;
    tn_plan *plan = NULL;
    tn_shape shape;
    int64_t count;
    char *whole = malloc(strlen(text) + 200);
    sprintf(whole, "input: \"data\" input_dim: 9 input_dim: %d input_dim: %d input_dim: %d\n%s", C,
            H, W, text);
    const tn_model_opts opts = {.batch = N, .weights = weights};
    assert_ok(tn_model_open(&m, lab_caffe_net(whole), &opts));
    const tn_graph *g = tn_model_graph(m);
    const tn_value y = tn_graph_output_at(g, 0);
    assert_ok(tn_value_shape(g, y, &shape));
    assert_ok(tn_shape_count(&shape, &count));
    assert_true((size_t)count <= room);
    assert_ok(tn_device_open(&device, "cpu,reference"));
    assert_ok(tn_plan_create(
        &plan, g, device,
        &(tn_plan_opts){.from = weights ? m : NULL, .keep = &y, .num_keep = 1, .seed = 1}));
    assert_ok(tn_plan_set(plan, tn_graph_input(g, 0),
                          (tn_tensor){TN_F32, TN_SHAPE(N, C, H, W), lab_caffe_data}));
    assert_ok(tn_plan_evaluate(plan));
    assert_ok(tn_plan_get(plan, y, (tn_tensor){TN_F32, shape, to}));
    tn_plan_destroy(plan);
    tn_device_close(device);
    tn_model_close(m);
    free(whole);
    return shape;
}

int lab_caffe_open(void **state)
{
    (void)state;
    for (int i = 0; i < ALL; i++)
        lab_caffe_data[i] = (float)((i * 37 + 11) % 41 - 20) / 8;
    return mkdtemp(folder) ? 0 : -1;
}

int lab_caffe_close(void **state)
{
    (void)state;
    static const char *const names[] = {"net.prototxt", "norm.caffemodel", "lenet.safetensors",
                                        "solver.prototxt"};
    for (size_t i = 0; i < TN_COUNT(names); i++)
        unlink(lab_caffe_path(names[i]));
    return rmdir(folder);
}
