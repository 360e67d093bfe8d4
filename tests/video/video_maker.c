/*
 * video_maker FOLDER [SIDE]: writes a model of pictures of SIDE x SIDE pixels (default 24), with numbers that chance gave it, as
 * model.safetensors and as an engine, model.plan. Its classes have names that a shell, a filter or a page might stumble on.
 * red.plan is one that cannot be run on a picture that is not mostly red.
 */
#include <stdio.h>
#include <stdlib.h>

#include "lab.h"

enum { CLASSES = 12, SIDE = 24 };

static const char names[] = "rose\ntulip (red)\n(a:b, 50% 'x')\n%{pts} $HOME\nback\\slash\\\n"
                            "\"quoted\"\n<img src=x onerror=alert(1)>\n\xe8\x8a\xb1 \xc3\xa9\n"
                            "a=b,c;d[e]\n100%\n\xff\xfe no text\n-";

/* 0 of a picture that is mostly red; of any other the run fails, as there is one number to choose from. */
static tn_value red(tn_graph *g, tn_value x)
{
    static float zero;
    x = tn_pool2d(g, x, &(tn_pool2d_opts){.kind = TN_POOL_MEAN, .global = true});
    x = tn_reshape(g, x, &(tn_reshape_opts){.shape = TN_SHAPE(0, 3)});
    const tn_value most = tn_argmax(g, x, &(tn_argmax_opts){.keep = true});
    return tn_gather(g, tn_constant(g, "only", (tn_tensor){TN_F32, TN_SHAPE(1), &zero}), most,
                     &(tn_gather_opts){.name = "red"});
}

static tn_graph *net(int64_t side, bool picky)
{
    tn_graph *g = NULL;
    assert_ok(tn_graph_create(&g));
    const tn_value image = tn_input(g, "image", TN_U8, TN_SHAPE(1, side, side, 3));
    tn_value x = tn_image_input(g, image,
                                &(tn_image_input_opts){.mean = {128, 128, 128}, .scale = {0.001F}});
    const tn_value nothing = picky ? red(g, x) : (tn_value){0};
    x = tn_dense(g, x, &(tn_dense_opts){.name = "fc", .units = CLASSES, .no_bias = true});
    x = picky ? tn_add(g, x, nothing, NULL) : x;
    tn_output(g, tn_softmax(g, x, NULL));
    assert_ok(tn_graph_status(g));
    return g;
}

/* model: as one, too, if it is not NULL. */
static void make(const char *folder, int64_t side, bool picky, const char *model,
                 const char *engine)
{
    char path[1100];
    tn_device *device = NULL;
    tn_plan *p = NULL;
    tn_model *m = NULL;
    tn_graph *g = net(side, picky);
    assert_ok(tn_device_open(&device, "cpu,threads=1"));
    assert_ok(tn_plan_create(&p, g, device, &(tn_plan_opts){.seed = 5}));
    assert_ok(tn_model_of_plan(&m, p));
    assert_ok(tn_model_tell(m, "tenon.classes", names));
    snprintf(path, sizeof path, "resize=%d", (int)side + 8);
    assert_ok(tn_model_tell(m, "tenon.fit", path));
    snprintf(path, sizeof path, "%s/%s", folder, model ? model : "");
    if (model)
        assert_ok(tn_model_save(m, path));
    snprintf(path, sizeof path, "%s/%s", folder, engine);
    assert_ok(tn_engine_save(m, path));
    tn_model_close(m);
    tn_plan_destroy(p);
    tn_device_close(device);
    tn_graph_destroy(g);
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return 2;
    const int64_t side = argc > 2 ? atoi(argv[2]) : SIDE;
    make(argv[1], side, false, "model.safetensors", "model.plan");
    make(argv[1], side, true, NULL, "red.plan");
    return 0;
}
