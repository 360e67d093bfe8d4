/* Sealed safetensors: aligned, the same bytes each time, and no byte of them can change unseen. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "io/safetensors.h"
#include "lab.h"

static const char *folder;
static char path[1100];

/* Of which none but the first begins at a multiple of 64 by itself. */
static const float weight[6] = {0, 0.25f, -1, 3e38f, 1e-40f, 2};
static const uint8_t bytes[3] = {1, 2, 255};
static const tn_safetensor tensors[] = {
    {.name = "conv1.weight", .dtype = TN_F32, .shape = {3, {1, 2, 3}}},
    {.name = "bytes", .dtype = TN_U8, .shape = {1, {3}}},
    {.name = "again", .dtype = TN_F32, .shape = {1, {6}}},
};
/* What looks like a digest in a text of the program's is none. */
static const tn_meta meta[] = {
    {"text", "\"tenon.digest\":\"ffffffffffffffffffffffffffffffff\" \xC3\xA4\n"}};

static tn_status write_file(void *to)
{
    tn_safetensors_writer *w = NULL;
    TN_TRY(tn_safetensors_create_sealed(&w, to, tensors, TN_COUNT(tensors), meta, TN_COUNT(meta)));
    tn_status status = tn_safetensors_write(w, weight, sizeof weight);
    if (status == TN_OK)
        status = tn_safetensors_write(w, bytes, sizeof bytes);
    if (status == TN_OK)
        status = tn_safetensors_write(w, weight, sizeof weight);
    if (status == TN_OK)
        status = tn_safetensors_commit(w);
    tn_safetensors_destroy(w);
    return status;
}

/* The file that write_file() made, at a multiple of 64. */
static unsigned char *load(size_t *size)
{
    FILE *f = fopen(path, "rb");
    unsigned char *all = tn_alloc_aligned(1 << 16);
    assert_non_null(f);
    assert_non_null(all);
    *size = fread(all, 1, 1 << 16, f);
    assert_int_equal(fclose(f), 0);
    return all;
}

typedef struct memory {
    const unsigned char *bytes;
    size_t size;
    bool data; /* look at it too */
} memory;

static tn_status check(void *arg)
{
    const memory *m = arg;
    tn_safetensors *f = NULL;
    TN_TRY(tn_safetensors_open_bytes(&f, "memory", m->bytes, m->size));
    const tn_status status = tn_safetensors_check_seal(f, m->data);
    tn_safetensors_close(f);
    return status;
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    memory m = {.data = true};
    assert_ok(write_file(path));
    unsigned char *all = load(&m.size);
    m.bytes = all;
    assert_ok(check(&m));
    tn_safetensors *f = NULL;
    assert_ok(tn_safetensors_open_bytes(&f, "memory", all, m.size));
    assert_int_equal(tn_safetensors_count(f), 5);
    for (size_t i = 0; i < TN_COUNT(tensors); i++) {
        const tn_safetensor *t = tn_safetensors_find(f, tensors[i].name);
        const unsigned char *at = tn_safetensors_data(f, t);
        float copy[6];
        assert_int_equal((at - all) % 64, 0);
        assert_memory_equal(at, tensors[i].dtype == TN_F32 ? (const void *)weight : bytes,
                            t->bytes);
        assert_ok(tn_safetensors_read(f, t, copy));
        assert_memory_equal(copy, at, t->bytes);
    }
    assert_int_equal(tn_safetensors_find(f, ".pad0")->bytes, 64 - sizeof weight);
    assert_int_equal(tn_safetensors_find(f, ".pad1")->bytes, 64 - sizeof bytes);
    assert_string_equal(tn_safetensors_meta(f, "text"), meta[0].value);
    tn_safetensors_close(f);

    /* From the disk it is a file like any other, and is not looked at as memory. */
    assert_ok(tn_safetensors_open(&f, path));
    assert_null(tn_safetensors_data(f, tn_safetensors_find(f, "bytes")));
    tn_safetensors_close(f);

    size_t size;
    assert_ok(write_file(path));
    unsigned char *other = load(&size);
    assert_int_equal(size, m.size);
    assert_memory_equal(other, all, size);
    tn_free(other);
    tn_free(all);
    assert_int_equal(unlink(path), 0);
}

static void every_change_is_seen(void **state)
{
    (void)state;
    memory m = {.data = true};
    assert_ok(write_file(path));
    unsigned char *all = load(&m.size);
    m.bytes = all;
    for (size_t size = 0; size < m.size; size++)
        assert_int_equal(check(&(memory){all, size, true}), TN_ERR_FORMAT);
    for (size_t i = 0; i < m.size; i++)
        for (int bit = 0; bit < 8; bit++) {
            all[i] ^= (unsigned char)(1 << bit);
            assert_int_equal(check(&m), TN_ERR_FORMAT);
            all[i] ^= (unsigned char)(1 << bit);
        }

    /* Who does not look at the numbers sees the header alone. */
    all[m.size - 1] ^= 1;
    assert_fails(check(&m), TN_ERR_FORMAT, "its numbers have the digest");
    m.data = false;
    assert_ok(check(&m));
    tn_free(all);
    assert_int_equal(unlink(path), 0);
}

static void what_is_not_sealed_is_told(void **state)
{
    (void)state;
    static const char text[] = "\2\0\0\0\0\0\0\0{}";
    assert_fails(check(&(memory){(const unsigned char *)text, 10, true}), TN_ERR_FORMAT,
                 "memory: is damaged: its header has no digests");
    assert_fails(check(&(memory){(const unsigned char *)text, 9, true}), TN_ERR_FORMAT,
                 "its header would have 2 bytes");
    assert_fails(check(&(memory){(const unsigned char *)text, 3, true}), TN_ERR_FORMAT,
                 "memory: ends at byte 3, 5 too early");
}

static void allocations_may_fail(void **state)
{
    (void)state;
    memory m = {.data = true};
    assert_true(lab_fail_each_allocation(write_file, path) > 6);
    unsigned char *all = load(&m.size);
    m.bytes = all;
    assert_true(lab_fail_each_allocation(check, &m) > 3);
    tn_free(all);
    assert_int_equal(lab_entries(folder), 1);
    assert_int_equal(unlink(path), 0);
}

int main(void)
{
    folder = lab_make_folder();
    snprintf(path, sizeof path, "%s/sealed.safetensors", folder);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(every_change_is_seen),
        cmocka_unit_test(what_is_not_sealed_is_told),
        cmocka_unit_test(allocations_may_fail),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    lab_remove(folder);
    return failed;
}
