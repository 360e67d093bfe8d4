#include "lab_export.h"

#include <stdio.h>
#include <string.h>

#include "lab.h"

tn_model *lab_export_model(const char *lines)
{
    char text[4096];
    tn_model *net = NULL, *m = NULL;
    tn_device *device = NULL;
    tn_plan *p = NULL;
    tn_value keep[16];
    int count = 0;
    assert_true(snprintf(text, sizeof text, "tenon graph 1\n%s", lines) < (int)sizeof text);
    assert_ok(tn_model_read(&net, "a net", text, &(tn_model_opts){.batch = 2}));
    const tn_graph *g = tn_model_graph(net);
    while (count < 16 && (keep[count] = tn_graph_output_at(g, count)).id)
        count++;
    assert_ok(tn_device_open(&device, "cpu,threads=1"));
    assert_ok(tn_plan_create(
        &p, g, device,
        &(tn_plan_opts){.loss = tn_graph_loss(g), .keep = count ? keep : NULL, .num_keep = count}));
    assert_ok(tn_model_of_plan(&m, p));
    tn_plan_destroy(p);
    tn_device_close(device);
    tn_model_close(net);
    return m;
}

const char *const lab_export_zoo[] = {"lenet",      "slim", "googlenet",    "resnet18",
                                      "squeezenet", "unet", "mobilenet_v2", "densenet121",
                                      "vit_tiny",   NULL};

tn_model *lab_export_of_zoo(const char *name)
{
    char path[100];
    tn_device *device = NULL;
    tn_model *net = NULL, *m = NULL;
    tn_plan *p = NULL;
    snprintf(path, sizeof path, "../../nets/%s.net", name);
    tn_must(tn_device_open(&device, "cpu"));
    tn_must(tn_model_open(&net, lab_golden(path), NULL));
    const tn_value out = tn_graph_output_at(tn_model_graph(net), 0);
    tn_must(tn_plan_create(&p, tn_model_graph(net), device,
                           &(tn_plan_opts){.keep = &out, .num_keep = 1}));
    tn_must(tn_model_of_plan(&m, p));
    tn_plan_destroy(p);
    tn_model_close(net);
    tn_device_close(device);
    return m;
}

const lab_export_net lab_export_nets[] = {
    {"picture",
     "input image u8 N 8 8 3\n"
     "x = image_input(image) mean=1,2,3 scale=0.5,0.25,0.125\n"
     "conv = conv2d(x) filters=4 kernel=3 stride=2 pad=1 pad_extra=-1\n"
     "bn = batchnorm(conv)\nr = relu(bn)\nd = dropout(r) rate=0.5\nfc = dense(d) units=3\n"
     "input label i32 N\nloss, loss.top_1, loss.top_k = softmax_xent(fc, label)\n"
     "p = softmax(fc)\noutput fc\noutput p\noutput loss.top_1\nloss loss\n",
     "Transpose Cast Sub Mul Conv BatchNormalization Relu Dropout Flatten Gemm Softmax"},
    {"unary",
     "input x f32 N 4 3\n"
     "a = abs(x)\nb = exp(a)\nc = neg(b)\nd = sigmoid(c)\ne = tanh(d)\nf = ceil(e)\n"
     "g = floor(f)\nh = round(g)\ni = sign(h)\nj = erf(i)\nk = reciprocal(b)\nl = softplus(k)\n"
     "m = softsign(l)\nn = swish(m)\no = hardswish(n)\np = hardsigmoid(o) alpha=0.3 beta=0.1\n"
     "q = elu(p) alpha=0.3\nr = selu(q)\ns = celu(r) alpha=0.3\nt = leaky_relu(s) slope=0.2\n"
     "u = log_softmax(t)\nv = thresholded_relu(u) alpha=-0.5\nw = log(b)\nz = sqrt(b)\n"
     "output j\noutput v\noutput w\noutput z\n",
     "Abs Exp Neg Sigmoid Tanh Ceil Floor Round Sign Erf Reciprocal Softplus Softsign Sigmoid Mul "
     "HardSwish HardSigmoid Elu Selu Celu LeakyRelu LogSoftmax ThresholdedRelu Log Sqrt"},
    {"whole_numbers",
     "input x f32 N 4 3\nw = param() shape=5,12\ns = constant() shape=4 "
     "numbers=0.01,0.02,0.01,0.02\n"
     "a = fake_quant(x) scale=0.01 hi=255\nb = fake_quant(a, s) lo=-128 hi=127 axis=1\n"
     "c = fake_quant(b) scale=0.5\nq = fake_quant(w) axis=0\n"
     "d = dense(c) units=5 weight.value=q\noutput d\n",
     "QuantizeLinear DequantizeLinear QuantizeLinear DequantizeLinear Clip QuantizeLinear "
     "DequantizeLinear QuantizeLinear DequantizeLinear Flatten Gemm"},
    {"newer",
     "input x f32 N 4 3\n"
     "a = gelu(x)\nb = gelu(a) tanh\nc = mish(b)\nd = reduce(c) kind=max axes=-1\n"
     "e = reduce(c) axes=1 keep\noutput d\noutput e\n",
     "Gelu Gelu Mish ReduceMax ReduceMean"},
    {"by_channel",
     "input x f32 N 4 3 3\n"
     "a = clip(x) min=-1 max=0.5\nb = clip(a) min=-inf max=0.25\nc = prelu(b)\n"
     "d = prelu(c) shared\ne = scale(d)\nf = scale(e) no_bias\ng = lrn(f) size=3\noutput g\n",
     "Clip Clip PRelu PRelu Mul Add Mul LRN"},
    {"binary",
     "input x f32 N 4 3\n"
     "a = exp(x)\nb = add(x, a)\nc = sub(b, a)\nd = mul(c, a)\ne = div(d, a)\nf = pow(a, e)\n"
     "g = minimum(f, x)\nh = maximum(g, a)\ni = concat(h, a) axis=-1\noutput i\n"
     "m = constant() shape=3 numbers=1,0,1\nj = mask(h, m)\noutput j\noutput x\noutput m\n",
     "Exp Add Sub Mul Div Pow Min Max Concat Cast Where"},
    {"windows",
     "input x f32 N 4 7 6\n"
     "a = conv2d(x) filters=8 kernel=3 dilation=2 pad=2 groups=2 no_bias\n"
     "b = conv_transpose2d(a) filters=4 kernel=3 stride=2 pad=1 output_pad=1 groups=2\n"
     "c = conv_transpose2d(b) filters=2 kernel=4 stride=3 output_pad=-1,-2 dilation=2\n"
     "d = pool2d(c) kernel=3 stride=2 ceil\ne = pool2d(d) kind=mean kernel=3 pad=1\n"
     "f = pool2d(e) kind=mean_pad kernel=2 pad=1,0\ng = pool2d(f) kernel=2 stride=1 dilation=2\n"
     "h = pool2d(f) kernel=2,3 stride=2 pad=1 ceil\ni = pool2d(g) global\n"
     "j = pool2d(g) kind=mean global\noutput c\noutput d\noutput e\noutput h\noutput i\noutput j\n",
     "Conv ConvTranspose ConvTranspose MaxPool AveragePool AveragePool MaxPool MaxPool "
     "GlobalMaxPool GlobalAveragePool"},
    {"sizes",
     "input x f32 N 2 7 6\n"
     "a = resize(x) factor=2\nb = resize(a) size=3,11 round=half_down\n"
     "c = resize(b) kind=linear size=5,13\nd = resize(c) kind=linear size=7,6 place=corners\n"
     "e = resize(d) size=5,13 place=edges round=floor\noutput e\n",
     "Shape Concat Resize Shape Concat Resize Shape Concat Resize Shape Concat Resize Shape Concat "
     "Resize"},
    {"norms",
     "input x f32 N 4 3 3\n"
     "a = normalize(x)\nb = normalize(a) dims=2 no_weight no_bias\nc = normalize(b) kind=instance\n"
     "d = normalize(c) kind=instance no_weight\ne = normalize(d) kind=group groups=2\n"
     "f = normalize(e) kind=group groups=2 no_weight no_bias\noutput f\n",
     "LayerNormalization LayerNormalization InstanceNormalization InstanceNormalization Shape "
     "Reshape InstanceNormalization Reshape Mul Add Shape Reshape InstanceNormalization Reshape"},
    {"moves",
     "input x f32 N 4 7 6\n"
     "a = reshape(x) shape=0,2,-1\nb = transpose(x) axes=0,1,3,2\nc = matmul(x, x) transpose_b\n"
     "d = matmul(b, x) transpose_a transpose_b\n"
     "e = slice(x) begin=0,1 end=9223372036854775807,3\n"
     "f = slice(x) begin=0,0,-1 end=9223372036854775807,9223372036854775807,-9223372036854775808 "
     "step=1,1,-2\n"
     "g = pad(x) before=0,0,1,2 after=0,1 value=1.5\nh = reduce(x) kind=sum axes=2,3 keep\n"
     "i = broadcast_to(h) shape=0,0,5,6\nj = reduce(x) kind=min axes=1,2\nk = flatten(x)\n"
     "output a\noutput b\noutput c\noutput d\noutput e\noutput f\noutput g\noutput i\noutput "
     "j\noutput k\n",
     "Reshape Transpose Transpose MatMul Transpose Transpose MatMul Slice Slice Pad ReduceSum "
     "Expand ReduceMin Flatten"},
    {"places",
     "input x f32 N 4 7\n"
     "a, ai = top_k(x) k=3\nb, bi = top_k(x) k=1 drop last\n"
     "c = constant() dtype=i32 shape=2 numbers=3,-1\nd = gather(x, c) axis=2\n"
     "input l i32 N 7\ne, ew = nll(x, l) ignore=-7\n"
     "input m i32 N 2 7\nf = gather(x, m) axis=1 each\n"
     "output a\noutput ai\noutput bi\noutput d\noutput e\noutput ew\noutput f\n",
     "TopK Cast ArgMax Cast ReduceMax Gather NegativeLogLikelihoodLoss Shape Expand "
     "NegativeLogLikelihoodLoss GatherElements"},
    {0},
};
