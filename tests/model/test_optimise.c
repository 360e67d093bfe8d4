/*
 * What optimising takes out of a net because only training needs it, what it leaves, and what it is told and tells.
 */
#include <string.h>

#include "lab.h"
#include "lab_optimise.h"

static const lab_optimise_case evaluation[] = {
    {"dropout goes, what reads it reads what it read",
     "input x f32 N 4\nd = dropout(x) rate=0.5\ny = dense(d) units=3\noutput y\n",
     "input x f32 N 4\ny = dense(x) units=3\noutput y\n", "evaluation 1: d"},
    {"an output keeps its name: what made its x takes it, with its parameters",
     "input x f32 N 4\nfc = dense(x) units=3\nout = dropout(fc) rate=0.5\noutput out\n",
     "input x f32 N 4\nout = dense(x) units=3\noutput out\n", "evaluation 1: out"},
    {"two after another: one goes, and then the other",
     "input x f32 N 4\nfc = dense(x) units=3\na = dropout(fc) rate=0.5\nout = dropout(a) rate=0.1\n"
     "output out\n",
     "input x f32 N 4\nout = dense(x) units=3\noutput out\n", "evaluation 2: a out"},
    {"an input has a name of its own to keep, and so has an output",
     "input x f32 N 4\na = dropout(x) rate=0.5\ny = relu(x)\nb = dropout(y) rate=0.5\noutput a\n"
     "output y\noutput b\n",
     NULL, NULL},
    {"a name is not taken whose parameters' are another's",
     "input x f32 N 4\nw = param() shape=3\nout.weight = relu(w)\nfc = dense(x) units=3\n"
     "out = dropout(fc) rate=0.5\ny = add(fc, out.weight)\noutput out\noutput y\n",
     NULL, NULL},
    {"all that moves nothing",
     "input x f32 N 4 5\na = reshape(x) shape=0,4,5\nb = slice(a) begin=0,0 end=999999,4\n"
     "c = transpose(b) axes=0,1,2\nd = concat(c)\nf = broadcast_to(d) shape=0,4,5\n"
     "y = relu(f)\noutput y\n",
     "input x f32 N 4 5\ny = relu(x)\noutput y\n", "evaluation 5: a b c d f"},
    {"what moves something stays",
     "input x f32 N 4 4\na = reshape(x) shape=0,16\nb = slice(x) end=999999,3\n"
     "c = transpose(x) axes=0,2,1\nd = concat(c, x)\ne = slice(x) begin=0,-1 step=1,-1\n"
     "f = flatten(e)\noutput a\noutput b\noutput d\noutput f\n",
     NULL, NULL},
    {"of so many pictures a slice is all of them, of more it is not",
     "input x f32 N 5\na = slice(x) end=3\ny = relu(a)\noutput y\n", NULL, NULL},
    {"of one picture a transposition moves nothing, of more it does",
     "input x f32 N 1 5\na = transpose(x) axes=1,0,2\ny = relu(a)\noutput y\n", NULL, NULL},
};

static void what_does_nothing_goes(void **state)
{
    (void)state;
    lab_optimise(evaluation, TN_COUNT(evaluation), "evaluation");
}

static const lab_optimise_case losses[] = {
    {"beside outputs a loss goes, with what only it needs",
     "input x f32 N 4\ninput label i32 N\nh = dense(x) units=5\ny = dense(h) units=3\n"
     "aux = dense(h) units=3\nl1, l1.top_1, l1.top_k = softmax_xent(y, label)\n"
     "l2, l2.top_1, l2.top_k = softmax_xent(aux, label)\nloss = add(l1, l2)\noutput y\noutput "
     "l1.top_1\nloss loss\n",
     "input x f32 N 4\nh = dense(x) units=5\ny = dense(h) units=3\noutput y\n",
     "evaluation 1: l1.top_1\nalive 5: label aux l1 l2 loss"},
    {"a loss alone is for what it measures: probabilities, once",
     "input x f32 N 4\ninput label i32 N\ny = dense(x) units=3\n"
     "a, a.top_1, a.top_k = softmax_xent(y, label)\nb, b.top_1, b.top_k = softmax_xent(y, label) "
     "label_smoothing=0.1\nloss = add(a, b)\nloss loss\n",
     "input x f32 N 4\ny = dense(x) units=3\nprob = softmax(y)\noutput prob\n",
     "evaluation 1: a\nalive 4: label a b loss"},
    {"of other losses what they compare, and of yes and no their probability; a name may be taken",
     "input prob f32 N 4\ninput t f32 N 3\ny = dense(prob) units=3\na = mse(y, t)\n"
     "b = binary_xent(y, t)\nloss = add(a, b)\nloss loss\n",
     "input prob f32 N 4\ny = dense(prob) units=3\nsigmoid1 = sigmoid(y)\noutput y\noutput "
     "sigmoid1\n",
     "evaluation 2: a b\nalive 4: t a b loss"},
    {"logarithms of probabilities, a loss a row",
     "input x f32 N 4\ninput t i32 N\nh = dense(x) units=3\ny = log_softmax(h)\na, a.weights = "
     "nll(y, t)\n"
     "loss = reduce(a)\nloss loss\n",
     "input x f32 N 4\nh = dense(x) units=3\ny = log_softmax(h)\nprob = exp(y)\noutput prob\n",
     "evaluation 1: a\nalive 3: t a loss"},
    {"a distance that nobody calls a loss is an output as any",
     "input x f32 N 4\ninput t f32 N 4\ny = mse(x, t)\noutput y\n", NULL, NULL},
    {"a loss of other make cannot be said otherwise",
     "input x f32 N 4\ny = dense(x) units=3\nz = mul(y, y)\nloss = reduce(z)\nloss loss\n", NULL,
     NULL},
    {"parameters and constants that nobody reads go, and what is read by another stays",
     "input x f32 N 4\nunread = dense(x) units=3\nw = param() shape=3,4\nc = constant() dtype=f32 "
     "shape=2 numbers=1\nv = param() shape=3,4\nh = dense(x) units=3\n"
     "y = dense(x) units=3 weight.value=v bias.value=h.bias\noutput y\n",
     "input x f32 N 4\nv = param() shape=3,4\nh = dense(x) units=3\n"
     "y = dense(x) units=3 weight.value=v bias.value=h.bias\noutput y\n",
     "alive 3: unread w c"},
};

static void what_training_needs_goes(void **state)
{
    (void)state;
    lab_optimise(losses, TN_COUNT(losses), "evaluation");
}

static void passes_are_left_out_by_name(void **state)
{
    (void)state;
    static const char text[] = "tenon graph 1\ninput x f32 N 4\ninput label i32 N\nd = dropout(x) "
                               "rate=0.5\ny = dense(d) units=3\nl, l.top_1, l.top_k = "
                               "softmax_xent(y, label)\noutput y\nloss l\n";
    tn_model *m = lab_model_of_text(text), *out = NULL;
    assert_string_equal(tn_optimise_pass(0), "evaluation");
    assert_non_null(strstr(tn_optimise_what("evaluation"), "dropout"));
    for (int i = 0; tn_optimise_pass(i); i++)
        assert_non_null(tn_optimise_what(tn_optimise_pass(i)));
    assert_null(tn_optimise_pass(-1));
    assert_null(tn_optimise_what("alife"));
    assert_ok(tn_model_optimise(&out, m, &(tn_optimise_opts){.without = "alive,evaluation,alive"}));
    assert_string_equal(tn_model_fact(out, "tenon.graph"), text);
    assert_null(tn_model_fact(out, "tenon.passes"));
    tn_model_close(out);
    out = NULL;
    assert_fails(tn_model_optimise(&out, m, &(tn_optimise_opts){.without = "alive,alife"}),
                 TN_ERR_ARGUMENT,
                 "without \"alife\": there is no such pass; there are evaluation, alive");
    assert_fails(tn_model_optimise(&out, m, &(tn_optimise_opts){.without = "alive, evaluation"}),
                 TN_ERR_ARGUMENT, "without \" evaluation\": there is no");
    assert_null(out);
    tn_model_close(m);
}

/* Facts, notices and the batch are those of the model; numbers are the net's alone, and their own. */
static void the_rest_is_as_it_was(void **state)
{
    (void)state;
    tn_model *m = lab_model_of_text("tenon graph 1\ninput x f32 N 4\nh = dense(x) units=2\n"
                                    "y = dense(x) units=3\noutput y\n"),
             *out = NULL, *more = NULL;
    tn_shape shape;
    assert_ok(tn_model_tell(m, "tenon.classes", "a\nb\nc"));
    assert_ok(tn_model_optimise(&out, m, NULL));
    assert_string_equal(tn_model_class(out, 2), "c");
    assert_string_equal(tn_model_fact(out, "tenon.source"), "a test");
    assert_ok(tn_value_shape(tn_model_graph(out), tn_graph_input(tn_model_graph(out), 0), &shape));
    assert_int_equal(shape.dim[0], 3);
    assert_string_equal(tn_model_tensor(out, 0, NULL), "y.bias");
    assert_string_equal(tn_model_tensor(out, 1, NULL), "y.weight");
    assert_null(tn_model_tensor(out, 2, NULL));
    tn_model_close(m);
    assert_ok(tn_model_optimise(&more, out, NULL)); /* which has no need of m */
    assert_string_equal(tn_model_fact(more, "tenon.passes"), "alive 1: h");
    tn_model_close(more);
    tn_model_close(out);
}

static void what_is_for_nothing_is_refused(void **state)
{
    (void)state;
    tn_model *m = NULL, *out = NULL;
    assert_ok(tn_model_read(&m, "a.net", "tenon graph 1\ninput x f32 N 4\ny = relu(x)\n", NULL));
    assert_fails(tn_model_optimise(&out, m, NULL), TN_ERR_ARGUMENT,
                 "a.net says neither an output nor a loss");
    tn_model_close(m);
    assert_null(out);
}

/* A net whose batch is a number in it is of that batch. */
static void a_net_of_one_batch_stays_so(void **state)
{
    (void)state;
    tn_model *m = NULL, *out = NULL;
    assert_ok(tn_model_read(&m, "a.net",
                            "tenon graph 1\ninput x f32 2 6\na = reshape(x) shape=2,3,2\nd = "
                            "dropout(a) rate=0.1\ny = relu(d)\noutput y\n",
                            NULL));
    assert_ok(tn_model_optimise(&out, m, NULL));
    assert_string_equal(tn_model_fact(out, "tenon.graph"),
                        "tenon graph 1\ninput x f32 N 6\na = reshape(x) shape=2,3,2\ny = "
                        "relu(a)\noutput y\n");
    tn_model_close(out);
    tn_model_close(m);
}

static void nets_of_other_programs_compute_what_they_did(void **state)
{
    (void)state;
    static const struct {
        const char *net, *weights;
        int64_t batch;
    } files[] = {
        {"models/lenet_caffe/deploy.prototxt", "models/lenet_caffe/lenet_iter_10000.caffemodel", 2},
        {"models/mnist-8_onnx/model.onnx", NULL, 1},
        {"models/alexnet_slim_onnx/model.onnx", NULL, 1},
    };
    for (size_t i = 0; i < TN_COUNT(files); i++) {
        tn_model *m = NULL, *out = NULL;
        lab_need_data(files[i].net);
        const tn_model_opts opts = {.weights = files[i].weights ? lab_data(files[i].weights) : NULL,
                                    .batch = files[i].batch};
        assert_ok(tn_model_open(&m, lab_data(files[i].net), &opts));
        assert_ok(tn_model_optimise(&out, m, NULL));
        lab_assert_same_outputs(m, out, files[i].net);
        tn_model_close(out);
        tn_model_close(m);
    }
}

static void each_allocation_may_fail(void **state)
{
    (void)state;
    lab_optimise_without_memory(
        lab_model_of_text("tenon graph 1\ninput x f32 N 4\ninput label i32 N\nc = constant() "
                          "dtype=f32 shape=4 numbers=1\nd = dropout(x) rate=0.5\nz = mul(d, c)\n"
                          "y = dense(z) units=3\nout = dropout(y) rate=0.5\n"
                          "l, l.top_1, l.top_k = softmax_xent(out, label)\nloss l\n"),
        50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_training_needs_goes),
        cmocka_unit_test(passes_are_left_out_by_name),
        cmocka_unit_test(the_rest_is_as_it_was),
        cmocka_unit_test(what_is_for_nothing_is_refused),
        cmocka_unit_test(a_net_of_one_batch_stays_so),
        cmocka_unit_test(nets_of_other_programs_compute_what_they_did),
        cmocka_unit_test(each_allocation_may_fail),
        cmocka_unit_test(what_does_nothing_goes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
