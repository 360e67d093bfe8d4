/*
 * video_maker FOLDER [SIDE]: writes a model of pictures of SIDE x SIDE pixels (default 24), with numbers that chance gave it, as
 * model.safetensors and as an engine, model.plan. Its classes have names that a shell, a filter or a page might stumble on.
 */
#include <stdio.h>
#include <stdlib.h>

#include "lab.h"

enum { CLASSES = 12, SIDE = 24 };

static const char names[] = "rose\ntulip (red)\n(a:b, 50% 'x')\n%{pts} $HOME\nback\\slash\\\n"
                            "\"quoted\"\n<img src=x onerror=alert(1)>\n\xe8\x8a\xb1 \xc3\xa9\n"
                            "a=b,c;d[e]\n100%\n\xff\xfe no text\n-";

static tn_graph *net(int64_t side)
{
    tn_graph *g = NULL;
    assert_ok(tn_graph_create(&g));
    const tn_value image = tn_input(g, "image", TN_U8, TN_SHAPE(1, side, side, 3));
    tn_value x = tn_image_input(g, image,
                                &(tn_image_input_opts){.mean = {128, 128, 128}, .scale = {0.001F}});
    x = tn_dense(g, x, &(tn_dense_opts){.name = "fc", .units = CLASSES, .no_bias = true});
    tn_output(g, tn_softmax(g, x, NULL));
    assert_ok(tn_graph_status(g));
    return g;
}

int main(int argc, char **argv)
{
    char path[1100];
    tn_device *device = NULL;
    tn_plan *p = NULL;
    tn_model *m = NULL;
    if (argc < 2)
        return 2;
    const int64_t side = argc > 2 ? atoi(argv[2]) : SIDE;
    tn_graph *g = net(side);
    assert_ok(tn_device_open(&device, "cpu,threads=1"));
    assert_ok(tn_plan_create(&p, g, device, &(tn_plan_opts){.seed = 5}));
    assert_ok(tn_model_of_plan(&m, p));
    assert_ok(tn_model_tell(m, "tenon.classes", names));
    snprintf(path, sizeof path, "resize=%d", (int)side + 8);
    assert_ok(tn_model_tell(m, "tenon.fit", path));
    snprintf(path, sizeof path, "%s/model.safetensors", argv[1]);
    assert_ok(tn_model_save(m, path));
    snprintf(path, sizeof path, "%s/model.plan", argv[1]);
    assert_ok(tn_engine_save(m, path));
    tn_model_close(m);
    tn_plan_destroy(p);
    tn_device_close(device);
    tn_graph_destroy(g);
    return 0;
}
