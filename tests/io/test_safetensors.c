/* Truncating files and their permissions are POSIX. */
#define _POSIX_C_SOURCE 200809L

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/safetensors.h"
#include "lab.h"

static const char *folder;

static const char *file(const char *name)
{
    static char path[1100];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static const float weight[6] = {0, 0.25f, -1, 3e38f, 1e-40f, 2};
static const uint8_t bytes[3] = {1, 2, 255};
static const tn_safetensor tensors[] = {
    {.name = "conv1.weight", .dtype = TN_F32, .shape = {3, {1, 2, 3}}},
    {.name = "bytes", .dtype = TN_U8, .shape = {1, {3}}},
};
static const tn_meta meta[] = {{"classes", "a \"b\"\n\xC3\xA4\xE9"}, {"empty", ""}};

static tn_status write_file(void *path)
{
    tn_safetensors_writer *w = NULL;
    TN_TRY(tn_safetensors_create(&w, path, tensors, TN_COUNT(tensors), meta, TN_COUNT(meta)));
    tn_status status = tn_safetensors_write(w, weight, sizeof weight);
    if (status == TN_OK)
        status = tn_safetensors_write(w, bytes, sizeof bytes);
    if (status == TN_OK)
        status = tn_safetensors_commit(w);
    tn_safetensors_destroy(w);
    return status;
}

static tn_status read_file(void *path)
{
    tn_safetensors *f = NULL;
    TN_TRY(tn_safetensors_open(&f, path));
    tn_safetensors_close(f);
    return TN_OK;
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    char path[1100];
    snprintf(path, sizeof path, "%s", file("round.safetensors"));
    assert_ok(write_file(path));
    assert_ok(write_file(path)); /* over the old one */
    assert_int_equal(lab_entries(folder), 1);
    tn_safetensors *f = NULL;
    assert_ok(tn_safetensors_open(&f, path));
    assert_int_equal(tn_safetensors_count(f), 2);
    assert_string_equal(tn_safetensors_at(f, 0)->name, "bytes");
    assert_null(tn_safetensors_at(f, 2));
    assert_null(tn_safetensors_find(f, "conv1"));
    const tn_safetensor *t = tn_safetensors_find(f, "conv1.weight");
    assert_non_null(t);
    assert_int_equal(t->dtype, TN_F32);
    assert_int_equal(t->shape.ndim, 3);
    assert_int_equal(t->shape.dim[2], 3);
    float got[6];
    memset(got, 0xFF, sizeof got);
    assert_int_equal(t->bytes, sizeof got);
    assert_ok(tn_safetensors_read(f, t, got));
    assert_memory_equal(got, weight, sizeof got);
    assert_string_equal(tn_safetensors_meta(f, "classes"), meta[0].value);
    assert_string_equal(tn_safetensors_meta(f, "empty"), "");
    assert_null(tn_safetensors_meta(f, "Empty"));

    /* What is behind the header begins at a multiple of 64, so that mapped tensors are aligned. */
    FILE *raw = fopen(path, "rb");
    assert_non_null(raw);
    assert_int_equal((8 + fgetc(raw)) % 64, 0);
    fclose(raw);

    /* A file that shrinks while it is open. */
    assert_int_equal(truncate(path, 100), 0);
    assert_fails(tn_safetensors_read(f, t, got), TN_ERR_FORMAT, "too early");
    tn_safetensors_close(f);
    assert_int_equal(unlink(path), 0);
}

static void what_python_wrote_is_read(void **state)
{
    (void)state;
    tn_safetensors *f = NULL;
    assert_ok(tn_safetensors_open(&f, lab_golden("python.safetensors")));
    assert_int_equal(tn_safetensors_count(f), 6);
    assert_string_equal(tn_safetensors_meta(f, "classes"), "a \"quoted\" \\ name\nK\xC3\xA4"
                                                           "fer, \xE7\x94\xB2\xE8\x99\xAB");
    float w[24];
    assert_ok(tn_safetensors_read(f, tn_safetensors_find(f, "conv1.weight"), w));
    for (int i = 0; i < 24; i++)
        assert_true(w[i] == (float)i / 8);
    assert_int_equal(tn_safetensors_find(f, "step")->dtype, -1);
    assert_string_equal(tn_safetensors_find(f, "step")->type, "I64");
    assert_int_equal(tn_safetensors_find(f, "step")->shape.ndim, 0);
    assert_int_equal(tn_safetensors_find(f, "half")->dtype, TN_F16);
    assert_int_equal(tn_safetensors_find(f, "empty")->bytes, 0);
    tn_safetensors_close(f);
}

#define F32_2(begin, end) "{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[" #begin "," #end "]}"

static const struct {
    const char *why, *header;
    size_t data;       /* bytes behind the header */
    uint64_t length;   /* said in front of it; 0: the true one */
    const char *says;  /* NULL: it opens */
    const char *wrong; /* says tensor a then */
} damaged[] = {
    {"no tensors is fine", "{}", 0, 0, NULL},
    {"padding is fine, any order too", "{\"b\":" F32_2(8, 16) ",\"a\":" F32_2(0, 8) "}  ", 16, 0,
     NULL},
    {"empty tensors may share a place",
     "{\"a\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]},\"b\":" F32_2(0, 8) "}", 8, 0,
     NULL},
    {"header longer than the file", "{}", 0, 3, "would have 3 bytes"},
    {"header longer than any", "{}", 0, UINT64_MAX, "would have 18446744073709551615"},
    {"100 MB and one", "{}", 0, 100000001, "would have 100000001"},
    {"not JSON", "{\"a\"", 0, 0, "not a JSON object"},
    {"no object", "[1, 2]", 0, 0, "not a JSON object"},
    {"something behind it", "{} x", 0, 0, "not a JSON object"},
    {"a hole", "{\"a\":" F32_2(0, 8) ",\"b\":" F32_2(12, 20) "}", 20, 0, "begins at 12"},
    {"a hole in front", "{\"a\":" F32_2(4, 12) "}", 12, 0, "begins at 4"},
    {"an overlap", "{\"a\":" F32_2(0, 8) ",\"b\":" F32_2(4, 12) "}", 12, 0, "begins at 4"},
    {"cut off", "{\"a\":" F32_2(0, 8) "}", 7, 0, "has 7 bytes of tensors, its header tells of 8"},
    {"bytes of nobody", "{\"a\":" F32_2(0, 8) "}", 9, 0, "has 9 bytes"},
    {"size is not shape * dtype", "{\"a\":" F32_2(0, 12) "}", 12, 0, NULL, "do not fit its shape"},
    {"falling offsets", "{\"a\":" F32_2(8, 0) "}", 8, 0, "two rising"},
    {"negative", "{\"a\":" F32_2(-8, 0) "}", 8, 0, "two rising"},
    {"a fraction", "{\"a\":" F32_2(0, 8.5) "}", 8, 0, "two rising"},
    {"more than a double can count", "{\"a\":" F32_2(0, 1e300) "}", 8, 0, "two rising"},
    {"one offset", "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0]}}", 8, 0,
     "two rising"},
    {"no offsets", "{\"a\":{\"dtype\":\"F32\",\"shape\":[2]}}", 8, 0, "two rising"},
    {"no shape", "{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,8]}}", 8, 0, NULL, "no shape"},
    {"9 dimensions",
     "{\"a\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,2],\"data_offsets\":[0,8]}}", 8, 0, NULL,
     "too many dimensions"},
    {"a shape of text", "{\"a\":{\"dtype\":\"F32\",\"shape\":[\"2\"],\"data_offsets\":[0,8]}}", 8,
     0, NULL, "not a whole number"},
    {"product overflows",
     "{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,0]}}", 0, 0,
     NULL, "can be counted"},
    {"unknown dtype", "{\"a\":{\"dtype\":\"F31\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8, 0,
     NULL, "none that is known"},
    {"a dtype of numbers", "{\"a\":{\"dtype\":3,\"shape\":[2],\"data_offsets\":[0,8]}}", 8, 0, NULL,
     "none that is known"},
    {"a tensor that is none", "{\"a\":3}", 0, 0, "two rising"},
    {"a packed type of half bytes",
     "{\"a\":{\"dtype\":\"F4\",\"shape\":[4],\"data_offsets\":[0,2]}}", 2, 0, NULL,
     "none that is known"},
    {"a name twice", "{\"a\":" F32_2(0, 8) ",\"a\":" F32_2(8, 16) "}", 16, 0, "tensor a twice"},
    {"metadata twice", "{\"__metadata__\":{},\"__metadata__\":{}}", 0, 0, "__metadata__ twice"},
    {"metadata of numbers", "{\"__metadata__\":{\"k\":1}}", 0, 0, NULL},
    {"metadata no object", "{\"__metadata__\":\"k\"}", 0, 0, NULL},
    {"metadata null", "{\"__metadata__\":null}", 0, 0, NULL},
};

static void write_raw(const char *path, const char *header, uint64_t length, size_t data)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    for (int i = 0; i < 8; i++)
        fputc((int)(length >> 8 * i & 0xFF), f);
    fputs(header, f);
    for (size_t i = 0; i < data; i++)
        fputc(0x40, f);
    assert_int_equal(fclose(f), 0);
}

/* The file opens; only who wants tensor a is told what is wrong with it. */
static void assert_wrong(const char *path, const char *says)
{
    tn_safetensors *f = NULL;
    char number[8];
    assert_ok(tn_safetensors_open(&f, path));
    const tn_safetensor *a = tn_safetensors_find(f, "a");
    if (says) {
        assert_non_null(strstr(a->wrong, says));
        assert_fails(tn_safetensors_read(f, a, number), TN_ERR_FORMAT, says);
        assert_non_null(strstr(tn_error(), path));
    } else {
        assert_true(!a || !a->wrong);
    }
    assert_null(tn_safetensors_meta(f, "k"));
    tn_safetensors_close(f);
}

static void damage_is_named(void **state)
{
    (void)state;
    char path[1100];
    snprintf(path, sizeof path, "%s", file("damaged.safetensors"));
    for (size_t i = 0; i < TN_COUNT(damaged); i++) {
        const uint64_t length = damaged[i].length ? damaged[i].length : strlen(damaged[i].header);
        write_raw(path, damaged[i].header, length, damaged[i].data);
        if (!damaged[i].says) {
            print_message("%s\n", damaged[i].why);
            assert_wrong(path, damaged[i].wrong);
            continue;
        }
        print_message("%s: ", damaged[i].why);
        assert_fails(read_file(path), TN_ERR_FORMAT, damaged[i].says);
        assert_non_null(strstr(tn_error(), path));
        print_message("%s\n", tn_error() + strlen(path) + 2);
    }
    assert_int_equal(unlink(path), 0);
}

/* Every shorter file is an error, and none is read past its end (the sanitizers watch). */
static void every_truncation_is_an_error(void **state)
{
    (void)state;
    char path[1100];
    snprintf(path, sizeof path, "%s", file("short.safetensors"));
    assert_ok(write_file(path));
    struct stat s;
    assert_int_equal(stat(path, &s), 0);
    for (off_t size = s.st_size - 1; size >= 0; size--) {
        assert_int_equal(truncate(path, size), 0);
        assert_int_equal(read_file(path), TN_ERR_FORMAT);
    }
    assert_int_equal(unlink(path), 0);
}

static void other_files_are_refused(void **state)
{
    (void)state;
    char path[1100];
    snprintf(path, sizeof path, "%s", file("other"));
    assert_fails(read_file(path), TN_ERR_IO, "No such file");
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_fails(read_file(path), TN_ERR_FORMAT, "not a regular file"); /* and does not wait */
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_fails(read_file(path), TN_ERR_FORMAT, "not a regular file");
    assert_fails(write_file(path), TN_ERR_IO, "is a folder, which is not replaced");
    assert_int_equal(lab_entries(folder), 1); /* what was written aside is gone */
    assert_int_equal(rmdir(path), 0);
}

static void failed_writes_leave_nothing(void **state)
{
    (void)state;
    char path[1100];
    snprintf(path, sizeof path, "%s", file("failed.safetensors"));
    tn_safetensors_writer *w = NULL;
    assert_ok(tn_safetensors_create(&w, path, tensors, 1, NULL, 0));
    assert_int_equal(lab_entries(folder), 1);
    assert_fails(tn_safetensors_write(w, weight, sizeof weight + 4), TN_ERR_ARGUMENT,
                 "4 bytes more");
    assert_ok(tn_safetensors_write(w, weight, sizeof weight - 4));
    assert_fails(tn_safetensors_commit(w), TN_ERR_ARGUMENT, "4 bytes fewer");
    tn_safetensors_destroy(w);
    assert_int_equal(lab_entries(folder), 0);
    assert_fails(write_file((char[]){"/nowhere/at/all.safetensors"}), TN_ERR_IO,
                 "/nowhere/at/all.safetensors");
    const tn_safetensor none = {.name = "x", .dtype = TN_F32, .shape = {1, {0}}};
    assert_fails(tn_safetensors_create(&w, path, &none, 1, NULL, 0), TN_ERR_SHAPE, "is 0");
    assert_int_equal(lab_entries(folder), 0);
}

static void allocations_may_fail(void **state)
{
    (void)state;
    char path[1100];
    snprintf(path, sizeof path, "%s", file("sweep.safetensors"));
    assert_true(lab_fail_each_allocation(write_file, path) > 3);
    assert_true(lab_fail_each_allocation(read_file, path) > 3);
    assert_int_equal(lab_entries(folder), 1);
    assert_int_equal(unlink(path), 0);
}

int main(void)
{
    folder = lab_make_folder();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read), cmocka_unit_test(what_python_wrote_is_read),
        cmocka_unit_test(damage_is_named),         cmocka_unit_test(every_truncation_is_an_error),
        cmocka_unit_test(other_files_are_refused), cmocka_unit_test(failed_writes_leave_nothing),
        cmocka_unit_test(allocations_may_fail),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    lab_remove(folder);
    return failed;
}
