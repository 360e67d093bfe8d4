/*
 * Packed sets: whatever one of the four files is, there are images that can be read whole, with labels of the classes, or
 * an error that names a file. The first byte of the input says which file it is; the others are good.
 */
#define _XOPEN_SOURCE 700 /* mkdtemp */
#define FUZZ_FILES "classes.txt", "labels.npy", "images.npy", "names.txt"

#include <string.h>

#include "data/dataset.h"
#include "data/npy.h"
#include "data/packed.h"
#include "fuzz.h"
#include "fuzz_files.h"

const int fuzz_rounds = 3000;

enum { COUNT = 3, SIDE = 2, FILES = 4, MOST = TN_NPY_HEADER_BYTES + COUNT * SIDE * SIDE * 3 };

static const char *const names[FILES] = {FUZZ_FILES};

/* What each file is when it is good; returns its size. */
static size_t good(int file, uint8_t bytes[MOST])
{
    static const char classes[] = "cat\ntabby \"cat\"\n\303\251\r\n";
    static const int32_t labels[COUNT] = {2, 0, 1};
    const size_t head = TN_NPY_HEADER_BYTES;
    memset(bytes, 7, MOST);
    if (file == 0) {
        memcpy(bytes, classes, sizeof classes - 1);
        return sizeof classes - 1;
    }
    if (file == 1) {
        tn_npy_header((char *)bytes, TN_I32, &TN_SHAPE(COUNT));
        memcpy(bytes + head, labels, sizeof labels);
        return head + sizeof labels;
    }
    if (file == 3) {
        static const char was[] = "a/1.jpg\n\"b c/\\n.jpg\"\n\303\251\n";
        memcpy(bytes, was, sizeof was - 1);
        return sizeof was - 1;
    }
    tn_npy_header((char *)bytes, TN_U8, &TN_SHAPE(COUNT, SIDE, SIDE, 3));
    return MOST;
}

static void check_set(const tn_dataset *set)
{
    const int side = tn_packed_side(set->packed);
    uint8_t *rgb = side < 4096 ? malloc(3 * (size_t)side * (size_t)side) : NULL;
    for (size_t i = 0; i < set->num_items; i++) {
        if (set->item[i].label < 0 || (size_t)set->item[i].label >= set->num_classes)
            abort();
        if (rgb && side && tn_packed_image(set->packed, set->item[i].row, 0, side, rgb) != TN_OK)
            abort();
    }
    free(rgb);
}

/* As many texts as there are images. */
static tn_status read_names(const tn_dataset *set)
{
    tn_lines lines = {0};
    char **name = NULL;
    const tn_status status = tn_packed_names(set->packed, fuzz_folder, &lines, &name);
    size_t bytes = 0;
    for (size_t i = 0; status == TN_OK && i < set->num_items; i++)
        bytes += strlen(name[i]);
    if (bytes > 1 << 20)
        abort();
    tn_free(name);
    tn_lines_free(&lines);
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static uint8_t other[MOST];
    if (size == 0)
        return 0;
    for (int i = 0; i < FILES; i++)
        if (bytes[0] % FILES == i)
            write_file(names[i], bytes + 1, size - 1);
        else
            write_file(names[i], other, good(i, other));
    tn_dataset *set = tn_alloc(1, sizeof *set);
    if (!set)
        abort();
    tn_status status = tn_packed_read(set, fuzz_folder);
    if (status == TN_OK) {
        check_set(set);
        status = read_names(set);
    }
    if (status != TN_OK && strncmp(tn_error(), fuzz_folder, strlen(fuzz_folder)) != 0)
        abort();
    tn_dataset_close(set);
    if (tn_alloc_live() != 0)
        abort();
    return 0;
}

void fuzz_seeds(void (*seed)(void *arg, const uint8_t *bytes, size_t size), void *arg)
{
    for (int i = 0; i < FILES; i++) {
        uint8_t bytes[1 + MOST] = {(uint8_t)i};
        seed(arg, bytes, 1 + good(i, bytes + 1));
    }
}
