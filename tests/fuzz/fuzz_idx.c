/*
 * MNIST's files, plain and packed: whatever the bytes, there are images and labels of the sizes told, or the program ends
 * with a sentence that names the file. The input is images, then labels; its first two bytes say where they part.
 */
#define _XOPEN_SOURCE 700 /* mkdtemp */
#define FUZZ_FILES "t-images-idx3-ubyte", "t-labels-idx1-ubyte"

/* clang-format off */
#include "fuzz_program.h"
#include "../../examples/common/idx.c"
/* clang-format on */
const int fuzz_rounds = 4000;

static void read_all(const idx *set)
{
    const tn_source source = idx_source(set, "fuzz");
    uint8_t *row = malloc((size_t)(set->height * set->width));
    int32_t label;
    void *rows[] = {row, &label};
    if (!row || source.items < 1)
        abort();
    for (int64_t i = 0; i < source.items; i++)
        if (source.fill(source.arg, &(tn_fill){.item = i, .row = rows}) != TN_OK)
            abort();
    free(row);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    if (size < 2)
        return 0;
    const size_t all = size - 2, part = ((size_t)bytes[0] << 8 | bytes[1]) % (all + 1);
    write_file("t-images-idx3-ubyte", bytes + 2, part);
    write_file("t-labels-idx1-ubyte", bytes + 2 + part, all - part);
    static idx set;
    if (setjmp(program_end) == 0) {
        idx_open(&set, fuzz_folder, "t");
        read_all(&set);
        idx_close(&set);
    } else if (strncmp(program_said, fuzz_folder, strlen(fuzz_folder)) != 0) {
        abort();
    }
    drop_held();
    return 0;
}

void fuzz_seeds(void (*seed)(void *arg, const uint8_t *bytes, size_t size), void *to)
{
    static const uint8_t plain[] = {0, 28, 0, 0, 8, 3, 0, 0, 0, 3, 0, 0, 0, 2, 0, 0, 0, 2, 1, 2, 3,
                                    4, 5,  6, 7, 8, 9, 1, 2, 3, 0, 0, 8, 1, 0, 0, 0, 3, 7, 8, 9};
    /* The same images by gzip. */
    static const uint8_t packed[] = {
        0x00, 0x29, 0x1F, 0x8B, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0x63, 0x60,
        0xE0, 0x60, 0x66, 0x60, 0x60, 0x00, 0x61, 0x26, 0x10, 0x66, 0x64, 0x62, 0x66, 0x61,
        0x65, 0x63, 0xE7, 0xE0, 0x04, 0x32, 0x00, 0x6A, 0x02, 0x68, 0x8B, 0x1C, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x08, 0x01, 0x00, 0x00, 0x00, 0x03, 0x07, 0x08, 0x09};
    seed(to, plain, sizeof plain);
    seed(to, packed, sizeof packed);
}
