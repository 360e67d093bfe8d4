/*
 * The doctor of sets: a clean set has no finding; each thing that is put into it is found, once, and nothing else.
 */
#define _POSIX_C_SOURCE 200809L /* mkdir, open_memstream, popen */

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lab.h"
#include "lab_check.h"
#include "lab_set.h"

static void has_none(void **state)
{
    (void)state;
    lab_make_clean();
    lab_patient p = lab_check(0);
    lab_print_findings(p.check);
    assert_int_equal(tn_check_num_findings(p.check), 0);
    assert_int_equal(tn_check_limit_of(p.check)->bits, 12);
    assert_int_equal(tn_check_side_of(p.check, false)->read, 3 * PER_CLASS);
    assert_int_equal(tn_check_side_of(p.check, true)->items, 3 * VAL);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(tn_check_class_count(p.check, false, i), PER_CLASS);
        assert_int_equal(tn_check_class_count(p.check, true, i), VAL);
    }
    tn_check_close(p.check);
    lab_remove(lab_folder);
}

/* ---- what is put into it ------------------------------------------------------------------------ */

static void broken(void)
{
    lab_write(lab_at("train/ape/broken.jpg"), "no picture", 10);
}

static void same_bytes(void)
{
    lab_copy_file("train/ape/003.jpg", "train/ape/copy.jpg");
}

static void same_three_times(void)
{
    lab_copy_file("train/ape/003.jpg", "train/ape/copy.jpg");
    lab_copy_file("train/ape/003.jpg", "train/ape/again.jpg");
}

/* Other bytes: a comment behind the picture. */
static void same_pixels(void)
{
    lab_bytes file = lab_read(lab_at("train/bee/002.jpg"));
    file.data = realloc(file.data, file.size + 4);
    memcpy(file.data + file.size, "more", 4);
    lab_write(lab_at("train/bee/more.jpg"), file.data, file.size + 4);
    free(file.data);
}

/* Which are decoded on different ways, and of which no decoder gives all pixels at first. */
static void same_pixels_of_other_formats(void)
{
    uint8_t *photo = lab_photo(300, 200);
    const lab_bytes png = lab_png(300, 200, 3);
    lab_write_ppm("train/bee/a.ppm", photo, 300, 200);
    lab_write(lab_at("train/bee/b.png"), png.data, png.size);
    free(photo);
    free(png.data);
}

/* Taken as it lies, and turned by EXIF to lie as it was taken: not the same, but upright they are alike. */
static void alike_upright(void)
{
    uint8_t *rgb = lab_draw(5, SIDE, SIDE), *turned = malloc(3 * SIDE * SIDE);
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++)
            memcpy(turned + 3 * ((SIDE - 1 - x) * SIDE + y), rgb + 3 * (y * SIDE + x), 3);
    const lab_bytes file = lab_jpeg_of(
        &(lab_jpeg_opts){.width = SIDE, .height = SIDE, .quality = 90, .orientation = 6}, turned);
    lab_write(lab_at("train/ape/turned.jpg"), file.data, file.size);
    free(file.data);
    free(rgb);
    free(turned);
}

static void conflict(void)
{
    lab_copy_file("train/ape/004.jpg", "train/bee/copy.jpg");
}

static void alike(void)
{
    lab_write_jpeg("train/ape/worse.jpg", 5, (lab_jpeg_opts){.quality = 35});
}

static void alike_mirrored(void)
{
    uint8_t *rgb = lab_draw(5, SIDE, SIDE), *mirrored = malloc(3 * SIDE * SIDE);
    for (int i = 0; i < SIDE * SIDE; i++)
        memcpy(mirrored + 3 * i, rgb + 3 * (i / SIDE * SIDE + SIDE - 1 - i % SIDE), 3);
    const lab_bytes file =
        lab_jpeg_of(&(lab_jpeg_opts){.width = SIDE, .height = SIDE, .quality = 90}, mirrored);
    lab_write(lab_at("train/ape/mirrored.jpg"), file.data, file.size);
    free(file.data);
    free(rgb);
    free(mirrored);
}

static void leak(void)
{
    lab_copy_file("train/cat/007.jpg", "val/cat/copy.jpg");
}

static void leak_alike(void)
{
    lab_write_jpeg("val/cat/like.jpg", 2008, (lab_jpeg_opts){.quality = 70});
}

static void unequal(void)
{
    lab_make_class("train/dog", 3000, 4 * PER_CLASS + 1, (lab_jpeg_opts){0});
    lab_make_class("val/dog", 3500, VAL, (lab_jpeg_opts){0});
}

static void few(void)
{
    lab_make_class("train/dog", 3000, 19, (lab_jpeg_opts){0});
    lab_make_class("val/dog", 3500, VAL, (lab_jpeg_opts){0});
}

static void empty_in_val(void)
{
    lab_make_class("train/dog", 3000, PER_CLASS, (lab_jpeg_opts){0});
}

static void one_class(void)
{
    lab_remove(lab_at("train/bee"));
    lab_remove(lab_at("train/cat"));
    lab_remove(lab_at("val/bee"));
    lab_remove(lab_at("val/cat"));
}

static void shortcut_of_quality(void)
{
    lab_make_class("train/dog", 3000, PER_CLASS, (lab_jpeg_opts){.quality = 62});
    lab_make_class("val/dog", 3500, VAL, (lab_jpeg_opts){.quality = 62});
}

static void shortcut_of_size(void)
{
    lab_make_class("train/dog", 3000, PER_CLASS, (lab_jpeg_opts){.width = 90, .height = 90});
    lab_make_class("val/dog", 3500, VAL, (lab_jpeg_opts){.width = 90, .height = 90});
}

static void small(void)
{
    lab_write_jpeg("train/ape/small.jpg", 400, (lab_jpeg_opts){.width = 63, .height = 80});
}

static void odd(void)
{
    lab_write_jpeg("train/ape/odd.jpg", 400, (lab_jpeg_opts){.width = 217, .height = 72});
}

static void flat_in(const char *name)
{
    uint8_t rgb[3 * SIDE * SIDE];
    memset(rgb, 99, sizeof rgb);
    const lab_bytes file =
        lab_jpeg_of(&(lab_jpeg_opts){.width = SIDE, .height = SIDE, .quality = 90}, rgb);
    lab_write(lab_at(name), file.data, file.size);
    free(file.data);
}

static void flat(void)
{
    flat_in("train/cat/flat.jpg");
}

static void mixed(void)
{
    for (int i = 0; i < 12; i++) {
        char name[64];
        snprintf(name, sizeof name, "train/bee/%03d.jpg", i);
        lab_write_jpeg(name, 1000 + (uint64_t)i, (lab_jpeg_opts){.orientation = 6});
    }
}

static const struct {
    const char *why;
    void (*plant)(void);
    tn_find kind;
    int64_t suspects, out;
    const char *text; /* a part of it, or of the last suspect's */
} plants[] = {
    {"a text file", broken, TN_FIND_BROKEN, 1, 1, "1 of 91 files cannot be read."},
    {"a copy", same_bytes, TN_FIND_SAME, 2, 1, "2 pictures of ape are the same."},
    {"two copies", same_three_times, TN_FIND_SAME, 3, 2, "3 pictures of ape are the same."},
    {"other bytes", same_pixels, TN_FIND_SAME, 2, 1, "the same pixels as "},
    {"another format", same_pixels_of_other_formats, TN_FIND_SAME, 2, 1, "the same pixels as "},
    {"two labels", conflict, TN_FIND_CONFLICT, 2, 2, "in 2 classes (ape, bee)"},
    {"recompressed", alike, TN_FIND_ALIKE, 2, 1, "2 pictures of ape look alike."},
    {"mirrored", alike_mirrored, TN_FIND_ALIKE, 2, 1, "from the mirror image of "},
    {"turned", alike_upright, TN_FIND_ALIKE, 2, 1, "2 pictures of ape look alike."},
    {"in val too", leak, TN_FIND_LEAK, 2, 1, "are the same, in the set and in val"},
    {"nearly in val", leak_alike, TN_FIND_LEAK, 2, 1, "look alike, in the set and in val"},
    {"a large class", unequal, TN_FIND_UNEQUAL, 0, 0, "24 pictures and dog 97, 4.04 times"},
    {"a small class", few, TN_FIND_FEW, 0, 0, "1 of 4 classes have under 20 pictures: dog (19)."},
    {"nothing to ask for", empty_in_val, TN_FIND_EMPTY, 0, 0,
     "1 of 4 classes have no picture that can be read in val: dog (0)."},
    {"one class", one_class, TN_FIND_ONE_CLASS, 0, 0, "of one class, ape"},
    {"another quality", shortcut_of_quality, TN_FIND_SHORTCUT, 0, 0,
     "JPEG quality alone tells 100 % of the pictures of dog"},
    {"another size", shortcut_of_size, TN_FIND_SHORTCUT, 0, 0,
     "width alone tells 100 % of the pictures of dog from all others; so do height (100 %)"},
    {"one below the size", small, TN_FIND_SMALL, 1, 0, "63 x 80 pixels"},
    {"one a pixel too wide", odd, TN_FIND_ODD, 1, 0, "217 x 72 pixels"},
    {"grey and nothing else", flat, TN_FIND_FLAT, 1, 0, "one colour, about 99 99 99"},
    {"half of a class turned", mixed, TN_FIND_MIXED, 0, 0,
     "50 % of the pictures of bee are turned by EXIF, of 2 other classes none"}};

static void each_is_found_once(void **state)
{
    (void)state;
    for (size_t i = 0; i < TN_COUNT(plants); i++) {
        lab_make_clean();
        plants[i].plant();
        lab_patient p = lab_check(0);
        const tn_finding *f = tn_check_finding(p.check, 0);
        if (tn_check_num_findings(p.check) != 1 || f->kind != plants[i].kind) {
            lab_print_findings(p.check);
            fail_msg("%s: %d findings, the first %s", plants[i].why,
                     (int)tn_check_num_findings(p.check), f ? tn_find_name(f->kind) : "none");
        }
        int64_t out = 0;
        for (int64_t k = 0; k < f->count; k++)
            out += f->suspect[k].leave_out;
        assert_int_equal(f->count, plants[i].suspects);
        assert_int_equal(out, plants[i].out);
        const char *last = f->count > 0 ? f->suspect[f->count - 1].why : "";
        if (!strstr(f->text, plants[i].text) && !strstr(last, plants[i].text))
            fail_msg("%s: \"%s\", \"%s\" have no \"%s\"", plants[i].why, f->text, last,
                     plants[i].text);
        tn_check_close(p.check);
        lab_remove(lab_folder);
    }
}

/* ---- everything at once ------------------------------------------------------------------------- */

static void make_ill(void)
{
    lab_make_clean();
    broken();
    same_three_times();
    same_pixels();
    same_pixels_of_other_formats();
    conflict();
    alike();
    leak();
    few();
    small();
    odd();
    flat();
}

/* All that a check says, as one text. */
static char *told(const tn_check *c)
{
    char *text = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&text, &size);
    assert_non_null(to);
    fprintf(to, "%s\n", tn_check_limit_of(c)->text);
    for (int64_t i = 0; i < tn_check_num_findings(c); i++) {
        const tn_finding *f = tn_check_finding(c, i);
        fprintf(to, "%s: %s\n", tn_find_name(f->kind), f->text);
        for (int64_t k = 0; k < f->count; k++)
            fprintf(to, "  %lld %s %d\n", (long long)f->suspect[k].item,
                    f->suspect[k].why ? f->suspect[k].why : "", f->suspect[k].leave_out);
    }
    for (int s = 0; s < 2; s++) {
        const tn_check_side *side = tn_check_side_of(c, s);
        for (int k = 0; k < 3; k++)
            fprintf(to, "%.17g %.17g\n", side->mean[k], side->deviation[k]);
    }
    fclose(to);
    return text;
}

static void threads_make_no_difference(void **state)
{
    (void)state;
    make_ill();
    lab_patient one = lab_check(1);
    char *want = told(one.check);
    for (int threads = 2; threads <= 5; threads += 3) {
        lab_patient p = lab_check(threads);
        char *got = told(p.check);
        assert_string_equal(got, want);
        free(got);
        tn_check_close(p.check);
    }
    static const tn_find kinds[] = {TN_FIND_BROKEN, TN_FIND_CONFLICT, TN_FIND_LEAK,  TN_FIND_SAME,
                                    TN_FIND_SAME,   TN_FIND_SAME,     TN_FIND_ALIKE, TN_FIND_FEW,
                                    TN_FIND_FLAT,   TN_FIND_ODD,      TN_FIND_SMALL};
    if (tn_check_num_findings(one.check) != TN_COUNT(kinds))
        lab_print_findings(one.check);
    assert_int_equal(tn_check_num_findings(one.check), TN_COUNT(kinds));
    for (size_t i = 0; i < TN_COUNT(kinds); i++)
        assert_int_equal(tn_check_finding(one.check, (int64_t)i)->kind, kinds[i]);
    tn_check_close(one.check);
    free(want);
    lab_remove(lab_folder);
}

static int64_t told_done, told_of;
static void count_progress(void *arg, int64_t done, int64_t of)
{
    (void)arg;
    assert_int_equal(done, told_done + 1);
    told_done = done;
    told_of = of;
}

static tn_status check_again(void *arg)
{
    const lab_patient *p = arg;
    tn_check *c = NULL;
    const tn_status status =
        tn_check_set(&c, p->train, &(tn_check_opts){.val = p->val, .size = SIZE, .threads = 1});
    tn_check_close(c);
    return status;
}

static void without_memory_it_says_so(void **state)
{
    (void)state;
    lab_folder = lab_make_folder();
    assert_int_equal(mkdir(lab_at("train"), 0755), 0);
    assert_int_equal(mkdir(lab_at("val"), 0755), 0);
    lab_make_class("train/ape", 0, 3, (lab_jpeg_opts){0});
    lab_make_class("train/bee", 100, 3, (lab_jpeg_opts){0});
    lab_make_class("val/ape", 500, 1, (lab_jpeg_opts){0});
    broken();
    same_pixels();
    flat_in("train/ape/flat.jpg");
    alike();
    lab_patient p;
    lab_open_sets(&p);
    assert_true(lab_fail_each_allocation(check_again, &p) > 30);
    tn_check *c = NULL;
    assert_ok(
        tn_check_set(&c, p.train, &(tn_check_opts){.val = p.val, .progress = count_progress}));
    assert_int_equal(told_done, told_of);
    assert_int_equal(told_of, tn_check_count(c));
    tn_check_close(c);
    tn_dataset_close(p.train);
    tn_dataset_close(p.val);
    lab_remove(lab_folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(has_none),
        cmocka_unit_test(each_is_found_once),
        cmocka_unit_test(threads_make_no_difference),
        cmocka_unit_test(without_memory_it_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
