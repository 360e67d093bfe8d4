/* Nets of Caffe's: the numbers of a trained one, the files that are shared, and all that cannot be, at once. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tenon/tenon.h>

#include "data/npy.h"
#include "io/proto.h"
#include "lab.h"
#include "lab_caffe.h"

/* ---- a trained net ---------------------------------------------------------------------------- */

enum { IMAGES = 20, PIXELS = 28 * 28, CLASSES = 10 };

static void read_npy(const char *name, int ndim, float *to, size_t count)
{
    tn_npy npy;
    assert_ok(tn_npy_open(&npy, lab_data(name), TN_F32, ndim));
    assert_ok(tn_npy_read(&npy, 0, count * sizeof *to, to));
    tn_npy_close(&npy);
}

/* What OpenCV made of the same files. */
static void lenet_says_what_it_says_elsewhere(void **state)
{
    (void)state;
    lab_need_data("models/lenet_caffe/ref_output.npy");
    static float pixels[IMAGES * PIXELS], want[IMAGES * CLASSES], got[IMAGES * CLASSES];
    tn_model *m = NULL;
    tn_device *device = NULL;
    tn_plan *plan = NULL;
    const tn_model_opts opts = {
        .batch = IMAGES, .weights = lab_data("models/lenet_caffe/lenet_iter_10000.caffemodel")};
    assert_ok(tn_model_open(&m, lab_data("models/lenet_caffe/deploy.prototxt"), &opts));
    assert_null(tn_model_notice(m, 0));
    const tn_graph *g = tn_model_graph(m);
    const tn_value out = tn_graph_output_at(g, 0);
    assert_null(tn_value_name(g, tn_graph_output_at(g, 1)));
    assert_string_equal(tn_value_op(g, out), "softmax");
    read_npy("models/lenet_caffe/ref_input.npy", 4, pixels, IMAGES * PIXELS);
    read_npy("models/lenet_caffe/ref_output.npy", 2, want, IMAGES * CLASSES);
    assert_ok(tn_device_open(&device, "cpu"));
    assert_ok(
        tn_plan_create(&plan, g, device, &(tn_plan_opts){.from = m, .keep = &out, .num_keep = 1}));
    assert_null(tn_plan_from(plan, TN_FROM_NEW, 0));
    assert_ok(tn_plan_set(plan, tn_graph_input(g, 0),
                          (tn_tensor){TN_F32, TN_SHAPE(IMAGES, 1, 28, 28), pixels}));
    assert_ok(tn_plan_evaluate(plan));
    assert_ok(tn_plan_get(plan, out, (tn_tensor){TN_F32, TN_SHAPE(IMAGES, CLASSES), got}));
    for (int i = 0; i < IMAGES * CLASSES; i++)
        assert_true(fabsf(got[i] - want[i]) < 1e-5f);
    tn_plan_destroy(plan);
    tn_device_close(device);
    tn_model_close(m);
}

/* It is saved as any model, and opened without Caffe's files. */
static void an_imported_net_is_a_model(void **state)
{
    (void)state;
    lab_need_data("models/lenet_caffe/ref_output.npy");
    tn_model *m = NULL, *again = NULL;
    const tn_image_input_opts image = {.scale = {1 / 256.f}};
    const tn_model_opts opts = {.weights =
                                    lab_data("models/lenet_caffe/lenet_iter_10000.caffemodel"),
                                .image = &image,
                                .fit = "resize=28 order=grey"};
    tn_picture picture;
    assert_ok(tn_model_open(&m, lab_data("models/lenet_caffe/deploy.prototxt"), &opts));
    const char *path = lab_caffe_path("lenet.safetensors");
    assert_ok(tn_model_save(m, path));
    assert_ok(tn_model_open(&again, path, NULL));
    assert_string_equal(tn_model_fact(m, "tenon.graph"), tn_model_fact(again, "tenon.graph"));
    assert_ok(tn_model_picture(again, &picture));
    assert_int_equal(picture.channels, 1);
    assert_int_equal(picture.fit.height, 28);
    for (int i = 0; tn_model_tensor(m, i, NULL); i++)
        assert_string_equal(tn_model_tensor(m, i, NULL), tn_model_tensor(again, i, NULL));
    tn_model_close(again);
    tn_model_close(m);
}

/* ---- all shared nets -------------------------------------------------------------------------- */

static void assert_imports(const char *name, const char *input, const char *op_of_output,
                           bool trains)
{
    tn_model *m = NULL;
    const tn_model_opts opts = {.batch = 2, .input = input};
    assert_ok(tn_model_open(&m, lab_data(name), &opts));
    const tn_graph *g = tn_model_graph(m);
    assert_string_equal(tn_value_op(g, tn_graph_output_at(g, 0)), op_of_output);
    assert_int_equal(tn_graph_loss(g).id != 0, trains);
    tn_model_close(m);
}

static void shared_nets_are_imported(void **state)
{
    (void)state;
    lab_need_data("prototxt/BVLC+caffe/models/bvlc_alexnet/deploy.prototxt");
#define BVLC "prototxt/BVLC+caffe/"
    assert_imports(BVLC "models/bvlc_alexnet/deploy.prototxt", NULL, "softmax", false);
    assert_imports(BVLC "models/bvlc_alexnet/train_val.prototxt", NULL, "dense", true);
    assert_imports(BVLC "models/bvlc_reference_caffenet/deploy.prototxt", NULL, "softmax", false);
    assert_imports(BVLC "models/bvlc_reference_caffenet/train_val.prototxt", NULL, "dense", true);
    assert_imports(BVLC "examples/cifar10/cifar10_quick.prototxt", NULL, "softmax", false);
    assert_imports(BVLC "examples/cifar10/cifar10_quick_train_test.prototxt", "data=3x32x32",
                   "dense", true);
    assert_imports(BVLC "examples/mnist/lenet.prototxt", NULL, "softmax", false);
    assert_imports(BVLC "examples/mnist/lenet_train_test.prototxt", "data=1x28x28", "dense", true);
    tn_model *m = NULL;
    assert_fails(tn_model_open(&m, lab_data(BVLC "examples/mnist/lenet_train_test.prototxt"), NULL),
                 TN_ERR_UNSUPPORTED,
                 "Data \"mnist\" (line 2): how large its pictures are only its database knows");
    assert_ok(tn_model_open(
        &m, lab_data("prototxt/dchall88+DIGITS/digits/standard-networks/caffe/alexnet.prototxt"),
        NULL));
    assert_non_null(strstr(tn_model_notice(m, 0), "InnerProduct \"fc8\" (line 356): its num_output "
                                                  "is not said, as DIGITS leaves it open"));
    tn_model_close(m);
    assert_fails(tn_model_open(&m, lab_data(BVLC "examples/mnist/lenet_solver.prototxt"), NULL),
                 TN_ERR_UNSUPPORTED, "1 of 9 layers cannot be imported: Data \"mnist\" (line 2)");
    assert_ok(tn_model_open(&m, lab_data(BVLC "models/bvlc_alexnet/train_val.prototxt"), NULL));
    assert_non_null(strstr(tn_model_notice(m, 0), "the mean picture that Caffe takes away"));
    assert_string_equal(tn_model_fact(m, "tenon.fit"), "order=bgr");
    tn_model_close(m);
}

/* ---- numbers ---------------------------------------------------------------------------------- */

static void put_blob(tn_proto_out *o, int number, const float *numbers, size_t count, bool packed)
{
    const tn_proto_mark blob = tn_proto_put_message(o, number);
    const tn_proto_mark shape = tn_proto_put_message(o, 7);
    tn_proto_put_int(o, 1, (int64_t)count);
    tn_proto_end_message(o, shape);
    if (packed)
        tn_proto_put_bytes(o, 5, numbers, count * sizeof *numbers);
    for (size_t i = 0; i < count && !packed; i++)
        tn_proto_put_float(o, 5, numbers[i]);
    tn_proto_end_message(o, blob);
}

/* Statistics that were summed up five times, and a scale. */
static const char *write_norm(bool packed)
{
    const float mean[C] = {5, 10, -5}, var[C] = {5, 20, 45}, times[1] = {5};
    const float weight[C] = {1, 2, 3}, bias[C] = {.5f, 0, -1};
    const char *path = lab_caffe_path("norm.caffemodel");
    tn_proto_out o = {0};
    tn_proto_mark l = tn_proto_put_message(&o, 100);
    tn_proto_put_text(&o, 1, "bn");
    put_blob(&o, 7, mean, C, packed);
    put_blob(&o, 7, var, C, packed);
    put_blob(&o, 7, times, 1, packed);
    tn_proto_end_message(&o, l);
    l = tn_proto_put_message(&o, 100);
    tn_proto_put_text(&o, 1, "sc");
    put_blob(&o, 7, weight, C, packed);
    put_blob(&o, 7, bias, C, packed);
    tn_proto_end_message(&o, l);
    assert_ok(tn_proto_save(&o, path));
    tn_proto_drop(&o);
    return path;
}

static void check_norm(const char *text, const char *weights, bool scaled)
{
    static const double mean[C] = {1, 2, -1}, var[C] = {1, 4, 9}, weight[C] = {1, 2, 3},
                        bias[C] = {.5, 0, -1};
    float got[ALL];
    (void)lab_caffe_run(text, weights, got, ALL);
    for (int i = 0; i < ALL; i++) {
        const int c = i / (H * W) % C;
        double want = ((double)lab_caffe_data[i] - mean[c]) / sqrt(var[c] + 1e-5);
        want = scaled ? weight[c] * want + bias[c] : want;
        assert_true(fabs((double)got[i] - want) < 1e-5 * (1 + fabs(want)));
    }
}

static void batchnorm_takes_the_scale_behind_it(void **state)
{
    (void)state;
    static const char norm[] =
        "layer { name: \"bn\" type: \"BatchNorm\" bottom: \"data\" top: \"x\" }\n";
    char text[800];
    for (int packed = 0; packed < 2; packed++) {
        const char *weights = write_norm(packed);
        snprintf(text, sizeof text,
                 "%slayer { name: \"sc\" type: \"Scale\" bottom: \"x\" top: \"x\" scale_param { "
                 "bias_term: true } }\n"
                 "layer { name: \"s\" type: \"Split\" bottom: \"x\" top: \"y\" }",
                 norm);
        check_norm(text, weights, true);
        snprintf(text, sizeof text,
                 "%slayer { name: \"sc\" type: \"Scale\" bottom: \"x\" top: \"y\" scale_param { "
                 "bias_term: true } }",
                 norm);
        check_norm(text, weights, true);
    }
    /* Read by two: it stays two layers. */
    snprintf(text, sizeof text,
             "%slayer { name: \"n\" type: \"AbsVal\" bottom: \"x\" top: \"a\" }\n"
             "layer { name: \"q\" type: \"Silence\" bottom: \"a\" }\n"
             "layer { name: \"sc\" type: \"Scale\" bottom: \"x\" top: \"y\" scale_param { "
             "bias_term: true } }",
             norm);
    check_norm(text, lab_caffe_path("norm.caffemodel"), true);
    check_norm(norm, lab_caffe_path("norm.caffemodel"), false);
}

/* NVIDIA's fork has weight and bias in the BatchNorm; Intel's says how those of the Scale behind begin. */
static void batchnorms_of_forks_are_known(void **state)
{
    (void)state;
    tn_model *m = NULL;
    const float mean[C] = {5, 10, -5}, var[C] = {5, 20, 45}, times[1] = {5};
    const float weight[C] = {1, 2, 3}, bias[C] = {.5f, 0, -1};
    const char *path = lab_caffe_path("norm.caffemodel");
    tn_proto_out o = {0};
    const tn_proto_mark l = tn_proto_put_message(&o, 100);
    tn_proto_put_text(&o, 1, "bn");
    put_blob(&o, 7, mean, C, true);
    put_blob(&o, 7, var, C, true);
    put_blob(&o, 7, times, 1, true);
    put_blob(&o, 7, weight, C, true);
    put_blob(&o, 7, bias, C, true);
    tn_proto_end_message(&o, l);
    assert_ok(tn_proto_save(&o, path));
    tn_proto_drop(&o);
    check_norm(
        "layer { name: \"bn\" type: \"BatchNorm\" bottom: \"data\" top: \"x\" batch_norm_param { "
        "scale_bias: true scale_filler { value: 1 } bias_filler { value: 0 } } }",
        path, true);
    check_norm(
        "layer { name: \"bn\" type: \"BatchNorm\" bottom: \"data\" top: \"x\" batch_norm_param { "
        "filler { value: 1 } } }\n"
        "layer { name: \"sc\" type: \"Scale\" bottom: \"x\" top: \"x\" scale_param { bias_term: "
        "true } }",
        write_norm(true), true);
    assert_fails(
        tn_model_open(
            &m,
            lab_caffe_net("input: \"data\"\nlayer { name: \"bn\" type: \"BatchNorm\" bottom: "
                          "\"data\" top: \"x\" batch_norm_param { filler { value: 1 } } }"),
            &(tn_model_opts){.input = "data=3x2x2"}),
        TN_ERR_UNSUPPORTED, "whether it scales by itself, as in a fork, it does not say");
}

static void weights_that_do_not_fit_are_told(void **state)
{
    (void)state;
    tn_model *m = NULL;
    const tn_model_opts opts = {.weights = write_norm(true), .input = "data=4x2x2"};
    assert_fails(
        tn_model_open(
            &m,
            lab_caffe_net("input: \"data\"\nlayer { name: \"bn\" type: \"BatchNorm\" bottom: "
                          "\"data\" top: \"x\" }"),
            &opts),
        TN_ERR_SHAPE,
        "norm.caffemodel: layer \"bn\", blob 0: has 3 numbers (3), and bn.running_mean is 4");
    assert_ok(
        tn_model_open(&m,
                      lab_caffe_net("input: \"data\"\nlayer { name: \"fc\" type: \"InnerProduct\" "
                                    "bottom: \"data\" top: \"x\"\n"
                                    "  inner_product_param { num_output: 2 } }"),
                      &opts));
    assert_non_null(
        strstr(tn_model_notice(m, 0), "has numbers of 2 layers that the net does not have"));
    assert_non_null(strstr(tn_model_notice(m, 1), "has no numbers of fc.weight"));
    tn_model_close(m);
}

/* ---- what cannot be --------------------------------------------------------------------------- */

static void all_refusals_come_at_once(void **state)
{
    (void)state;
    tn_model *m = NULL;
    const char *path = lab_caffe_net(
        "input: \"data\" input_dim: 1 input_dim: 3 input_dim: 8 input_dim: 8\n"
        "layer { name: \"py\" type: \"Python\" bottom: \"data\" top: \"a\" }\n"
        "layer { name: \"r\" type: \"ReLU\" bottom: \"a\" top: \"a\" }\n"
        "layer { name: \"p\" type: \"Pooling\" bottom: \"data\" top: \"b\" pooling_param "
        "{ pool: STOCHASTIC kernel_size: 2 } }\n"
        "layer { name: \"c\" type: \"Convolution\" bottom: \"data\" top: \"c\"\n"
        "  convolution_param { num_output: 4 kernel_size: 3 weird: 2 } }\n"
        "layer { name: \"x\" type: \"ReLU\" bottom: \"nobody\" top: \"d\" }\n");
    assert_fails(tn_model_open(&m, path, NULL), TN_ERR_UNSUPPORTED,
                 "net.prototxt: 4 of 5 layers cannot be imported: ");
    static const char *const parts[] = {
        "Python \"py\" (line 2): Tenon imports no layers of this type",
        "Pooling \"p\" (line 4): stochastic pooling is not known",
        "Convolution \"c\" (line 5): line 6: weird is nothing of Caffe's",
        "ReLU \"x\" (line 7): nothing makes its input \"nobody\""};
    (void)!tn_model_open(&m, path, NULL);
    for (size_t i = 0; i < TN_COUNT(parts); i++)
        assert_non_null(strstr(tn_error(), parts[i]));
    assert_fails(tn_model_open(&m, lab_caffe_net("layer { name: \"a\"\n type: 5 }"), NULL),
                 TN_ERR_FORMAT, "net.prototxt:2:8: type wants a string in quotes");
    assert_fails(
        tn_model_open(
            &m,
            lab_caffe_net("input: \"data\" input_dim: 1 input_dim: 3 input_dim: 8 input_dim: 8\n"
                          "layer { name: \"c\" type: \"Convolution\" bottom: \"data\" top: \"c\"\n"
                          "  convolution_param { num_output: 4 kernel_size: 13 } }"),
            NULL),
        TN_ERR_SHAPE, "net.prototxt:2: ");
}

/* What a fork has added to how pictures are brought, and where a layer is computed, is passed over and told; a size that is
 * said of all is of those that the net leaves open. */
static void what_changes_no_number_is_passed_over(void **state)
{
    (void)state;
    tn_model *m = NULL;
    tn_shape shape;
    const char *path = lab_caffe_net(
        "layer { name: \"d\" type: \"Data\" top: \"data\" top: \"label\"\n"
        "  transform_param { resize_param { prob: 1 } mean_value: 104 }\n"
        "  data_param { batch_size: 7 shuffle: true } }\n"
        "layer { name: \"e\" type: \"DummyData\" top: \"extra\" dummy_data_param { shape { dim: 7 "
        "dim: 2 } } }\n"
        "layer { name: \"c\" type: \"Convolution\" bottom: \"data\" top: \"c\" engine: \"MKL\"\n"
        "  convolution_param { num_output: 4 kernel_size: 3 engine: MKL2017 } }\n"
        "layer { name: \"r\" type: \"Reshape\" bottom: \"c\" top: \"r\" reshape_param { shape { "
        "dim: 7 "
        "dim: -1 } } }");
    static const char *const told[] = {
        "line 2: resize_param is passed over", "line 3: shuffle is passed over",
        "line 6: engine MKL2017 is passed over", "line 5: engine is passed over"};
    assert_ok(tn_model_open(&m, path, &(tn_model_opts){.input = "*=3x8x6", .batch = 2}));
    for (size_t i = 0; i < TN_COUNT(told); i++)
        assert_non_null(strstr(tn_model_notice(m, (int)i), told[i]));
    assert_null(tn_model_notice(m, TN_COUNT(told)));
    const tn_graph *g = tn_model_graph(m);
    assert_ok(tn_value_shape(g, tn_graph_value(g, "data"), &shape));
    assert_string_equal(tn_shape_format(&shape).text, "2 x 8 x 6 x 3");
    assert_ok(tn_value_shape(g, tn_graph_value(g, "extra"), &shape));
    assert_string_equal(tn_shape_format(&shape).text, "2 x 2");
    assert_ok(tn_value_shape(g, tn_graph_value(g, "r"), &shape));
    assert_string_equal(tn_shape_format(&shape).text, "2 x 96");
    tn_model_close(m);
    assert_fails(
        tn_model_open(&m,
                      lab_caffe_net("input: \"data\"\nlayer { name: \"p\" type: \"Pooling\" "
                                    "bottom: \"data\" top: \"p\"\n"
                                    "  pooling_param { pool: MIDDLE kernel_size: 2 } }"),
                      &(tn_model_opts){.input = "*=3x8x6"}),
        TN_ERR_UNSUPPORTED, "Pooling \"p\" (line 2): line 3: pool MIDDLE is nothing of Caffe's");
}

static void no_memory_is_told(void **state)
{
    (void)state;
    const char *path =
        lab_caffe_net("input: \"data\" input_dim: 1 input_dim: 3 input_dim: 4 input_dim: 4\n"
                      "layer { name: \"bn\" type: \"BatchNorm\" bottom: \"data\" top: \"x\" }\n"
                      "layer { name: \"sc\" type: \"Scale\" bottom: \"x\" top: \"x\" scale_param { "
                      "bias_term: true } }\n"
                      "layer { name: \"fc\" type: \"InnerProduct\" bottom: \"x\" top: \"fc\" "
                      "inner_product_param { num_output: 2 } }");
    const tn_model_opts opts = {.weights = write_norm(true)};
    for (long nth = 1;; nth++) {
        tn_model *m = NULL;
        tn_alloc_fail_at(nth);
        const tn_status status = tn_model_open(&m, path, &opts);
        tn_alloc_fail_at(0);
        tn_model_close(m);
        assert_int_equal(tn_alloc_live(), 0);
        if (status == TN_OK) {
            assert_in_range(nth, 50, 2000);
            return;
        }
        assert_int_equal(status, TN_ERR_MEMORY);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lenet_says_what_it_says_elsewhere),
        cmocka_unit_test(an_imported_net_is_a_model),
        cmocka_unit_test(shared_nets_are_imported),
        cmocka_unit_test(batchnorm_takes_the_scale_behind_it),
        cmocka_unit_test(batchnorms_of_forks_are_known),
        cmocka_unit_test(weights_that_do_not_fit_are_told),
        cmocka_unit_test(all_refusals_come_at_once),
        cmocka_unit_test(what_changes_no_number_is_passed_over),
        cmocka_unit_test(no_memory_is_told),
    };
    return cmocka_run_group_tests(tests, lab_caffe_open, lab_caffe_close);
}
