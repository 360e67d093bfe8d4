/* The file of an engine: what it says, the same bytes each time, and that no damage is taken for an engine. */
#define _POSIX_C_SOURCE 200809L /* truncate */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/safetensors.h"
#include "lab.h"
#include "lab_engine.h"

static const char *folder;
static char path[1100];

static unsigned char *load(const char *from, size_t *size)
{
    FILE *f = fopen(from, "rb");
    assert_non_null(f);
    assert_int_equal(fseek(f, 0, SEEK_END), 0);
    *size = (size_t)ftell(f);
    rewind(f);
    unsigned char *all = malloc(*size);
    assert_non_null(all);
    assert_int_equal(fread(all, 1, *size, f), *size);
    assert_int_equal(fclose(f), 0);
    return all;
}

static tn_status open_path(void *arg)
{
    tn_engine *e = NULL;
    TN_TRY(tn_engine_open(&e, arg, NULL));
    tn_engine_close(e);
    return TN_OK;
}

static tn_status open_bytes(const unsigned char *bytes, size_t size)
{
    tn_engine *e = NULL;
    TN_TRY(tn_engine_open_memory(&e, "memory", bytes, size, NULL));
    tn_engine_close(e);
    return TN_OK;
}

static void it_tells_what_it_is(void **state)
{
    (void)state;
    tn_engine *e = NULL;
    assert_ok(tn_engine_open(&e, path, NULL));
    assert_int_equal(tn_engine_ports(e, false), 1); /* no labels: no output needs them */
    assert_int_equal(tn_engine_ports(e, true), 2);
    const tn_port *image = tn_engine_port(e, false, 0), *sure = tn_engine_port(e, true, 1);
    assert_string_equal(image->name, "image");
    assert_int_equal(image->dtype, TN_U8);
    assert_string_equal(tn_shape_format(&image->shape).text, "1 x 12 x 12 x 3");
    assert_int_equal(image->rows, 0);
    assert_string_equal(sure->name, "sure");
    assert_string_equal(tn_shape_format(&sure->shape).text, "1 x 3");
    assert_null(tn_engine_port(e, true, 2));
    assert_int_equal(tn_engine_num_classes(e), 3);
    assert_string_equal(tn_engine_class(e, 2), "daisy");
    assert_string_equal(tn_engine_fact(e, "author"), "nobody");
    assert_null(tn_engine_fact(e, "tenon.report"));
    char *text = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&text, &size);
    assert_ok(tn_engine_describe(e, to));
    assert_int_equal(fclose(to), 0);
    assert_non_null(strstr(text, "input image: u8 N x 12 x 12 x 3\n"));
    assert_non_null(strstr(text, "output sure: f32 N x 3\n"));
    assert_non_null(strstr(text, "picture: resize=14 order=bgr\n"));
    free(text);
    tn_engine_close(e);
}

/* It is a model, too, without what lies between its tensors. */
static void it_opens_as_a_model(void **state)
{
    (void)state;
    tn_model *m = NULL;
    char other[1200], again[1200];
    snprintf(other, sizeof other, "%s/model.safetensors", folder);
    snprintf(again, sizeof again, "%s/again.plan", folder);
    assert_ok(tn_model_open(&m, path, NULL));
    for (int i = 0; tn_model_tensor(m, i, NULL); i++)
        assert_int_not_equal(tn_model_tensor(m, i, NULL)[0], '.');
    assert_ok(tn_model_save(m, other));
    assert_ok(tn_engine_save(m, again));
    tn_model_close(m);
    assert_fails(open_path(other), TN_ERR_FORMAT, "is no engine");

    size_t size, size_again;
    unsigned char *all = load(path, &size), *same = load(again, &size_again);
    assert_int_equal(size, size_again);
    assert_memory_equal(all, same, size);
    free(all);
    free(same);
    assert_int_equal(unlink(other) + unlink(again), 0);
}

static void damage_is_refused(void **state)
{
    (void)state;
    size_t size;
    unsigned char *all = load(path, &size);
    for (size_t cut = 0; cut < size; cut += 97)
        assert_int_equal(open_bytes(all, cut), TN_ERR_FORMAT);
    assert_int_equal(open_bytes(all, size - 1), TN_ERR_FORMAT);
    for (size_t i = 0; i < size; i++) {
        all[i] ^= (unsigned char)(1 << i % 8);
        assert_int_equal(open_bytes(all, size), TN_ERR_FORMAT);
        assert_non_null(strstr(tn_error(), "memory: "));
        all[i] ^= (unsigned char)(1 << i % 8);
    }
    assert_ok(open_bytes(all, size));

    /* Without a look at the numbers what is in them does not matter. */
    tn_engine *e = NULL;
    all[size - 1] ^= 1;
    assert_fails(open_bytes(all, size), TN_ERR_FORMAT, "damaged: its numbers");
    assert_ok(
        tn_engine_open_memory(&e, "memory", all, size, &(tn_engine_opts){.unchecked_data = true}));
    tn_engine_close(e);
    free(all);
}

/* The text at `what` becomes `with`, as long as that, wherever it is first. */
static void put(unsigned char *all, size_t size, const char *what, const char *with)
{
    size_t i = 0;
    while (i + strlen(what) < size && memcmp(all + i, what, strlen(what)) != 0)
        i++;
    assert_true(i + strlen(what) < size);
    memcpy(all + i, with, strlen(with));
}

static void a_later_one_is_named(void **state)
{
    (void)state;
    size_t size;
    unsigned char *all = load(path, &size);
    put(all, size, "\"tenon.engine\":\"1\"", "\"tenon.engine\":\"2\"");
    assert_fails(open_bytes(all, size), TN_ERR_FORMAT, "engine 2, made by a later Tenon (");
    put(all, size, "\"tenon.engine\":\"2\"", "\"tenon.engine\":\"x\"");
    assert_fails(open_bytes(all, size), TN_ERR_FORMAT, "tenon.engine is \"x\"");
    free(all);
    assert_fails(open_path((char[]){"/nowhere.plan"}), TN_ERR_IO, "/nowhere.plan");
}

/* What a run needs is asked for when the file is opened. */
static const struct {
    const char *why, *graph;
    tn_shape shape; /* of y.weight */
    const char *says;
} lacking[] = {
    {"a parameter", "y = dense(x) units=2\noutput y\n", {2, {2, 4}}, "no numbers for y.bias"},
    {"its shape",
     "y = dense(x) units=2 no_bias\noutput y\n",
     {2, {4, 2}},
     "has 4 x 2 for y.weight, whose shape in the net is 2 x 4"},
    {"an output", "y = dense(x) units=2 no_bias\n", {2, {2, 4}}, "has no output"},
    {"nothing", "y = dense(x) units=2 no_bias\noutput y\n", {2, {2, 4}}, NULL},
    {"what no output needs",
     "y = dense(x) units=2 no_bias\nz = dense(y) units=9\noutput y\n",
     {2, {2, 4}},
     NULL},
};

static void write_net(const char *to, const char *net, const tn_shape *shape)
{
    static const float numbers[8];
    char graph[256];
    snprintf(graph, sizeof graph, "tenon graph 1\ninput x f32 N 4\n%s", net);
    const tn_safetensor tensor = {.name = "y.weight", .dtype = TN_F32, .shape = *shape};
    const tn_meta meta[] = {{"tenon.engine", "1"}, {"tenon.graph", graph}};
    tn_safetensors_writer *w = NULL;
    assert_ok(tn_safetensors_create_sealed(&w, to, &tensor, 1, meta, 2));
    assert_ok(tn_safetensors_write(w, numbers, sizeof numbers));
    assert_ok(tn_safetensors_commit(w));
    tn_safetensors_destroy(w);
}

static void what_is_lacking_is_told(void **state)
{
    (void)state;
    char other[1200];
    snprintf(other, sizeof other, "%s/lacking.plan", folder);
    for (size_t i = 0; i < TN_COUNT(lacking); i++) {
        print_message("%s\n", lacking[i].why);
        write_net(other, lacking[i].graph, &lacking[i].shape);
        if (lacking[i].says)
            assert_fails(open_path(other), TN_ERR_FORMAT, lacking[i].says);
        else
            assert_ok(open_path(other));
    }
    assert_int_equal(unlink(other), 0);
}

static tn_status save(void *arg)
{
    return tn_engine_save(arg, path);
}

static void allocations_may_fail(void **state)
{
    (void)state;
    tn_model *m = lab_engine_model(false);
    assert_true(lab_fail_each_allocation(save, m) > 10);
    tn_model_close(m);
    assert_true(lab_fail_each_allocation(open_path, path) > 50);
    assert_int_equal(lab_entries(folder), 1);
}

int main(void)
{
    folder = lab_make_folder();
    snprintf(path, sizeof path, "%s/flowers.plan", folder);
    assert_ok(lab_engine_save(path));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_tells_what_it_is),  cmocka_unit_test(it_opens_as_a_model),
        cmocka_unit_test(damage_is_refused),    cmocka_unit_test(a_later_one_is_named),
        cmocka_unit_test(allocations_may_fail), cmocka_unit_test(what_is_lacking_is_told),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    lab_remove(folder);
    return failed;
}
