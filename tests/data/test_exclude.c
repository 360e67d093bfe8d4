/*
 * Exclude lists: each way to name an image, of folders, lists and packed sets; what names none is told with its line;
 * training, packing and splitting see the rest alone.
 */
#define _POSIX_C_SOURCE 200809L /* chdir, symlink */

#include <string.h>
#include <unistd.h>

#include "lab.h"
#include "lab_set.h"

enum { EACH = 4 };

static const char *root; /* with train/class0, class1, class2 of EACH images */
static char train[1024], list[1024];

static int make(void **state)
{
    (void)state;
    root = lab_make_folder();
    snprintf(train, sizeof train, "%s/train", root);
    snprintf(list, sizeof list, "%s/exclude.txt", root);
    lab_mkdir(train);
    lab_write_squares(train, 3, EACH, 8);
    return 0;
}

static int clear(void **state)
{
    (void)state;
    lab_remove(root);
    return 0;
}

static tn_dataset *open_without(const char *path, const char *text)
{
    tn_dataset *set = NULL;
    lab_write_text(list, text);
    assert_ok(tn_dataset_open(&set, &(tn_dataset_opts){.path = path, .exclude = list}));
    return set;
}

static bool has_item(const tn_dataset *set, const char *end)
{
    for (int64_t i = 0; i < tn_dataset_count(set); i++) {
        const char *path = tn_dataset_item_path(set, i);
        const size_t length = strlen(path), wanted = strlen(end);
        if (length >= wanted && strcmp(path + length - wanted, end) == 0)
            return true;
    }
    return false;
}

/* One image is left out, and nothing else is said. */
static void check_one(tn_dataset *set, const char *why)
{
    char want[1200];
    snprintf(want, sizeof want, "left out 1 of 12 images, which %s names", list);
    if (tn_dataset_count(set) != 11 || tn_dataset_excluded(set) != 1 ||
        has_item(set, "class0/1.ppm"))
        fail_msg("%s: %d items", why, (int)tn_dataset_count(set));
    assert_int_equal(tn_dataset_num_notices(set), 1);
    assert_string_equal(tn_dataset_notice(set, 0), want);
    assert_int_equal(tn_dataset_class_count(set, 0), 3);
    assert_int_equal(tn_dataset_class_count(set, 1), 4);
    tn_dataset_close(set);
}

static void each_way_to_name_an_image(void **state)
{
    (void)state;
    char text[3000], path[1100];
    check_one(open_without(train, "class0/1.ppm\n"), "within the folder");
    check_one(open_without(train, "# why\n\n  class0/1.ppm \tbroken: \"it\" ends\tearly\r\n"),
              "a reason");
    check_one(open_without(train, "./class0/1.ppm\n./class0/1.ppm\n"), "twice");
    check_one(open_without(train, "\"class0\\0571.ppm\"\tx"), "quoted");
    check_one(open_without(train, "train/class0/1.ppm\n"), "with the folder's own name");
    snprintf(text, sizeof text, "%s/class0/1.ppm\n", train);
    check_one(open_without(train, text), "in full");
    snprintf(path, sizeof path, "%s//", train);
    check_one(open_without(path, text), "slashes behind the folder");

    char before[1024];
    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(chdir(train), 0);
    check_one(open_without(".", text), "in full, of this folder");
    check_one(open_without(".", "train/class0/1.ppm\n"), "this folder's own name");
    assert_int_equal(chdir(root), 0);
    check_one(open_without("train", text), "in full, of a relative folder");
    check_one(open_without("train", "train/class0/1.ppm\n"), "as it was opened");
    assert_int_equal(symlink("train", "link"), 0);
    check_one(open_without("link", "link/class0/1.ppm\n"), "a link's name");
    check_one(open_without("link", "train/class0/1.ppm\n"), "what a link names");
    assert_int_equal(chdir(before), 0);
}

static void what_names_nothing_is_told_with_its_line(void **state)
{
    (void)state;
    char text[4000] = "#\nclass0/nothing.ppm\tgone\ntrain/class9/1.ppm\nclass1/4.ppm\n", want[3000];
    snprintf(text + strlen(text), 1500, "%s/x.ppm\n", train);
    tn_dataset *set = open_without(train, text);
    assert_int_equal(tn_dataset_num_notices(set), 4);
    snprintf(want, sizeof want, "%s:2: names no image of %s: class0/nothing.ppm", list, train);
    assert_string_equal(tn_dataset_notice(set, 0), want);
    assert_true(lab_has_notice(set, "exclude.txt:3: names no image of"));
    assert_true(lab_has_notice(set, "exclude.txt:5: names no image of"));
    assert_true(lab_has_notice(set, "left out 1 of 12 images"));
    tn_dataset_close(set);

    /* Of other parts and other sets: one word for all. */
    set = open_without(train, "val/class0/1.ppm\n/elsewhere/a.jpg\nTest/a b.jpg\n");
    assert_int_equal(tn_dataset_num_notices(set), 1);
    assert_true(
        lab_has_notice(set, "exclude.txt: 3 lines are of files elsewhere, the first is line 1"));
    assert_int_equal(tn_dataset_excluded(set), 0);
    assert_int_equal(tn_dataset_count(set), 12);
    tn_dataset_close(set);

    /* Up to ten by line. */
    text[0] = 0;
    for (int i = 0; i < 12; i++)
        strcat(text, "nothing.ppm\n");
    set = open_without(train, text);
    assert_int_equal(tn_dataset_num_notices(set), 11);
    assert_true(lab_has_notice(set, "exclude.txt:10: names no image"));
    assert_true(lab_has_notice(set, "12 lines in all name no image of"));
    tn_dataset_close(set);
}

static void errors_name_the_list(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        tn_status status;
        const char *error;
    } cases[] = {
        {"class0/0.ppm\n\"class0\n", TN_ERR_FORMAT, "exclude.txt:2: expected a path in quotes"},
        {"\"class0/0.ppm\" why\n", TN_ERR_FORMAT, "exclude.txt:1: expected a path in quotes"},
        {"\"\"\twhy\n", TN_ERR_FORMAT, "exclude.txt:1: expected a path in quotes"},
        {"class0/0.ppm\nclass0/1.ppm\nclass0/2.ppm\nclass0/3.ppm\nclass1/4.ppm\nclass1/5.ppm\n"
         "class1/6.ppm\nclass1/7.ppm\nclass2/8.ppm\nclass2/9.ppm\nclass2/10.ppm\nclass2/11.ppm\n",
         TN_ERR_ARGUMENT, "exclude.txt: leaves out all 12 images of "},
    };
    tn_dataset *set = NULL;
    const tn_dataset_opts opts = {.path = train, .exclude = list};
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        lab_write_text(list, cases[i].text);
        assert_fails(tn_dataset_open(&set, &opts), cases[i].status, cases[i].error);
    }
    lab_write(list, "class0/0.ppm\n\0\n", 15);
    assert_fails(tn_dataset_open(&set, &opts), TN_ERR_FORMAT, "exclude.txt:2: a byte of 0");
    assert_fails(tn_dataset_open(&set, &(tn_dataset_opts){.path = train, .exclude = "nowhere.txt"}),
                 TN_ERR_IO, "nowhere.txt: cannot be opened: No such file");
    assert_fails(tn_dataset_open(&set, &(tn_dataset_opts){.path = train, .exclude = train}),
                 TN_ERR_IO, "not a regular file");
    assert_null(set);
}

/* A class that loses all keeps its number; the set that takes classes of it too. */
static void classes_keep_their_numbers(void **state)
{
    (void)state;
    tn_dataset *set =
                   open_without(train, "class1/4.ppm\nclass1/5.ppm\nclass1/6.ppm\nclass1/7.ppm\n"),
               *val = NULL;
    assert_int_equal(tn_dataset_classes(set), 3);
    assert_int_equal(tn_dataset_class_count(set, 1), 0);
    assert_true(lab_has_notice(set, "class class1 (number 1) has no image; it keeps its number"));
    lab_assert_item(set, 4, "class2/10.ppm", 2);
    lab_write_text(list, "class0/0.ppm\n");
    assert_ok(tn_dataset_open(
        &val, &(tn_dataset_opts){.path = train, .classes_of = set, .exclude = list}));
    assert_int_equal(tn_dataset_count(val), 11);
    assert_int_equal(tn_dataset_class_count(val, 0), 3);
    tn_dataset_close(val);
    tn_dataset_close(set);
}

/* Of a list: as it says, or as the item is called; a file that is in it twice goes twice; one with two labels is an
 * error no more. */
static void of_lists(void **state)
{
    (void)state;
    const char *path = lab_path(root, "list.txt");
    lab_write_text(
        path, "train/class0/0.ppm a\ntrain/class0/1.ppm b\ntrain/class0/0.ppm c\n/abs/x.ppm a\n");
    assert_fails(lab_try_open(path, NULL), TN_ERR_FORMAT, "with the label a and with c");
    tn_dataset *set = open_without(path, "train/class0/0.ppm\n");
    assert_int_equal(tn_dataset_count(set), 2);
    assert_int_equal(tn_dataset_excluded(set), 2);
    assert_int_equal(tn_dataset_classes(set), 3);
    tn_dataset_close(set);
    char text[1200];
    snprintf(text, sizeof text, "%s/train/class0/0.ppm\n/abs/x.ppm\n", root);
    set = open_without(path, text);
    assert_int_equal(tn_dataset_count(set), 1);
    lab_assert_item(set, 0, "class0/1.ppm", 1);
    tn_dataset_close(set);
}

static uint64_t epoch(const tn_dataset *set)
{
    tn_loader *loader = NULL;
    tn_batch batch;
    uint64_t hash = 0;
    assert_ok(
        tn_loader_open(&loader, set, &(tn_loader_opts){.batch = 11, .height = 8, .width = 8}));
    assert_ok(tn_loader_next(loader, &batch));
    assert_int_equal(batch.count, 11);
    hash = lab_hash_batch(&batch);
    assert_int_equal(tn_loader_next(loader, &batch), TN_END);
    tn_loader_close(loader);
    return hash;
}

/* What is left out is neither packed nor trained on nor shared out; and a packed set may have a list of its own. */
static void packed_sets_loaders_and_parts(void **state)
{
    (void)state;
    char packed[1100];
    snprintf(packed, sizeof packed, "%s/packed", root);
    tn_dataset *files = open_without(train, "class1/5.ppm\n"), *whole = lab_open_set(train), *set,
               *first, *second;
    assert_ok(tn_dataset_pack(files, &(tn_pack_opts){.folder = packed, .side = 8}));
    set = lab_open_set(packed);
    assert_int_equal(tn_dataset_count(set), 11);
    const uint64_t hash = epoch(files);
    assert_true(epoch(set) == hash);
    tn_dataset_close(set);

    assert_ok(tn_dataset_pack(whole, &(tn_pack_opts){.folder = packed, .side = 8}));
    set = open_without(packed, "images.npy[5]\tblurred\nimages.npy[12]\n");
    assert_true(epoch(set) == hash);
    assert_true(lab_has_notice(set, "exclude.txt:2: names no image of"));
    assert_ok(tn_dataset_split(set, 30, 1, &first, &second));
    assert_int_equal(tn_dataset_count(first) + tn_dataset_count(second), 11);
    assert_false(has_item(first, "images.npy[5]") || has_item(second, "images.npy[5]"));
    tn_dataset_close(first);
    tn_dataset_close(second);
    tn_dataset_close(set);
    tn_dataset_close(files);
    tn_dataset_close(whole);
}

/* A packed set knows where its images were, however often it is packed again: the list of the files is its list. */
static void packed_sets_by_the_names_of_before(void **state)
{
    (void)state;
    char packed[1100], again[1100];
    snprintf(packed, sizeof packed, "%s/packed", root);
    snprintf(again, sizeof again, "%s/again", root);
    tn_dataset *whole = lab_open_set(train), *files = open_without(train, "class1/5.ppm\n");
    const uint64_t hash = epoch(files);
    assert_ok(tn_dataset_pack(whole, &(tn_pack_opts){.folder = packed, .side = 8}));
    tn_dataset *set =
        open_without(packed, "class1/5.ppm\tblurred\nval/class1/5.ppm\nclass1/99.ppm\n");
    assert_true(epoch(set) == hash);
    assert_true(lab_has_notice(set, "exclude.txt:3: names no image of"));
    assert_ok(tn_dataset_pack(set, &(tn_pack_opts){.folder = again, .side = 8}));
    tn_dataset_close(set);
    set = open_without(again, "images.npy[0]\nclass0/0.ppm\nclass2/8.ppm\n");
    assert_int_equal(tn_dataset_count(set), 9);
    tn_dataset_close(set);

    lab_write_text(lab_path(again, "names.txt"), "a\nb\n");
    lab_write_text(list, "images.npy[0]\n");
    const tn_dataset_opts opts = {.path = again, .exclude = list};
    assert_fails(tn_dataset_open(&set, &opts), TN_ERR_FORMAT,
                 "again/names.txt: 2 names for 11 images");
    lab_write_text(lab_path(again, "names.txt"), "a\n\"b\n");
    assert_fails(tn_dataset_open(&set, &opts), TN_ERR_FORMAT, "again/names.txt:2: expected a name");
    assert_int_equal(unlink(lab_path(again, "names.txt")), 0); /* as one of another program */
    assert_ok(tn_dataset_open(&set, &opts));
    assert_int_equal(tn_dataset_count(set), 10);
    tn_dataset_close(set);
    tn_dataset_close(files);
    tn_dataset_close(whole);
}

/* Whatever a name is made of, what is written is what is left out. */
static void any_name_can_be_written(void **state)
{
    static const char *const names[] = {"two\nlines.jpg", "tab\t.jpg", "\".jpg",
                                        "#.jpg",          " .jpg",     "\\n.jpg",
                                        "\xFF\xC3(.jpg",  "a\r.jpg",   "<img src=x onerror=y>.jpg"};
    (void)state;
    char folder[1100];
    snprintf(folder, sizeof folder, "%s/names", root);
    lab_mkdir(folder);
    lab_mkdir(lab_path(folder, "a\nb"));
    tn_excluded out[TN_COUNT(names)];
    char path[TN_COUNT(names)][64];
    for (size_t i = 0; i < TN_COUNT(names); i++) {
        snprintf(path[i], sizeof path[i], "a\nb/%s", names[i]);
        lab_write_text(lab_path(folder, "%s", path[i]), "x");
        out[i] = (tn_excluded){path[i], i % 2 ? "why\nand \twhere" : NULL};
    }
    lab_write_text(lab_path(folder, "a\nb/stays.jpg"), "x");
    assert_ok(tn_exclude_write(list, out, (int64_t)TN_COUNT(names)));
    tn_dataset *set = NULL;
    assert_ok(tn_dataset_open(&set, &(tn_dataset_opts){.path = folder, .exclude = list}));
    assert_int_equal(tn_dataset_count(set), 1);
    lab_assert_item(set, 0, "stays.jpg", 0);
    for (int i = 0; i < tn_dataset_num_notices(set); i++)
        assert_null(strstr(tn_dataset_notice(set, i), "names no image"));
    tn_dataset_close(set);
    assert_ok(tn_exclude_write(list, NULL, 0));
    assert_fails(tn_exclude_write(list, NULL, 1), TN_ERR_ARGUMENT, "files");
    assert_fails(tn_exclude_write(list, NULL, -1), TN_ERR_ARGUMENT, "-1 files");
    assert_fails(tn_exclude_write(list, &(tn_excluded){""}, 1), TN_ERR_ARGUMENT, "file 0");
    assert_fails(tn_exclude_write(lab_path(root, "none/x"), out, 1), TN_ERR_IO, "none/x");
}

/* Each byte that a name may have, at its ends and in the middle. */
static void any_byte_can_be_written(void **state)
{
    (void)state;
    char folder[1100], path[256][64];
    snprintf(folder, sizeof folder, "%s/bytes", root);
    lab_mkdir(folder);
    lab_mkdir(lab_path(folder, "a"));
    tn_excluded out[256];
    int count = 0;
    for (int c = 1; c < 256; c++)
        if (c != '/' && c != '.') /* one that is hidden is no image */
            snprintf(path[count++], sizeof path[0], "a/%c0%c.jpg%c.jpg", c, c, c);
    for (int i = 0; i < count; i++) {
        lab_write_text(lab_path(folder, "%s", path[i]), "x");
        out[i] = (tn_excluded){path[i], path[i]};
    }
    lab_write_text(lab_path(folder, "a/stays.jpg"), "x");
    assert_ok(tn_exclude_write(list, out, count));
    tn_dataset *set = NULL;
    assert_ok(tn_dataset_open(&set, &(tn_dataset_opts){.path = folder, .exclude = list}));
    assert_int_equal(tn_dataset_excluded(set), count);
    lab_assert_item(set, 0, "stays.jpg", 0);
    tn_dataset_close(set);
}

static tn_status open_one(void *arg)
{
    (void)arg;
    tn_dataset *set = NULL;
    TN_TRY(tn_exclude_write(list, &(tn_excluded){"class0/1.ppm", "x"}, 1));
    TN_TRY(tn_dataset_open(&set, &(tn_dataset_opts){.path = train, .exclude = list}));
    tn_dataset_close(set);
    return TN_OK;
}

static void each_allocation_fails(void **state)
{
    (void)state;
    assert_true(lab_fail_each_allocation(open_one, NULL) > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_way_to_name_an_image),
        cmocka_unit_test(what_names_nothing_is_told_with_its_line),
        cmocka_unit_test(errors_name_the_list),
        cmocka_unit_test(classes_keep_their_numbers),
        cmocka_unit_test(of_lists),
        cmocka_unit_test(packed_sets_loaders_and_parts),
        cmocka_unit_test(packed_sets_by_the_names_of_before),
        cmocka_unit_test(any_name_can_be_written),
        cmocka_unit_test(any_byte_can_be_written),
        cmocka_unit_test(each_allocation_fails),
    };
    return cmocka_run_group_tests(tests, make, clear);
}
