/*
 * A set of two pictures, one of which is any bytes: the doctor looks at it, and tells of a file that cannot be read, or of a
 * picture.
 */
#define _XOPEN_SOURCE 700 /* mkdtemp */
#define FUZZ_FILES "list.txt", "1.jpg", "2.ppm"

#include "base/base.h"
#include "data/image.h"
#include "data/jpeg_quality.h"
#include "fuzz.h"
#include "fuzz_files.h"
#include "lab.h"
#include "lab_image.h"

const int fuzz_rounds = 150;

/* A header may ask for as much as the limit allows; what is fuzzed is not the machine's memory. */
enum { MAX_PIXELS = 1000000 };

static void look(const tn_check *c)
{
    tn_checked item;
    int64_t broken = 0;
    if (!tn_check_item(c, 0, &item) || item.quality < 0 || item.quality > 100)
        abort();
    if (item.problem ? !item.problem[0] : item.width < 1 || item.height < 1 || !item.format)
        abort();
    for (int64_t i = 0; i < tn_check_num_findings(c); i++) {
        const tn_finding *f = tn_check_finding(c, i);
        if (!f->text[0] || (f->count == 0 && f->num_classes == 0 && f->kind != TN_FIND_SHORTCUT))
            abort();
        broken += f->kind == TN_FIND_BROKEN ? f->count : 0;
    }
    if (broken != (item.problem != NULL))
        abort();
}

static bool is_huge(const uint8_t *bytes, size_t size)
{
    tn_decoder *d;
    int width = 0, height = 0;
    if (tn_decoder_create(&d) != TN_OK)
        abort();
    const tn_status status = tn_decoder_open_memory(d, "fuzz", bytes, size, &width, &height);
    tn_decoder_destroy(d);
    return status == TN_OK && (double)width * height > MAX_PIXELS;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    tn_dataset *set;
    tn_check *c;
    char list[128];
    const int quality = tn_jpeg_quality(bytes, size);
    if (quality < 0 || quality > 100)
        abort();
    if (is_huge(bytes, size))
        return 0;
    if (!fuzz_folder[0]) {
        static const char two[] = "1.jpg a\n2.ppm b\n", picture[] = "P6 2 2 255\nabcdefghijkl";
        write_file("list.txt", two, sizeof two - 1);
        write_file("2.ppm", picture, sizeof picture - 1);
    }
    write_file("1.jpg", bytes, size);
    file_in_folder(list, "list.txt");
    if (tn_dataset_open(&set, &(tn_dataset_opts){.path = list}) != TN_OK ||
        tn_check_set(&c, set, &(tn_check_opts){.threads = 1}) != TN_OK)
        abort();
    tn_dataset_close(set);
    look(c);
    tn_check_close(c);
    if (tn_alloc_live() != 0)
        abort();
    return 0;
}

void fuzz_seeds(void (*seed)(void *arg, const uint8_t *bytes, size_t size), void *arg)
{
    const lab_bytes files[] = {
        lab_jpeg(&(lab_jpeg_opts){.width = 40, .height = 30}),
        lab_jpeg(&(lab_jpeg_opts){.width = 30, .height = 40, .grey = true, .orientation = 6}),
        lab_jpeg(&(lab_jpeg_opts){.width = 90, .height = 70, .progressive = true}),
        lab_png(20, 30, 3), lab_bmp(20, 30)};
    for (size_t i = 0; i < TN_COUNT(files); i++) {
        if (files[i].data)
            seed(arg, files[i].data, files[i].size);
        free(files[i].data);
    }
}
