#define _XOPEN_SOURCE 700 /* mkdtemp */

#include "lab_onnx.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <tenon/tenon.h>

#include "io/proto.h"
#include "lab.h"
#include "onnx/schema.h"

static char folder[] = "/tmp/tenon-onnx-XXXXXX";

const char *lab_onnx_path(const char *name)
{
    static char path[8][512];
    static int next;
    char *p = path[next++ % 8];
    snprintf(p, sizeof path[0], "%s/%s", folder, name);
    return p;
}

int lab_onnx_open(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

int lab_onnx_close(void **state)
{
    (void)state;
    DIR *d = opendir(folder);
    for (struct dirent *e; d && (e = readdir(d));)
        if (e->d_name[0] != '.')
            unlink(lab_onnx_path(e->d_name));
    if (d)
        closedir(d);
    return rmdir(folder);
}

const char *lab_onnx_file(const char *name, const char *text)
{
    const char *path = lab_onnx_path(name);
    tn_proto_out wire = {0};
    assert_ok(tn_proto_of_text(&wire, tn_onnx_model, name, text, strlen(text)));
    assert_ok(tn_proto_save(&wire, path));
    tn_proto_drop(&wire);
    return path;
}

const char *lab_onnx_graph(const char *text)
{
    const size_t size = strlen(text) + 200;
    char *whole = malloc(size);
    snprintf(whole, size, "ir_version: 8 opset_import { version: 17 }\ngraph {\n%s\n}", text);
    const char *path = lab_onnx_file("model.onnx", whole);
    free(whole);
    return path;
}

const char *lab_onnx_input(const char *name, const char *dims)
{
    static char text[8][600];
    static int next;
    char *p = text[next++ % 8];
    size_t used = (size_t)snprintf(
        p, sizeof text[0], "input { name: \"%s\" type { tensor_type { elem_type: 1 shape {", name);
    for (const char *at = dims; *at;) {
        char *end;
        const long size = strtol(at, &end, 10);
        used += (size_t)snprintf(p + used, sizeof text[0] - used,
                                 size ? " dim { dim_value: %ld }" : " dim { dim_param: \"batch\" }",
                                 size);
        at = *end ? end + 1 : end;
    }
    snprintf(p + used, sizeof text[0] - used, " } } } }\n");
    return p;
}

float lab_onnx_x(int i)
{
    return (float)(i % 61 - 30) / 10;
}

tn_shape lab_onnx_run(const char *text, const tn_model_opts *opts, float *to, size_t room)
{
    return lab_onnx_run_file(lab_onnx_graph(text), opts, to, room);
}

tn_shape lab_onnx_run_file(const char *path, const tn_model_opts *opts, float *to, size_t room)
{
    tn_model *m = NULL;
    tn_device *device = NULL;
    tn_plan *plan = NULL;
    tn_shape shape, in;
    int64_t count, numbers;
    assert_ok(tn_model_open(&m, path, opts));
    const tn_graph *g = tn_model_graph(m);
    const tn_value y = tn_graph_output_at(g, 0), x = tn_graph_input(g, 0);
    assert_ok(tn_value_shape(g, y, &shape));
    assert_ok(tn_shape_count(&shape, &count));
    assert_true((size_t)count <= room);
    assert_ok(tn_device_open(&device, "cpu,reference"));
    assert_ok(
        tn_plan_create(&plan, g, device, &(tn_plan_opts){.from = m, .keep = &y, .num_keep = 1}));
    if (x.id) {
        assert_ok(tn_value_shape(g, x, &in));
        assert_ok(tn_shape_count(&in, &numbers));
        float *data = malloc((size_t)numbers * sizeof *data);
        for (int i = 0; i < numbers; i++)
            data[i] = lab_onnx_x(i);
        assert_ok(tn_plan_set(plan, x, (tn_tensor){TN_F32, in, data}));
        free(data);
    }
    assert_ok(tn_plan_evaluate(plan));
    assert_ok(tn_plan_get(plan, y, (tn_tensor){TN_F32, shape, to}));
    tn_plan_destroy(plan);
    tn_device_close(device);
    tn_model_close(m);
    return shape;
}

const char *lab_onnx_refusal(const char *text, const tn_model_opts *opts)
{
    tn_model *m = NULL;
    assert_int_not_equal(tn_model_open(&m, lab_onnx_graph(text), opts), TN_OK);
    assert_null(m);
    return tn_error();
}
