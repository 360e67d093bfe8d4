/*
 * Nets and solvers of Caffe's: whatever a text and, behind a 0, a file of numbers hold, there is a model or an error with its reason.
 */
#define _XOPEN_SOURCE 700 /* mkdtemp */
#define FUZZ_FILES "net.prototxt", "net.caffemodel"

#include <string.h>

#include <tenon/model.h>

#include "fuzz.h"
#include "fuzz_files.h"
#include "io/proto.h"

const int fuzz_rounds = 40000;

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    const uint8_t *end = size ? memchr(bytes, 0, size) : NULL;
    const size_t text = end ? (size_t)(end - bytes) : size;
    char net[128], weights[128];
    tn_model *m = NULL;
    write_file("net.prototxt", bytes, text);
    write_file("net.caffemodel", end ? end + 1 : bytes, end ? size - text - 1 : 0);
    file_in_folder(net, "net.prototxt");
    file_in_folder(weights, "net.caffemodel");
    const tn_model_opts opts = {.input = "data=3x8x8,label=4",
                                .weights = end ? weights : NULL,
                                .state = end && size % 8 == 0 ? weights : NULL,
                                .batch = 2};
    if (tn_model_open(&m, net, &opts) == TN_OK) {
        if (!tn_model_graph(m) || !tn_model_fact(m, "tenon.graph"))
            abort();
    } else if (tn_error()[0] == '\0') {
        abort();
    }
    tn_model_close(m);
    if (tn_alloc_live() != 0)
        abort();
    return 0;
}

/* One layer with two blobs. */
static void put_layer(tn_proto_out *o, const char *name, size_t first, size_t second)
{
    static const float numbers[64] = {1, 2, 3};
    const size_t counts[] = {first, second};
    const tn_proto_mark layer = tn_proto_put_message(o, 100);
    tn_proto_put_text(o, 1, name);
    for (int i = 0; i < 2; i++) {
        const tn_proto_mark blob = tn_proto_put_message(o, 7);
        tn_proto_put_bytes(o, 5, numbers, counts[i] * sizeof *numbers);
        tn_proto_end_message(o, blob);
    }
    tn_proto_end_message(o, layer);
}

void fuzz_seeds(void (*seed)(void *arg, const uint8_t *bytes, size_t size), void *arg)
{
    static const char train[] =
        "name: \"n\"\n"
        "layer { name: \"d\" type: \"Data\" top: \"data\" top: \"label\" transform_param { "
        "crop_size: 8 mean_value: 4 } }\n"
        "layer { name: \"c\" type: \"Convolution\" bottom: \"data\" top: \"c\" param { lr_mult: 2 "
        "decay_mult: 0 }\n"
        "  convolution_param { num_output: 2 kernel_size: 1 weight_filler { type: \"xavier\" } } "
        "}\n"
        "layer { name: \"bn\" type: \"BatchNorm\" bottom: \"c\" top: \"c\" }\n"
        "layer { name: \"sc\" type: \"Scale\" bottom: \"c\" top: \"c\" scale_param { bias_term: "
        "true } }\n"
        "layer { name: \"p\" type: \"Pooling\" bottom: \"c\" top: \"p\" pooling_param { "
        "kernel_size: 3 stride: 2 } }\n"
        "layer { name: \"l\" type: \"SoftmaxWithLoss\" bottom: \"p\" bottom: \"label\" "
        "loss_weight: 0.5 }\n";
    static const char old[] =
        "input: \"data\" input_dim: 1 input_dim: 3 input_dim: 8 input_dim: 8\n"
        "layers { name: \"l\" type: LRN bottom: \"data\" top: \"l\" lrn_param { norm_region: "
        "WITHIN_CHANNEL local_size: 3 } }\n"
        "layers { name: \"s\" type: SLICE bottom: \"l\" top: \"x\" top: \"y\" slice_param { "
        "slice_point: 1 } }\n"
        "layers { name: \"e\" type: ELTWISE bottom: \"y\" bottom: \"y\" top: \"z\" eltwise_param { "
        "coeff: 1 coeff: -2 } }\n"
        "layers { name: \"c\" type: CONCAT bottom: \"x\" bottom: \"z\" top: \"c\" }\n"
        "layers { name: \"f\" type: INNER_PRODUCT bottom: \"c\" top: \"f\" blobs_lr: 1 blobs_lr: "
        "2\n"
        "  inner_product_param { num_output: 2 } }\n"
        "layers { name: \"p\" type: SOFTMAX bottom: \"f\" top: \"p\" }\n";
    static const char solver[] =
        "type: \"Nesterov\" base_lr: 0.1 momentum: 0.9 lr_policy: \"multistep\" gamma: 0.5 "
        "stepvalue: "
        "3 stepvalue: 5 max_iter: 9 iter_size: 2 clip_gradients: 3 test_iter: 1\n"
        "net_param { layer { name: \"d\" type: \"Data\" top: \"data\" top: \"label\" data_param { "
        "batch_size: 3 } }\n"
        "  layer { name: \"f\" type: \"InnerProduct\" bottom: \"data\" top: \"f\" "
        "inner_product_param { num_output: 2 } }\n"
        "  layer { name: \"f\" type: \"SoftmaxWithLoss\" bottom: \"f\" bottom: \"label\" } }\n";
    tn_proto_out o = {0};
    put_layer(&o, "c", 6, 2);
    put_layer(&o, "sc", 2, 2);
    uint8_t both[4096];
    memcpy(both, train, sizeof train); /* with its 0 */
    memcpy(both + sizeof train, o.bytes, o.size);
    const size_t size = sizeof train + o.size;
    tn_proto_drop(&o); /* the target looks whether anything lives */
    seed(arg, both, size);
    seed(arg, (const uint8_t *)old, sizeof old - 1);
    seed(arg, (const uint8_t *)solver, sizeof solver - 1);
}
