/* Two files of numbers, and in which of them they differ. */
#include <math.h>
#include <string.h>

#include "io/safetensors.h"
#include "lab.h"
#include "lab_set.h"

typedef struct content {
    const char *name;
    int dtype;
    tn_shape shape;
    const void *data;
    size_t bytes;
} content;

static const char *write_file(const char *folder, const char *name, const content *c, size_t count)
{
    const char *path = lab_path(folder, "%s", name);
    tn_safetensor tensors[8];
    tn_safetensors_writer *w = NULL;
    for (size_t i = 0; i < count; i++)
        tensors[i] = (tn_safetensor){.name = c[i].name, .dtype = c[i].dtype, .shape = c[i].shape};
    assert_ok(tn_safetensors_create(&w, path, tensors, count, NULL, 0));
    for (size_t i = 0; i < count; i++)
        assert_ok(tn_safetensors_write(w, c[i].data, c[i].bytes));
    assert_ok(tn_safetensors_commit(w));
    tn_safetensors_destroy(w);
    return path;
}

static const char *a, *b, *folder;

static int make(void **state)
{
    (void)state;
    static const float w[] = {1, 2, 3, 4, 5, 6}, w2[] = {1, 2.5f, 3, 3, 5, 6},
                       nan[] = {1, NAN, 3, 4, 5, 6};
    static const float bits[] = {1, NAN, 0, 6}, bits2[] = {1, NAN, -0.0f, 7};
    static const int32_t n[] = {7, 8}, n2[] = {7, 9};
    const content of_a[] = {{"bits", TN_F32, TN_SHAPE(4), bits, sizeof bits},
                            {"same", TN_F32, TN_SHAPE(2, 3), w, sizeof w},
                            {"values", TN_F32, TN_SHAPE(2, 3), w, sizeof w},
                            {"nan", TN_F32, TN_SHAPE(2, 3), w, sizeof w},
                            {"shape", TN_F32, TN_SHAPE(2, 3), w, sizeof w},
                            {"type", TN_F32, TN_SHAPE(2), w, 8},
                            {"whole", TN_I32, TN_SHAPE(2), n, sizeof n},
                            {"only_a", TN_I32, TN_SHAPE(2), n, sizeof n}};
    const content of_b[] = {{"bits", TN_F32, TN_SHAPE(4), bits2, sizeof bits2},
                            {"whole", TN_I32, TN_SHAPE(2), n2, sizeof n2},
                            {"same", TN_F32, TN_SHAPE(2, 3), w, sizeof w},
                            {"values", TN_F32, TN_SHAPE(2, 3), w2, sizeof w2},
                            {"nan", TN_F32, TN_SHAPE(2, 3), nan, sizeof nan},
                            {"shape", TN_F32, TN_SHAPE(3, 2), w, sizeof w},
                            {"type", TN_I32, TN_SHAPE(2), n, sizeof n},
                            {"only_b", TN_I32, TN_SHAPE(2), n, sizeof n}};
    folder = lab_make_folder();
    a = write_file(folder, "a.safetensors", of_a, TN_COUNT(of_a));
    b = write_file(folder, "b.safetensors", of_b, TN_COUNT(of_b));
    return 0;
}

static int drop(void **state)
{
    (void)state;
    lab_remove(folder);
    return 0;
}

static void differences_are_named(void **state)
{
    (void)state;
    static const tn_tensor_difference want[] = {
        {"bits", NULL, 2, 4, 1}, /* the same NaN is the same, -0 is not 0 */
        {"nan", NULL, 1, 6, NAN},
        {"only_a", "only in a", 0, 0, NAN},
        {"shape", "another shape", 0, 0, NAN},
        {"type", "another type", 0, 0, NAN},
        {"values", NULL, 2, 6, 1},
        {"whole", NULL, 1, 2, NAN},
        {"only_b", "only in b", 0, 0, NAN},
    };
    tn_checkpoint_differences *d = NULL;
    int64_t of;
    assert_ok(tn_checkpoint_compare(&d, a, b));
    assert_int_equal(tn_checkpoint_differences_count(d, &of), TN_COUNT(want));
    assert_int_equal(of, 9);
    for (size_t i = 0; i < TN_COUNT(want); i++) {
        const tn_tensor_difference *got = tn_checkpoint_differences_at(d, (int64_t)i);
        assert_string_equal(got->name, want[i].name);
        assert_true((!got->why && !want[i].why) || strcmp(got->why, want[i].why) == 0);
        assert_int_equal(got->differ, want[i].differ);
        assert_int_equal(got->count, want[i].count);
        assert_true(got->largest == want[i].largest ||
                    (isnan(got->largest) && isnan(want[i].largest)));
    }
    assert_null(tn_checkpoint_differences_at(d, TN_COUNT(want)));
    tn_checkpoint_differences_close(d);
    assert_ok(tn_checkpoint_compare(&d, a, a));
    assert_int_equal(tn_checkpoint_differences_count(d, NULL), 0);
    tn_checkpoint_differences_close(d);
}

static void what_is_no_file_is_told(void **state)
{
    (void)state;
    tn_checkpoint_differences *d = NULL;
    assert_fails(tn_checkpoint_compare(&d, a, "/nowhere"), TN_ERR_IO, "/nowhere");
    lab_write_text(lab_path(folder, "text"), "no safetensors at all");
    assert_fails(tn_checkpoint_compare(&d, lab_path(folder, "text"), a), TN_ERR_FORMAT, "/text: ");
    assert_null(d);
}

static tn_status compare(void *arg)
{
    (void)arg;
    tn_checkpoint_differences *d = NULL;
    const tn_status status = tn_checkpoint_compare(&d, a, b);
    tn_checkpoint_differences_close(d);
    return status;
}

static void memory_may_run_out(void **state)
{
    (void)state;
    assert_true(lab_fail_each_allocation(compare, NULL) > 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(differences_are_named),
        cmocka_unit_test(what_is_no_file_is_told),
        cmocka_unit_test(memory_may_run_out),
    };
    return cmocka_run_group_tests(tests, make, drop);
}
