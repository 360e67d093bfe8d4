/* Trained nets of Caffe's: a .caffemodel by itself, what it gets right, and the mean picture that is taken away. */
#define _POSIX_C_SOURCE 200809L /* popen */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tenon/tenon.h>

#include "io/proto.h"
#include "lab.h"
#include "lab_caffe.h"

/* ---- LeNet on the pictures that it never saw -------------------------------------------------- */

enum { IMAGES = 10000, BATCH = 500, PIXELS = 28 * 28, CLASSES = 10 };

static void unpack(const char *name, size_t head, uint8_t *to, size_t bytes)
{
    char command[700];
    uint8_t skipped[16];
    snprintf(command, sizeof command, "gzip -dc '%s'", lab_data(name));
    FILE *f = popen(command, "r");
    assert_non_null(f);
    assert_int_equal(fread(skipped, 1, head, f), head);
    assert_int_equal(fread(to, 1, bytes, f), bytes);
    pclose(f);
}

static int count_right(const tn_model *m, const uint8_t *pixels, const uint8_t *labels)
{
    static float scores[BATCH * CLASSES];
    tn_device *device = NULL;
    tn_plan *plan = NULL;
    int right = 0;
    const tn_graph *g = tn_model_graph(m);
    const tn_value out = tn_graph_output_at(g, 0);
    assert_ok(tn_device_open(&device, "cpu"));
    assert_ok(
        tn_plan_create(&plan, g, device, &(tn_plan_opts){.from = m, .keep = &out, .num_keep = 1}));
    assert_null(tn_plan_from(plan, TN_FROM_NEW, 0));
    for (int i = 0; i < IMAGES; i += BATCH) {
        assert_ok(tn_plan_set(plan, tn_graph_input(g, 0),
                              (tn_tensor){TN_U8, TN_SHAPE(BATCH, 28, 28, 1),
                                          (void *)(uintptr_t)(pixels + (size_t)i * PIXELS)}));
        assert_ok(tn_plan_evaluate(plan));
        assert_ok(tn_plan_get(plan, out, (tn_tensor){TN_F32, TN_SHAPE(BATCH, CLASSES), scores}));
        for (int j = 0; j < BATCH; j++) {
            int best = 0;
            for (int k = 1; k < CLASSES; k++)
                best = scores[j * CLASSES + k] > scores[j * CLASSES + best] ? k : best;
            right += best == labels[i + j];
        }
    }
    tn_plan_destroy(plan);
    tn_device_close(device);
    return right;
}

static void lenet_scores_what_caffe_says(void **state)
{
    (void)state;
    lab_need_data("models/lenet_caffe/lenet_iter_10000.caffemodel");
    lab_need_data("mnist/t10k-images-idx3-ubyte.gz");
    static uint8_t pixels[IMAGES * PIXELS], labels[IMAGES];
    const char *numbers = lab_data("models/lenet_caffe/lenet_iter_10000.caffemodel");
    tn_model *m = NULL;
    unpack("mnist/t10k-images-idx3-ubyte.gz", 16, pixels, sizeof pixels);
    unpack("mnist/t10k-labels-idx1-ubyte.gz", 8, labels, sizeof labels);
    const tn_image_input_opts image = {.scale = {1 / 256.f}};
    assert_ok(tn_model_open(&m, lab_data("models/lenet_caffe/deploy.prototxt"),
                            &(tn_model_opts){.batch = BATCH, .weights = numbers, .image = &image}));
    const int deployed = count_right(m, pixels, labels);
    tn_model_close(m);
    assert_in_range(deployed, 9910, 9920); /* 99.14 % */
    assert_ok(tn_model_open(&m, numbers, &(tn_model_opts){.batch = BATCH, .input = "*=1x28x28"}));
    assert_null(tn_model_notice(m, 0));
    assert_int_equal(count_right(m, pixels, labels), deployed);
    tn_model_close(m);
    assert_fails(tn_model_open(&m, numbers, NULL), TN_ERR_UNSUPPORTED,
                 "Data \"mnist\": how large its pictures are");
}

static void other_binary_files_are_refused(void **state)
{
    (void)state;
    tn_model *m = NULL;
    const char *path = lab_caffe_path("norm.caffemodel");
    static const struct {
        const char *bytes;
        size_t size;
        tn_status status;
        const char *says;
    } files[] = {
        {"\x89HDF\r\n\x1a\n", 8, TN_ERR_UNSUPPORTED, "is HDF5; Caffe writes what Tenon reads"},
        {"\x0a\x02mn\xa2\x06\x7f", 7, TN_ERR_FORMAT, "norm.caffemodel"},
        {"\x0a\x02mn", 4, TN_ERR_FORMAT, "has no layers"}};
    for (size_t i = 0; i < TN_COUNT(files); i++) {
        FILE *f = fopen(path, "wb");
        assert_non_null(f);
        fwrite(files[i].bytes, 1, files[i].size, f);
        fclose(f);
        assert_fails(tn_model_open(&m, path, NULL), files[i].status, files[i].says);
        const tn_model_opts opts = {.weights = path, .input = "data=3x2x2"};
        if (i < 2)
            assert_fails(tn_model_open(&m,
                                       lab_caffe_net("input: \"data\"\nlayer { name: \"a\" type: "
                                                     "\"ReLU\" bottom: \"data\" top: \"b\" }"),
                                       &opts),
                         files[i].status, files[i].says);
    }
}

/* ---- what SGD has kept --------------------------------------------------------------------------- */

enum { IN = 3, OUT = 2 };

/* A net of one InnerProduct with lr_mult 2 and 0, its numbers, and a state with so many blobs. */
static void write_state(int blobs, size_t of_first)
{
    static const float numbers[IN * OUT * 2] = {1, 2, 3, 4, 5, 6};
    tn_proto_out o = {0};
    const char *path = lab_caffe_path("net.caffemodel");
    tn_proto_mark l = tn_proto_put_message(&o, 100), b;
    tn_proto_put_text(&o, 1, "fc");
    for (int i = 0; i < 2; i++) {
        b = tn_proto_put_message(&o, 7);
        tn_proto_put_bytes(&o, 5, numbers, (i ? OUT : IN * OUT) * sizeof *numbers);
        tn_proto_end_message(&o, b);
    }
    tn_proto_end_message(&o, l);
    assert_ok(tn_proto_save(&o, path));
    tn_proto_drop(&o);
    o = (tn_proto_out){0};
    path = lab_caffe_path("net.solverstate");
    tn_proto_put_int(&o, 1, 42);
    for (int i = 0; i < blobs; i++) {
        b = tn_proto_put_message(&o, 3);
        tn_proto_put_bytes(&o, 5, numbers, (i ? OUT : of_first) * sizeof *numbers);
        tn_proto_end_message(&o, b);
    }
    assert_ok(tn_proto_save(&o, path));
    tn_proto_drop(&o);
}

static void momentum_is_divided_by_lr_mult(void **state)
{
    (void)state;
    static const char net[] =
        "input: \"data\" input_dim: 1 input_dim: 3 input_dim: 1 input_dim: 1\n"
        "layer { name: \"fc\" type: \"InnerProduct\" bottom: \"data\" top: "
        "\"y\" param { lr_mult: 2 } param { lr_mult: 0 }\n"
        "  inner_product_param { num_output: 2 } }";
    tn_model *m = NULL;
    char weights[512], kept[512]; /* lab_caffe_path() has room for few */
    strcpy(weights, lab_caffe_path("net.caffemodel"));
    strcpy(kept, lab_caffe_path("net.solverstate"));
    tn_model_opts opts = {.weights = weights, .state = kept};
    write_state(2, IN * OUT);
    assert_ok(tn_model_open(&m, lab_caffe_net(net), &opts));
    assert_string_equal(tn_model_fact(m, "tenon.updates"), "42");
    int found = 0;
    for (int i = 0; tn_model_tensor(m, i, NULL); i++) {
        if (strncmp(tn_model_tensor(m, i, NULL), "optimizer.", 10) != 0)
            continue;
        float v[IN * OUT];
        assert_string_equal(tn_model_tensor(m, i, NULL), "optimizer.fc.weight.momentum");
        assert_ok(tn_model_tensor_get(m, i, (tn_tensor){TN_F32, TN_SHAPE(OUT, IN), v}));
        for (int j = 0; j < IN * OUT; j++)
            assert_true(v[j] == (float)(j + 1) / 2);
        assert_fails(tn_model_tensor_get(m, i, (tn_tensor){TN_F32, TN_SHAPE(IN, OUT), v}),
                     TN_ERR_SHAPE, "optimizer.fc.weight.momentum is f32 2 x 3, not f32 3 x 2");
        assert_fails(tn_model_tensor_get(m, 99, (tn_tensor){TN_F32, TN_SHAPE(IN, OUT), v}),
                     TN_ERR_ARGUMENT, "none of number 99");
        found++;
    }
    assert_int_equal(found, 1);
    tn_model_close(m);
    static const struct {
        int blobs;
        size_t of_first;
        tn_status status;
        const char *says;
    } wrong[] = {{4, IN * OUT, TN_ERR_UNSUPPORTED, "keeps 4 blobs for the 2 of the net"},
                 {2, IN, TN_ERR_SHAPE, "what it has for fc.weight is not of 6 numbers"},
                 {0, IN, TN_ERR_SHAPE, "net.solverstate"}};
    for (size_t i = 0; i < TN_COUNT(wrong); i++) {
        write_state(wrong[i].blobs, wrong[i].of_first);
        assert_fails(tn_model_open(&m, lab_caffe_net(net), &opts), wrong[i].status, wrong[i].says);
    }
    opts.weights = NULL;
    assert_fails(tn_model_open(&m, lab_caffe_net(net), &opts), TN_ERR_ARGUMENT,
                 "no numbers are given");
    opts.weights = opts.state = weights;
    assert_int_not_equal(tn_model_open(&m, lab_caffe_net(net), &opts), TN_OK);
    opts.state = kept;
    write_state(2, IN * OUT);
    for (long nth = 1;; nth++) {
        const char *path = lab_caffe_net(net);
        tn_alloc_fail_at(nth);
        const tn_status status = tn_model_open(&m, path, &opts);
        tn_alloc_fail_at(0);
        if (status == TN_OK)
            break;
        assert_int_equal(status, TN_ERR_MEMORY);
        assert_int_equal(tn_alloc_live(), 0);
    }
    tn_model_close(m);
    remove(weights);
    remove(kept);
}

/* ---- the mean picture ------------------------------------------------------------------------- */

enum { SIDE = 4, MEAN = 6 };

static const char *write_mean(bool old, int channels)
{
    float numbers[3 * MEAN * MEAN];
    const char *path = lab_caffe_path("mean.binaryproto");
    tn_proto_out o = {0};
    for (int i = 0; i < 3 * MEAN * MEAN; i++)
        numbers[i] = (float)i;
    if (old) {
        const int dims[] = {1, channels, MEAN, MEAN};
        for (int i = 0; i < 4; i++)
            tn_proto_put_int(&o, i + 1, dims[i]);
    } else {
        const tn_proto_mark shape = tn_proto_put_message(&o, 7);
        tn_proto_put_int(&o, 1, channels);
        tn_proto_put_int(&o, 1, MEAN);
        tn_proto_put_int(&o, 1, MEAN);
        tn_proto_end_message(&o, shape);
    }
    tn_proto_put_bytes(&o, 5, numbers, (size_t)(channels * MEAN * MEAN) * sizeof *numbers);
    assert_ok(tn_proto_save(&o, path));
    tn_proto_drop(&o);
    return path;
}

static void check_mean(const char *net, const tn_model_opts *opts)
{
    uint8_t pixels[SIDE * SIDE * 3];
    float got[3 * SIDE * SIDE];
    tn_model *m = NULL;
    tn_device *device = NULL;
    tn_plan *plan = NULL;
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (uint8_t)(i * 5);
    assert_ok(tn_model_open(&m, net, opts));
    assert_null(tn_model_notice(m, 0));
    const tn_graph *g = tn_model_graph(m);
    const tn_value out = tn_graph_output_at(g, 0);
    assert_ok(tn_device_open(&device, "cpu"));
    assert_ok(tn_plan_create(&plan, g, device, &(tn_plan_opts){.keep = &out, .num_keep = 1}));
    assert_ok(tn_plan_set(plan, tn_graph_input(g, 0),
                          (tn_tensor){TN_U8, TN_SHAPE(1, SIDE, SIDE, 3), pixels}));
    assert_ok(tn_plan_evaluate(plan));
    assert_ok(tn_plan_get(plan, out, (tn_tensor){TN_F32, TN_SHAPE(1, 3, SIDE, SIDE), got}));
    for (int c = 0; c < 3; c++)
        for (int h = 0; h < SIDE; h++)
            for (int w = 0; w < SIDE; w++) {
                const int mean = (c * MEAN + h + 1) * MEAN + w + 1;
                const int pixel = pixels[(h * SIDE + w) * 3 + c];
                assert_true(got[(c * SIDE + h) * SIDE + w] == (float)(pixel - mean) / 2);
            }
    tn_plan_destroy(plan);
    tn_device_close(device);
    tn_model_close(m);
}

static void the_middle_of_the_mean_is_taken_away(void **state)
{
    (void)state;
    static const char data[] = "layer { name: \"d\" type: \"Data\" top: \"data\" transform_param { "
                               "crop_size: 4 scale: 0.5 "
                               "mean_file: \"mean.binaryproto\" } }\n"
                               "layer { name: \"s\" type: \"Split\" bottom: \"data\" top: \"x\" }";
    static const char deploy[] =
        "input: \"data\" input_dim: 1 input_dim: 3 input_dim: 4 input_dim: 4\n"
        "layer { name: \"s\" type: \"Split\" bottom: \"data\" top: \"x\" }";
    const tn_image_input_opts image = {.scale = {.5f, .5f, .5f}};
    for (int old = 0; old < 2; old++) {
        const char *mean = write_mean(old, 3);
        check_mean(lab_caffe_net(data), NULL);
        check_mean(lab_caffe_net(deploy), &(tn_model_opts){.mean_file = mean, .image = &image});
    }
    tn_model *m = NULL;
    const tn_model_opts opts = {.mean_file = write_mean(false, 1)};
    assert_fails(tn_model_open(&m, lab_caffe_net(deploy), &opts), TN_ERR_SHAPE,
                 "mean.binaryproto: is a mean of 1 x 6 x 6, and pictures are 3 x 4 x 4");
    const tn_model_opts other = {.mean_file = lab_caffe_net(deploy)};
    assert_fails(tn_model_open(&m, lab_caffe_net(deploy), &other), TN_ERR_FORMAT, "net.prototxt");
    remove(lab_caffe_path("mean.binaryproto"));
    assert_ok(tn_model_open(&m, lab_caffe_net(data), NULL));
    assert_non_null(strstr(tn_model_notice(m, 0),
                           "the mean picture that Caffe takes away from each, "
                           "mean.binaryproto, is not there"));
    tn_model_close(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lenet_scores_what_caffe_says),
        cmocka_unit_test(other_binary_files_are_refused),
        cmocka_unit_test(momentum_is_divided_by_lr_mult),
        cmocka_unit_test(the_middle_of_the_mean_is_taken_away),
    };
    return cmocka_run_group_tests(tests, lab_caffe_open, lab_caffe_close);
}
