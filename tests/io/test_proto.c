/* Protocol buffers by tables: a text and its binary form by protoc, damage, limits, writing. */
#define _XOPEN_SOURCE 700 /* mkstemp */

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "golden/proto.h"
#include "io/proto.h"
#include "lab.h"

enum {
    NAME = 1,
    PADS,
    SIZES,
    SLOPE,
    FINE,
    ON,
    KIND,
    DATA,
    LOOSE,
    RAW,
    CHILD,
    WORDS = 16,
    FAR = 536870911
};

static const tn_proto_word kinds[] = {{"MAX", 0}, {"AVE", 1}, {"STOCHASTIC", -2}, {NULL, 0}};

static const tn_proto_field node[] = {
    {NAME, "name", TN_PROTO_TEXT},
    {PADS, "pads", TN_PROTO_INT, .many = true},
    {SIZES, "sizes", TN_PROTO_INT, .many = true},
    {SLOPE, "slope", TN_PROTO_FLOAT},
    {FINE, "fine", TN_PROTO_DOUBLE},
    {ON, "on", TN_PROTO_BOOL},
    {KIND, "kind", TN_PROTO_ENUM, .words = kinds},
    {DATA, "data", TN_PROTO_FLOAT, .many = true},
    {LOOSE, "loose", TN_PROTO_FLOAT, .many = true},
    {RAW, "raw", TN_PROTO_BYTES},
    {CHILD, "child", TN_PROTO_MESSAGE, .many = true, .type = node},
    {WORDS, "words", TN_PROTO_TEXT, .many = true},
    {FAR, "far", TN_PROTO_INT},
    {0},
};

static void assert_span(tn_proto_span s, const char *want, size_t size)
{
    assert_non_null(s.at);
    assert_int_equal(s.size, size);
    assert_memory_equal(s.at, want, size);
}

static void check_numbers(const tn_proto *m)
{
    const int64_t pads[] = {1, -1, 16, 8, INT64_MIN, INT64_MAX}, sizes[] = {7, 4294967295};
    const float data[] = {1, 2.5f, -INFINITY}, loose[] = {.5f, 1e38f, 3};
    int64_t ints[8];
    float floats[8];
    assert_int_equal(tn_proto_count(m, PADS), 6);
    assert_int_equal(tn_proto_ints(m, PADS, ints, 8), 6);
    assert_memory_equal(ints, pads, sizeof pads);
    ints[1] = 5;
    assert_int_equal(tn_proto_ints(m, SIZES, ints, 1), 2); /* no more than there is room */
    assert_int_equal(ints[1], 5);
    assert_int_equal(tn_proto_ints(m, SIZES, ints, 8), 2);
    assert_memory_equal(ints, sizes, sizeof sizes);
    assert_int_equal(tn_proto_floats(m, DATA, floats, 8), 3);
    assert_memory_equal(floats, data, sizeof data);
    assert_int_equal(tn_proto_floats(m, LOOSE, floats, 8), 3);
    assert_memory_equal(floats, loose, sizeof loose);
    assert_true((float)tn_proto_real(m, SLOPE, 0) == -1.5e-3f);
    assert_true(tn_proto_real(m, FINE, 0) == 0.1);
    assert_int_equal(tn_proto_int(m, ON, 0), 1);
    assert_int_equal(tn_proto_int(m, KIND, 0), -2);
    assert_int_equal(tn_proto_int(m, FAR, 0), -3);
}

static void check_messages(const tn_proto *m, bool text)
{
    tn_proto_walk w = tn_proto_begin(m, CHILD);
    tn_proto inner;
    assert_true(tn_proto_next(&w));
    assert_true(tn_proto_is(&w.message, NAME, "inner"));
    assert_false(tn_proto_is(&w.message, NAME, "inne"));
    assert_true(tn_proto_message(&w.message, CHILD, &inner));
    assert_int_equal(tn_proto_int(&inner, KIND, 7), 1);
    assert_false(tn_proto_has(&inner, ON));
    assert_int_equal(tn_proto_int(&inner, ON, 9), 9);
    assert_int_equal(tn_proto_line(&inner), text ? 10 : 0);
    assert_false(tn_proto_message(&inner, CHILD, &inner));
    assert_true(tn_proto_next(&w));
    assert_true(tn_proto_has(&w.message, ON));
    assert_int_equal(tn_proto_int(&w.message, ON, 9), 0);
    assert_int_equal(tn_proto_count(&w.message, WORDS), 2);
    assert_false(tn_proto_next(&w));
    assert_false(tn_proto_next(&w));
    w = tn_proto_begin(m, WORDS);
    assert_true(tn_proto_next(&w));
    assert_span(w.bytes, "x", 1);
    assert_true(tn_proto_next(&w));
    assert_span(w.bytes, "yz", 2);
    assert_false(tn_proto_next(&w));
}

static void check_all(const tn_proto *m, bool text)
{
    assert_ok(tn_proto_check(m, "golden"));
    assert_span(tn_proto_bytes(m, NAME), "one \"two\"\nAA and three", 22);
    assert_span(tn_proto_bytes(m, RAW), "\0\377\t", 3);
    check_numbers(m);
    check_messages(m, text);
    tn_proto_walk w = tn_proto_begin(m, TN_PROTO_STRAY);
    assert_false(tn_proto_next(&w));
}

static tn_proto message(const void *bytes, size_t size)
{
    return (tn_proto){node, {bytes, size}};
}

static void what_protoc_wrote_is_read(void **state)
{
    (void)state;
    const tn_proto m = message(proto_wire, sizeof proto_wire);
    check_all(&m, false);
}

static void text_is_what_protoc_makes_of_it(void **state)
{
    (void)state;
    tn_proto_out o = {0};
    assert_ok(tn_proto_of_text(&o, node, "golden", proto_text, strlen(proto_text)));
    const tn_proto m = message(o.bytes, o.size);
    check_all(&m, true);
    tn_proto_drop(&o);
}

/* ---- damage ----------------------------------------------------------------------------------- */

static void what_is_cut_off_is_told(void **state)
{
    (void)state;
    int whole = 0;
    for (size_t size = 0; size < sizeof proto_wire; size++) {
        unsigned char *exactly = malloc(size + !size); /* the sanitizer sees a byte beyond */
        memcpy(exactly, proto_wire, size);
        const tn_proto m = message(exactly, size);
        if (tn_proto_check(&m, "cut") == TN_OK)
            whole++; /* between two fields */
        else
            assert_non_null(strstr(tn_error(), "cut: byte "));
        for (int number = NAME; number <= WORDS; number++) /* finds something or nothing */
            (void)tn_proto_count(&m, number);
        free(exactly);
    }
    assert_in_range(whole, 10, 25);
}

static void assert_damaged(const char *bytes, size_t size, const char *why)
{
    const tn_proto m = message(bytes, size);
    assert_fails(tn_proto_check(&m, "f"), TN_ERR_FORMAT, why);
    (void)tn_proto_int(&m, SLOPE, 0);
    (void)tn_proto_count(&m, PADS);
}

static void damage_names_its_place(void **state)
{
    (void)state;
    assert_damaged("\x0a\x05"
                   "abc",
                   5, "f: byte 0: the file is damaged or cut off here");
    assert_damaged("\x0d"
                   "abcd",
                   5, "f: byte 0: name: it is written as another type");
    assert_damaged("\x12\x02\x01\x80", 4, "f: byte 0: pads: its list of numbers is damaged");
    assert_damaged("\x42\x03"
                   "abc",
                   5, "data: its list of numbers is damaged");
    assert_damaged("\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 11, "byte 0");
    assert_damaged("\x00\x00", 2, "byte 0");
    assert_damaged("\x07\x00", 2, "byte 0");
    assert_damaged("\x30\x01\x0c", 3, "byte 2");
    assert_damaged("\xf3\x03\x08\x01", 4, "byte 0"); /* a group without its end */
    const tn_proto group = message("\xf3\x03\x08\x01\xf4\x03\x30\x01", 8);
    assert_ok(tn_proto_check(&group, "f"));
    assert_int_equal(tn_proto_int(&group, ON, 0), 1);
}

/* Each in the one before: lengths of one byte reach 60 deep, and the reader stops before. */
static void messages_too_deep_are_told(void **state)
{
    (void)state;
    unsigned char bytes[122];
    for (int i = 0; i < 60; i++) {
        bytes[2 * i] = CHILD << 3 | 2;
        bytes[2 * i + 1] = (unsigned char)(118 - 2 * i);
    }
    assert_damaged((const char *)bytes, 120, "more than 32 deep");
    char text[400] = "";
    for (int i = 0; i < 40; i++)
        strcat(text, "child {");
    tn_proto_out o = {0};
    assert_fails(tn_proto_of_text(&o, node, "t", text, strlen(text)), TN_ERR_FORMAT,
                 "t:1:231: messages lie in each other");
    tn_proto_drop(&o);
    unsigned char groups[200];
    memset(groups, 31 << 3 | 3, sizeof groups);
    assert_damaged((const char *)groups, sizeof groups, "byte 0");
}

/* ---- text ------------------------------------------------------------------------------------- */

static void wrong_text_names_line_and_column(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"name: 5", "t:1:7: name wants a string in quotes, not 5"},
        {"on: 2", "t:1:5: on wants true or false, not 2"},
        {"kind: \"MAX\"", "t:1:7: kind wants a word, not \"MAX\""},
        {"\n  pads: 1.5", "t:2:9: pads wants a whole number of 64 bits, not 1.5"},
        {"pads: 9223372036854775808x", "whole number"},
        {"pads: 99999999999999999999", "whole number of 64 bits"},
        {"slope: abc", "slope wants a number, not abc"},
        {"slope: 1.5.5", "slope wants a number, not 1.5.5"},
        {"slope: [1]", "t:1:8: slope has one value, no list"},
        {"slope: 1\nslope: 2", "t:2:1: slope is said twice"},
        {"slope 1", "t:1:7: a : is wanted"},
        {"child: 5", "child wants {, not 5"},
        {"child { on: true", "t:1:17: the message that began in line 1 wants its } here"},
        {"child { on: true >", "wants its } here"},
        {"name: \"abc", "t:1:7: a string that has no end on its line"},
        {"name: \"a\\q\"", "character 2 of the string begins no escape"},
        {"pads: [1 2]", "the list wants a comma or its ] here"},
        {"pads:", "the text ends where a whole number of pads is wanted"},
        {"name: \"a\" }", "t:1:11: the name of a field is wanted here"},
        {"nobody: }", "t:1:9: a value is wanted here"},
        {"on: true \x01", "t:1:10: byte 0x01 begins no word"},
        {"[some.thing", "the name in brackets has no end"},
    };
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        tn_proto_out o = {0};
        assert_fails(tn_proto_of_text(&o, node, "t", cases[i][0], strlen(cases[i][0])),
                     TN_ERR_FORMAT, cases[i][1]);
        tn_proto_drop(&o);
    }
}

static void what_no_table_knows_is_kept_by_name(void **state)
{
    (void)state;
    static const char text[] =
        "name: \"a\"\n"
        "resize_param { prob: 1 size: [3, 4] deep < x: -inf y: \"a\" 'b' > }\n"
        "child {\n"
        "  shuffle: ROW [an.extension] { a: 1 }\n"
        "  kind: MEAN\n"
        "}\n";
    static const char *const want[] = {"4: shuffle", "4: [", "5: kind MEAN"};
    tn_proto_out o = {0};
    assert_ok(tn_proto_of_text(&o, node, "t", text, strlen(text)));
    const tn_proto m = message(o.bytes, o.size);
    tn_proto_walk w = tn_proto_begin(&m, TN_PROTO_STRAY);
    assert_true(tn_proto_next(&w));
    assert_span(w.bytes, "2: resize_param", 15);
    assert_false(tn_proto_next(&w));
    tn_proto child;
    assert_true(tn_proto_message(&m, CHILD, &child));
    w = tn_proto_begin(&child, TN_PROTO_STRAY);
    for (size_t i = 0; i < TN_COUNT(want); i++) {
        assert_true(tn_proto_next(&w));
        assert_span(w.bytes, want[i], strlen(want[i]));
    }
    assert_false(tn_proto_next(&w));
    tn_proto_drop(&o);
    const tn_proto other = message("\xb0\x09\x01\x30\x01", 5); /* a binary file has numbers only */
    w = tn_proto_begin(&other, TN_PROTO_STRAY);
    assert_true(tn_proto_next(&w));
    assert_span(w.bytes, "field 150", 9);
    assert_false(tn_proto_next(&w));
}

/* ---- writing ---------------------------------------------------------------------------------- */

/* Number 0 is one, number 1 two of them, others cannot be read. */
static tn_status read_later(const void *of, size_t index, void *to)
{
    if (index > 1)
        return tn_fail(TN_ERR_IO, "number %zu cannot be read", index);
    memcpy(to, (const float *)of + index, (index + 1) * sizeof(float));
    return TN_OK;
}

static void write_example(tn_proto_out *o, const float *lent, size_t size)
{
    tn_proto_put_text(o, NAME, "written");
    tn_proto_put_int(o, PADS, -5);
    const tn_proto_mark child = tn_proto_put_message(o, CHILD);
    tn_proto_put_double(o, FINE, 0.5);
    tn_proto_lend(o, DATA, lent, size);
    tn_proto_put_float(o, SLOPE, 2);
    tn_proto_lend_later(o, RAW, 2 * sizeof *lent, read_later, lent, 1);
    tn_proto_lend_later(o, LOOSE, sizeof *lent, read_later, lent, 0);
    tn_proto_end_message(o, child);
    tn_proto_put_int(o, ON, 1);
}

static void a_file_is_written_with_what_is_lent(void **state)
{
    (void)state;
    const float lent[] = {1, 2, 3};
    float back[4];
    char path[] = "/tmp/tenon-proto-XXXXXX";
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    tn_proto_out o = {0};
    write_example(&o, lent, sizeof lent);
    assert_ok(tn_proto_save(&o, path));
    tn_proto_drop(&o);
    unsigned char bytes[256];
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    const size_t got = fread(bytes, 1, sizeof bytes, f);
    fclose(f);
    close(fd);
    unlink(path);
    const tn_proto m = message(bytes, got);
    assert_ok(tn_proto_check(&m, "written"));
    assert_true(tn_proto_is(&m, NAME, "written"));
    assert_int_equal(tn_proto_int(&m, ON, 0), 1);
    tn_proto child;
    assert_true(tn_proto_message(&m, CHILD, &child));
    assert_true(tn_proto_real(&child, SLOPE, 0) == 2 && tn_proto_real(&child, FINE, 0) == 0.5);
    assert_int_equal(tn_proto_floats(&child, DATA, back, 4), 3);
    assert_memory_equal(back, lent, sizeof lent);
    assert_span(tn_proto_bytes(&child, RAW), (const char *)(lent + 1), 2 * sizeof *lent);
    assert_int_equal(tn_proto_floats(&child, LOOSE, back, 4), 1);
    assert_true(back[0] == 1);
}

static void what_cannot_be_read_is_not_written(void **state)
{
    (void)state;
    const float lent[] = {1, 2, 3};
    const char *folder = lab_make_folder();
    char path[600];
    snprintf(path, sizeof path, "%s/message", folder);
    tn_proto_out o = {0};
    write_example(&o, lent, sizeof lent);
    tn_proto_lend_later(&o, RAW, sizeof *lent, read_later, lent, 2);
    assert_fails(tn_proto_save(&o, path), TN_ERR_IO, "number 2 cannot be read");
    assert_int_equal(lab_entries(folder), 0);
    tn_proto_drop(&o);
    lab_remove(folder);
}

static void no_memory_is_told(void **state)
{
    (void)state;
    const float lent[3] = {0};
    for (long nth = 1;; nth++) {
        tn_proto_out o = {0}, t = {0};
        tn_alloc_fail_at(nth);
        write_example(&o, lent, sizeof lent);
        const tn_status text = tn_proto_of_text(&t, node, "t", proto_text, strlen(proto_text));
        tn_alloc_fail_at(0);
        const bool done = o.status == TN_OK && text == TN_OK;
        assert_true(o.status == TN_OK || o.status == TN_ERR_MEMORY);
        assert_true(text == TN_OK || text == TN_ERR_MEMORY);
        tn_proto_drop(&o);
        tn_proto_drop(&t);
        assert_int_equal(tn_alloc_live(), 0);
        if (done) {
            assert_in_range(nth, 4, 100);
            return;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_protoc_wrote_is_read),
        cmocka_unit_test(text_is_what_protoc_makes_of_it),
        cmocka_unit_test(what_is_cut_off_is_told),
        cmocka_unit_test(damage_names_its_place),
        cmocka_unit_test(messages_too_deep_are_told),
        cmocka_unit_test(wrong_text_names_line_and_column),
        cmocka_unit_test(what_no_table_knows_is_kept_by_name),
        cmocka_unit_test(a_file_is_written_with_what_is_lent),
        cmocka_unit_test(what_cannot_be_read_is_not_written),
        cmocka_unit_test(no_memory_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
