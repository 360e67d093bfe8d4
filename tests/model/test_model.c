/*
 * Models: what a checkpoint holds is the net, its numbers and its facts; what is saved and opened again is the same; what
 * is none is refused by what it is.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graph/text.h"
#include "lab.h"
#include "lab_model.h"

static const char *folder;
static tn_device *device;

static const char *in_folder(const char *name)
{
    static char path[4][512];
    static int next;
    char *p = path[next++ % 4];
    snprintf(p, sizeof path[0], "%s/%s", folder, name);
    return p;
}

static void write_file(const char *path, const char *bytes, size_t size)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, size, f), size);
    fclose(f);
}

static void write_text(const char *name, const char *text)
{
    write_file(in_folder(name), text, strlen(text));
}

static char *text_of(const tn_graph *g)
{
    char *text = NULL;
    assert_ok(tn_graph_format(g, NULL, &text));
    return text;
}

static const tn_meta said[] = {{"tenon.classes", "cat\nold dog\nbird"},
                               {"tenon.fit", "resize=8 order=bgr"},
                               {"tenon.source", "a test"},
                               {"epoch", "3"}};
enum { SAID = sizeof said / sizeof said[0] };

static const char *const names[] = {"bn.bias",     "bn.running_mean", "bn.running_var", "bn.weight",
                                    "conv.bias",   "conv.weight",     "fc.bias",        "fc.weight",
                                    "hidden.bias", "hidden.weight"};

static void assert_same_params(tn_plan *a, tn_plan *b)
{
    for (size_t i = 0; i < TN_COUNT(names); i++) {
        int64_t count, other;
        float *x = lab_model_param(a, names[i], &count), *y = lab_model_param(b, names[i], &other);
        assert_int_equal(count, other);
        if (memcmp(x, y, (size_t)count * sizeof *x) != 0)
            fail_msg("%s differs", names[i]);
        free(x);
        free(y);
    }
}

/* The model is the net g with the numbers of p. */
static void check_model(const tn_model *m, const tn_graph *g, tn_plan *p)
{
    char *want = text_of(g), *got = text_of(tn_model_graph(m));
    assert_string_equal(got, want);
    assert_string_equal(tn_model_fact(m, "tenon.graph"), want);
    tn_free(want);
    tn_free(got);
    for (size_t i = 0; i < TN_COUNT(names); i++)
        assert_string_equal(tn_model_tensor(m, (int)i, NULL), names[i]);
    assert_null(tn_model_tensor(m, TN_COUNT(names), NULL));
    tn_plan *again = NULL;
    assert_ok(tn_plan_create(&again, tn_model_graph(m), device, &(tn_plan_opts){.from = m}));
    for (size_t i = 0; i < TN_COUNT(names); i++)
        assert_non_null(tn_plan_from(again, TN_FROM_TAKEN, (int)i));
    assert_null(tn_plan_from(again, TN_FROM_TAKEN, TN_COUNT(names)));
    assert_null(tn_plan_from(again, TN_FROM_NEW, 0));
    assert_null(tn_plan_from(again, TN_FROM_LEFT, 0));
    assert_same_params(again, p);
    tn_plan_destroy(again);
}

static void a_checkpoint_is_a_model(void **state)
{
    (void)state;
    tn_graph *g = lab_model_net(3);
    tn_plan *p = lab_model_train(g, device, NULL);
    tn_model *m = NULL;
    assert_ok(tn_checkpoint_save(p, in_folder("all"), said, SAID));
    assert_ok(tn_checkpoint_save_params(p, in_folder("params"), said, SAID));
    const char *const files[] = {"all", "params"};
    for (int i = 0; i < 2; i++) {
        assert_ok(tn_model_open(&m, in_folder(files[i]), &(tn_model_opts){.batch = 4}));
        check_model(m, g, p);
        assert_string_equal(tn_model_fact(m, "tenon.source"), "a test");
        assert_string_equal(tn_model_fact(m, "epoch"), "3");
        assert_int_equal(tn_model_num_classes(m), 3);
        assert_string_equal(tn_model_class(m, 1), "old dog");
        assert_null(tn_model_class(m, 3));
        assert_null(tn_model_fact(m, "none"));
        assert_null(tn_model_notice(m, 0));
        tn_model_close(m);
    }
    assert_ok(tn_checkpoint_load(p, in_folder("all"), TN_LOAD_RESUME));
    assert_ok(tn_checkpoint_load(p, in_folder("params"), TN_LOAD_PARAMS));
    assert_fails(tn_checkpoint_load(p, in_folder("params"), TN_LOAD_RESUME), TN_ERR_FORMAT,
                 "does not say tenon.updates, so no run can go on from it");
    tn_plan_destroy(p);
    tn_graph_destroy(g);
}

/* Without tn_output() what the plan keeps is what the net is for; and the loss is the plan's. */
static void what_a_plan_keeps_is_an_output(void **state)
{
    (void)state;
    tn_graph *g = NULL;
    tn_plan *p = NULL;
    tn_model *m = NULL;
    assert_ok(tn_graph_create(&g));
    const tn_value x = tn_input(g, "x", TN_F32, TN_SHAPE(2, 3));
    const tn_value y = tn_dense(g, x, &(tn_dense_opts){.name = "d", .units = 3});
    const tn_value w = tn_param(g, "w", TN_SHAPE(2, 3), NULL);
    const tn_value loss = tn_mse(g, tn_mul(g, y, w, NULL), x, NULL);
    assert_ok(
        tn_plan_create(&p, g, device, &(tn_plan_opts){.loss = loss, .keep = &y, .num_keep = 1}));
    assert_ok(tn_model_of_plan(&m, p));
    assert_string_equal(tn_model_fact(m, "tenon.graph"),
                        "tenon graph 1\ninput x f32 N 3\nd = dense(x) units=3\n"
                        "w = param() shape=2,3\nmul1 = mul(d, w)\n"
                        "mse1 = mse(mul1, x)\noutput d\nloss mse1\n");
    assert_string_equal(tn_model_tensor(m, 2, NULL), "w");
    tn_plan *again = NULL;
    const tn_graph *same = tn_model_graph(m);
    assert_ok(
        tn_plan_create(&again, same, device, &(tn_plan_opts){tn_graph_loss(same), .from = m}));
    tn_plan_destroy(again);
    tn_model_close(m);
    tn_plan_destroy(p);
    tn_graph_destroy(g);
}

static void what_was_trained_is_saved(void **state)
{
    (void)state;
    tn_graph *g = lab_model_net(3);
    tn_plan *p = lab_model_train(g, device, NULL);
    tn_model *m = NULL, *again = NULL;
    assert_ok(tn_model_of_plan(&m, p));
    check_model(m, g, p);
    for (int i = 0; i < SAID; i++)
        assert_ok(tn_model_tell(m, said[i].key, said[i].value));
    assert_ok(tn_model_tell(m, "epoch", "4"));
    assert_ok(tn_model_tell(m, "tenon.classes", "a\nb"));
    assert_fails(tn_model_tell(m, "tenon.graph", "x"), TN_ERR_ARGUMENT, "tenon.graph: keys with");
    assert_ok(tn_model_save(m, in_folder("model")));
    tn_model_close(m);
    for (int i = 0; i < 2; i++) { /* of a file, and of a copy of it */
        assert_ok(tn_model_open(&again, in_folder("model"), &(tn_model_opts){.batch = 4}));
        check_model(again, g, p);
        assert_string_equal(tn_model_fact(again, "epoch"), "4");
        assert_string_equal(tn_model_class(again, 1), "b");
        assert_null(tn_model_fact(again, "tenon.updates"));
        assert_ok(tn_model_save(again, in_folder("model")));
        tn_model_close(again);
    }
    tn_plan_destroy(p);
    tn_graph_destroy(g);
}

static void pictures_are_fitted_as_it_says(void **state)
{
    (void)state;
    static const struct {
        const char *fit, *says;
    } wrong[] = {
        {"resize=5", "resize is less than what the net takes"},
        {"resize=x", "resize is no number of pixels"},
        {"resize=8x", "resize is no number"},
        {"resize=99999", "resize is no number"},
        {"order=grey", "not for the channels"},
        {"size=8", "tenon.fit is \"size=8\": its words are resize=PIXELS"},
    };
    tn_graph *g = lab_model_net(3);
    tn_plan *p = lab_model_train(g, device, NULL);
    tn_model *m = NULL;
    tn_picture picture;
    assert_ok(tn_model_of_plan(&m, p));
    assert_ok(tn_model_picture(m, &picture));
    assert_true(picture.fit.height == 6 && picture.fit.width == 6 && picture.fit.resize == 0);
    assert_true(picture.order == TN_ORDER_RGB && picture.channels == 3);
    assert_int_equal(picture.input.id, tn_graph_value(tn_model_graph(m), "image").id);
    assert_ok(tn_model_tell(m, "tenon.fit", "  order=bgr resize=8 "));
    assert_ok(tn_model_picture(m, &picture));
    assert_true(picture.fit.resize == 8 && picture.order == TN_ORDER_BGR);
    for (size_t i = 0; i < TN_COUNT(wrong); i++) {
        assert_ok(tn_model_tell(m, "tenon.fit", wrong[i].fit));
        assert_fails(tn_model_picture(m, &picture), TN_ERR_FORMAT, wrong[i].says);
    }
    tn_model_close(m);
    tn_plan_destroy(p);
    tn_graph_destroy(g);
    write_text("grey.net", "tenon graph 1\ninput x u8 N 4 5 1\n");
    assert_ok(tn_model_open(&m, in_folder("grey.net"), NULL));
    assert_ok(tn_model_picture(m, &picture));
    assert_true(picture.order == TN_ORDER_GREY && picture.fit.width == 5);
    tn_model_close(m);
    write_text("none.net", "tenon graph 1\ninput x f32 N 4\n");
    assert_ok(tn_model_open(&m, in_folder("none.net"), NULL));
    assert_fails(tn_model_picture(m, &picture), TN_ERR_ARGUMENT,
                 "no input of its net is a picture");
    tn_model_close(m);
}

static void pixels_are_put_in_order(void **state)
{
    (void)state;
    static const uint8_t rgb[] = {10, 20, 30, 255, 0, 1};
    static const struct {
        tn_order order;
        int channels;
        uint8_t want[6];
    } cases[] = {
        {TN_ORDER_RGB, 3, {10, 20, 30, 255, 0, 1}},
        {TN_ORDER_BGR, 3, {30, 20, 10, 1, 0, 255}},
        {TN_ORDER_GREY, 1, {18, 76}}, /* 18.15 and 76.359 */
    };
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        const tn_picture p = {.order = cases[i].order, .channels = cases[i].channels};
        uint8_t there[6], in_place[6];
        memcpy(in_place, rgb, sizeof rgb);
        assert_ok(tn_picture_pixels(&p, rgb, 2, there));
        assert_ok(tn_picture_pixels(&p, in_place, 2, in_place));
        assert_memory_equal(there, cases[i].want, (size_t)(2 * cases[i].channels));
        assert_memory_equal(in_place, cases[i].want, (size_t)(2 * cases[i].channels));
    }
    uint8_t some[6] = {0};
    const tn_picture grey = {.order = TN_ORDER_GREY, .channels = 3};
    assert_fails(tn_picture_pixels(&grey, some, 2, some), TN_ERR_ARGUMENT, "3 channels");
    const tn_picture none = {.order = (tn_order)7, .channels = 3};
    assert_fails(tn_picture_pixels(&none, some, 2, some), TN_ERR_ARGUMENT, "order 7");
}

/* The text of a net is a model without numbers: all begin as ever. */
static void a_text_is_a_model(void **state)
{
    (void)state;
    tn_graph *g = lab_model_net(3);
    char *text = text_of(g);
    tn_model *m = NULL;
    tn_plan *p = NULL;
    write_text("net.txt", text);
    assert_ok(tn_model_open(&m, in_folder("net.txt"), NULL));
    assert_string_equal(tn_model_fact(m, "tenon.graph"), text);
    assert_null(tn_model_tensor(m, 0, NULL));
    assert_ok(tn_plan_create(&p, tn_model_graph(m), device, &(tn_plan_opts){.from = m}));
    assert_non_null(tn_plan_from(p, TN_FROM_NEW, TN_COUNT(names) - 1));
    assert_fails(tn_model_save(m, in_folder("x")), TN_ERR_ARGUMENT, "has a net but no numbers");
    tn_plan_destroy(p);
    tn_model_close(m);
    m = NULL;
    assert_ok(tn_model_read(&m, "mine", text, &(tn_model_opts){.batch = 5}));
    assert_string_equal(tn_model_fact(m, "tenon.graph"), text);
    tn_shape shape;
    assert_ok(tn_value_shape(tn_model_graph(m), tn_graph_input(tn_model_graph(m), 0), &shape));
    assert_int_equal(shape.dim[0], 5);
    tn_model_close(m);
    m = NULL;
    assert_fails(tn_model_read(&m, "mine", "tenon graph 1\ny = swish9(x)\n", NULL), TN_ERR_FORMAT,
                 "mine:2:5: ");
    assert_null(m);
    tn_free(text);
    tn_graph_destroy(g);
}

static void what_is_none_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t size;
        const char *says;
    } cases[] = {
        {"PK\3\4xxxxxxxx", 12,
         "file: is a zip archive, as PyTorch saves (.pt); Tenon reads safetensors"},
        {"\x89HDF\r\n\x1a\n", 8, "is HDF5"},
        {"\x80\2}q", 4, "is a Python pickle"},
        {"", 0, "file: ends at byte 0"},
        {"hello, world, this is no model", 30, "is not safetensors, or is cut off"},
        {"tenon graph 2\n", 14, "file:1:13: is \"2\" of the text of a graph"},
        {"\x02\0\0\0\0\0\0\0{}", 10, "file: holds 0 tensors but no net (tenon.graph)"},
        {"\x40\0\0\0\0\0\0\0{\"__metadata__\":{\"tenon.graph\":\"tenon graph 1\\ny = relu(x)\"}}   "
         " ",
         72, "file: tenon.graph:2:10: \"x\" is read here"},
    };
    tn_model *m = NULL;
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        write_file(in_folder("file"), cases[i].bytes, cases[i].size);
        assert_fails(tn_model_open(&m, in_folder("file"), NULL), TN_ERR_FORMAT, cases[i].says);
    }
    assert_fails(tn_model_open(&m, in_folder("nothing"), NULL), TN_ERR_IO, "nothing: No such file");
    assert_fails(tn_model_open(&m, folder, NULL), TN_ERR_IO, "Is a directory");
    static const char old[] =
        "\x58\0\0\0\0\0\0\0{\"__metadata__\":{\"tenon.version\":\"0.0.9\"},"
        "\"a.weight\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[0,1]}}!";
    char file[sizeof old];
    memcpy(file, old, sizeof old);
    file[0] = (char)(sizeof old - 1 - 8 - 1);
    write_file(in_folder("old"), file, sizeof old - 1);
    assert_fails(
        tn_model_open(&m, in_folder("old"), NULL), TN_ERR_FORMAT,
        "holds 1 tensors but no net (tenon.graph); it was saved by Tenon 0.0.9, of before");
    assert_ok(tn_model_open(&m, in_folder("old"), &(tn_model_opts){.no_net = true}));
    assert_null(tn_model_graph(m));
    assert_non_null(strstr(tn_model_notice(m, 0), "holds no net, only 1 tensors"));
    tn_model_close(m);
}

static tn_status open_and_close(void *path)
{
    tn_model *m = NULL;
    const tn_status status = tn_model_open(&m, path, NULL);
    tn_model_close(m);
    return status;
}

static tn_status read_and_close(void *text)
{
    tn_model *m = NULL;
    TN_TRY(tn_model_read(&m, "mine", text, NULL));
    tn_model_close(m);
    return TN_OK;
}

static tn_status copy_and_close(void *plan)
{
    tn_model *m = NULL;
    tn_status status = tn_model_of_plan(&m, plan);
    if (status == TN_OK)
        status = tn_model_tell(m, "tenon.classes", "a\nb");
    if (status == TN_OK)
        status = tn_model_save(m, in_folder("copied"));
    tn_model_close(m);
    return status;
}

static void no_memory_leaves_nothing(void **state)
{
    (void)state;
    tn_graph *g = lab_model_net(3);
    tn_plan *p = lab_model_train(g, device, NULL);
    char path[512];
    snprintf(path, sizeof path, "%s", in_folder("memory"));
    assert_ok(tn_checkpoint_save(p, path, said, SAID));
    assert_true(lab_fail_each_allocation(open_and_close, path) > 30);
    assert_true(lab_fail_each_allocation(copy_and_close, p) > 30);
    char *text = text_of(g);
    assert_true(lab_fail_each_allocation(read_and_close, text) > 10);
    tn_free(text);
    tn_plan_destroy(p);
    tn_graph_destroy(g);
}

static int open_all(void **state)
{
    (void)state;
    folder = lab_make_folder();
    assert_ok(tn_device_open(&device, "cpu,threads=2"));
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    tn_device_close(device);
    lab_remove(folder);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_checkpoint_is_a_model),
        cmocka_unit_test(what_a_plan_keeps_is_an_output),
        cmocka_unit_test(what_was_trained_is_saved),
        cmocka_unit_test(pictures_are_fitted_as_it_says),
        cmocka_unit_test(pixels_are_put_in_order),
        cmocka_unit_test(a_text_is_a_model),
        cmocka_unit_test(what_is_none_is_refused),
        cmocka_unit_test(no_memory_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
