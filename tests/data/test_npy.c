/*
 * Headers of .npy files, as numpy of any version writes them.
 */
#include <stdio.h>
#include <string.h>

#include <tenon/npy.h>

#include "data/npy.h"
#include "lab.h"
#include "lab_set.h"

/* A header of this version around a text; how many bytes it has. */
static size_t make(uint8_t *bytes, int version, const char *text, size_t padded)
{
    const size_t length = padded ? padded : strlen(text);
    memcpy(bytes, "\x93NUMPY", 6);
    bytes[6] = (uint8_t)version;
    bytes[7] = 0;
    for (size_t i = 0; i < 4; i++)
        bytes[8 + i] = (uint8_t)(length >> (8 * i));
    const size_t begin = version == 1 ? 10 : 12;
    memset(bytes + begin, ' ', length);
    memcpy(bytes + begin, text, strlen(text));
    return begin + length;
}

static void headers_are_read_as_numpy_writes_them(void **state)
{
    (void)state;
    static const struct {
        int version;
        size_t padded;
        tn_dtype dtype;
        const char *text, *shape, *error;
    } cases[] = {
        {1, 118, TN_U8, "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3), }", "2 x 3",
         NULL},
        {1, 0, TN_I32, "{'descr': '<i4', 'fortran_order': False, 'shape': (6,), }", "6", NULL},
        {2, 300, TN_F32, "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2, 3, 4), }",
         "1 x 2 x 3 x 4", NULL},
        {3, 4000, TN_F16, "{'shape': (7, 1), 'fortran_order': False, 'descr': '<f2'}", "7 x 1",
         NULL},
        {1, 0, TN_U8, "{'descr':'|u1','fortran_order':False,'shape':(5,5)}", "5 x 5", NULL},
        {1, 0, TN_U8, "{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3), }", NULL,
         "not in C order"},
        {1, 0, TN_U8, "{'descr': '|u12', 'fortran_order': False, 'shape': (2, 3), }", NULL,
         "elements are not '|u1'"},
        {1, 0, TN_I32, "{'descr': '>i4', 'fortran_order': False, 'shape': (2, 3), }", NULL,
         "elements are not '<i4'"},
        {1, 0, TN_U8, "{'descr': [('r', '|u1')], 'fortran_order': False, 'shape': (2,)}", NULL,
         "elements are not"},
        {1, 0, TN_U8,
         "{'descr': '|u1', 'fortran_order': False, 'shape': (1, 1, 1, 1, 1, 1, 1, 1, 1)}", NULL,
         "its shape makes no sense"},
        {1, 0, TN_U8, "{'descr': '|u1', 'fortran_order': False, 'shape': (2 3)}", NULL,
         "its shape makes no sense"},
        {1, 0, TN_U8, "{'descr': '|u1', 'fortran_order': False}", NULL, "its shape makes no sense"},
        {1, 0, TN_U8, "{'descr': '|u1', 'fortran_order': False, 'shape': (99999999999999999999,)}",
         NULL, "its shape makes no sense"},
        {2, 4097, TN_U8, "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3), }", NULL,
         "header is longer"},
        {2, 65536 + 200, TN_U8, "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3), }", NULL,
         "header is longer"},
    };
    static uint8_t bytes[70000];
    tn_shape none;
    size_t begin;
    for (int i = 0; i < 4; i++) { /* a length is all of its bytes, two of them in version 1 */
        make(bytes, i < 2 ? 1 : 2, cases[0].text, 118);
        bytes[8 + i] = (uint8_t)(bytes[8 + i] + 1);
        assert_fails(tn_npy_parse("it", bytes, i < 2 ? 128 : 130, TN_U8, &none, &begin),
                     TN_ERR_FORMAT, "header is longer");
    }
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        const size_t size = make(bytes, cases[i].version, cases[i].text, cases[i].padded);
        tn_shape shape;
        size_t offset = 0;
        const tn_status status = tn_npy_parse("it", bytes, size, cases[i].dtype, &shape, &offset);
        if (cases[i].error) {
            assert_fails(status, TN_ERR_FORMAT, cases[i].error);
            continue;
        }
        assert_ok(status);
        assert_string_equal(tn_shape_format(&shape).text, cases[i].shape);
        assert_int_equal(offset, size);
        /* Never past what is there. */
        for (size_t cut = 0; cut < size; cut += 1 + size / 50)
            assert_int_equal(tn_npy_parse("it", bytes, cut, cases[i].dtype, &shape, &offset),
                             TN_ERR_FORMAT);
    }
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    const tn_shape shapes[] = {TN_SHAPE(1), TN_SHAPE(INT64_MAX, 2), TN_SHAPE(3, 4, 5, 6, 7)};
    char header[TN_NPY_HEADER_BYTES];
    for (size_t i = 0; i < TN_COUNT(shapes); i++) {
        tn_shape shape;
        size_t offset = 0;
        tn_npy_header(header, TN_I32, &shapes[i]);
        assert_ok(
            tn_npy_parse("it", (const uint8_t *)header, sizeof header, TN_I32, &shape, &offset));
        assert_string_equal(tn_shape_format(&shape).text, tn_shape_format(&shapes[i]).text);
        assert_int_equal(offset, sizeof header);
    }
}

static void an_array_is_saved_whole(void **state)
{
    (void)state;
    const char *folder = lab_make_folder();
    const char *path = lab_path(folder, "x.npy");
    float x[6] = {0, 1, 2, 3, 4, -5.5f}, got[6];
    tn_npy f;
    assert_ok(tn_npy_save(path, (tn_tensor){TN_F32, TN_SHAPE(2, 3), x}));
    assert_ok(tn_npy_open(&f, path, TN_F32, 2));
    assert_string_equal(tn_shape_format(&f.shape).text, "2 x 3");
    assert_ok(tn_npy_read(&f, 0, sizeof got, got));
    tn_npy_close(&f);
    assert_memory_equal(got, x, sizeof x);

    const struct {
        const char *path;
        tn_tensor array;
        tn_status status;
        const char *error;
    } cases[] = {
        {path, {TN_BF16, TN_SHAPE(2, 3), x}, TN_ERR_ARGUMENT, "numpy has no type for bf16"},
        {path, {(tn_dtype)77, TN_SHAPE(2, 3), x}, TN_ERR_ARGUMENT, "77 is no dtype"},
        {path, {TN_F32, TN_SHAPE(2, 3), NULL}, TN_ERR_ARGUMENT, "has no data"},
        {path, {TN_F32, TN_SHAPE(2, 0), x}, TN_ERR_SHAPE, "2 x 0"},
        {"/nowhere/x.npy", {TN_F32, TN_SHAPE(6), x}, TN_ERR_IO, "/nowhere/x.npy"},
    };
    for (size_t i = 0; i < TN_COUNT(cases); i++)
        assert_fails(tn_npy_save(cases[i].path, cases[i].array), cases[i].status, cases[i].error);
    assert_ok(tn_npy_open(&f, path, TN_F32, 2)); /* the old one is still there */
    tn_npy_close(&f);
    lab_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers_are_read_as_numpy_writes_them),
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(an_array_is_saved_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
