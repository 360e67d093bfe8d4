#define _POSIX_C_SOURCE 200809L /* mkdir */

#include "lab_check.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/random.h"
#include "lab.h"
#include "lab_set.h"

const char *lab_folder;

/* ---- pictures ----------------------------------------------------------------------------------- */

uint8_t *lab_draw(uint64_t number, int width, int height)
{
    tn_random r = tn_random_begin(7, TN_RANDOM_TEST, number);
    uint8_t *rgb = malloc(3 * (size_t)width * (size_t)height);
    assert_non_null(rgb);
    const int a = (int)tn_random_below(&r, 128), b = (int)tn_random_below(&r, 128);
    for (int i = 0; i < 3 * width * height; i++)
        rgb[i] = (uint8_t)(a + b * (i / 3 % width) / width + 40 * (i % 3));
    for (int k = 0; k < 7; k++) {
        const int x = (int)tn_random_below(&r, (uint64_t)width);
        const int y = (int)tn_random_below(&r, (uint64_t)height);
        const int w = width / 5 + (int)tn_random_below(&r, (uint64_t)width / 3);
        const int h = height / 5 + (int)tn_random_below(&r, (uint64_t)height / 3);
        const uint32_t colour = tn_random_next(&r);
        for (int i = y; i < y + h && i < height; i++)
            for (int j = x; j < x + w && j < width; j++)
                memcpy(rgb + 3 * (i * width + j), &colour, 3);
    }
    return rgb;
}

const char *lab_at(const char *name)
{
    return lab_path(lab_folder, "%s", name);
}

void lab_write_jpeg(const char *name, uint64_t number, lab_jpeg_opts how)
{
    how.width = how.width ? how.width : SIDE;
    how.height = how.height ? how.height : SIDE;
    uint8_t *rgb = lab_draw(number, how.width, how.height);
    const lab_bytes file = lab_jpeg_of(&how, rgb);
    lab_write(lab_at(name), file.data, file.size);
    free(file.data);
    free(rgb);
}

void lab_write_ppm(const char *name, const uint8_t *rgb, int width, int height)
{
    FILE *f = fopen(lab_at(name), "wb");
    assert_non_null(f);
    fprintf(f, "P6 %d %d 255\n", width, height);
    fwrite(rgb, 3, (size_t)width * (size_t)height, f);
    assert_int_equal(fclose(f), 0);
}

void lab_copy_file(const char *from, const char *to)
{
    const lab_bytes file = lab_read(lab_at(from));
    lab_write(lab_at(to), file.data, file.size);
    free(file.data);
}

void lab_make_class(const char *name, uint64_t number, int count, lab_jpeg_opts how)
{
    char file[300];
    assert_int_equal(mkdir(lab_at(name), 0755), 0);
    for (int i = 0; i < count; i++) {
        snprintf(file, sizeof file, "%s/%03d.jpg", name, i);
        lab_write_jpeg(file, number + (uint64_t)i, how);
    }
}

void lab_make_clean(void)
{
    static const char *const names[] = {"ape", "bee", "cat"};
    char name[64];
    lab_folder = lab_make_folder();
    assert_int_equal(mkdir(lab_at("train"), 0755), 0);
    assert_int_equal(mkdir(lab_at("val"), 0755), 0);
    for (size_t i = 0; i < TN_COUNT(names); i++) {
        snprintf(name, sizeof name, "train/%s", names[i]);
        lab_make_class(name, 1000 * i, PER_CLASS, (lab_jpeg_opts){0});
        snprintf(name, sizeof name, "val/%s", names[i]);
        lab_make_class(name, 1000 * i + 500, VAL, (lab_jpeg_opts){0});
    }
}

/* ---- checking ----------------------------------------------------------------------------------- */

void lab_open_sets(lab_patient *p)
{
    assert_ok(tn_dataset_open(&p->train, &(tn_dataset_opts){.path = lab_at("train")}));
    assert_ok(tn_dataset_open(&p->val,
                              &(tn_dataset_opts){.path = lab_at("val"), .classes_of = p->train}));
}

lab_patient lab_check(int threads)
{
    lab_patient p;
    lab_open_sets(&p);
    assert_ok(tn_check_set(&p.check, p.train,
                           &(tn_check_opts){.val = p.val, .size = SIZE, .threads = threads}));
    tn_dataset_close(p.train); /* it holds what it needs */
    tn_dataset_close(p.val);
    return p;
}

void lab_print_findings(const tn_check *c)
{
    for (int64_t i = 0; i < tn_check_num_findings(c); i++) {
        const tn_finding *f = tn_check_finding(c, i);
        print_message("  %s: %s\n", tn_find_name(f->kind), f->text);
    }
}
