/*
 * Names that break what is careless: line breaks, quotes, escapes of terminals, what is no UTF-8, 255 bytes. Paths are what
 * the file system has, byte for byte; sentences are one line without control characters.
 */
#include <string.h>

#include "lab.h"
#include "lab_set.h"

static char longest[256]; /* as long as a name may be */

static const char *const names[] = {"two\nlines.ppm",
                                    "tab\tand\rreturn.ppm",
                                    "\"quotes\" 'and' `more`.ppm",
                                    "$(reboot);|&.ppm",
                                    "back\\slash%n%s.ppm",
                                    "\x1B[2J\x07.ppm",
                                    "\xFF\xFE\xC3(.ppm",
                                    "<img src=x onerror=alert(1)>.ppm",
                                    " .ppm",
                                    "-rf.ppm",
                                    longest};
enum { NAMES = sizeof names / sizeof *names };

static const char *root;

static int make(void **state)
{
    (void)state;
    memset(longest, 'x', sizeof longest - 1);
    memcpy(longest + sizeof longest - 5, ".ppm", 5);
    root = lab_make_folder();
    lab_mkdir(lab_path(root, "a\tb"));
    lab_mkdir(lab_path(root, "<b>&amp;"));
    for (int i = 0; i < NAMES; i++) {
        lab_write_image(lab_path(root, "a\tb/%s", names[i]), 8, 8, (unsigned)i);
        lab_write_text(lab_path(root, "<b>&amp;/%s", names[i]), "no image\n");
    }
    return 0;
}

static int clear(void **state)
{
    (void)state;
    lab_remove(root);
    return 0;
}

static void assert_one_line(const char *text)
{
    for (const char *c = text; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 127)
            fail_msg("a byte of %d in \"%s\"", *c, text);
}

static void paths_are_as_they_are_and_sentences_one_line(void **state)
{
    (void)state;
    tn_dataset *set = lab_open_set(root);
    tn_loader *loader = NULL;
    tn_batch batch;
    assert_int_equal(tn_dataset_count(set), 2 * NAMES);
    assert_string_equal(tn_dataset_class_name(set, 1), "a\tb");
    for (int i = 0; i < NAMES; i++) {
        bool found = false;
        for (int64_t k = 0; k < tn_dataset_count(set); k++)
            found |= strcmp(strrchr(tn_dataset_item_path(set, k), '/') + 1, names[i]) == 0;
        assert_true(found);
    }
    const tn_loader_opts opts = {.batch = 2 * NAMES, .height = 8, .width = 8, .max_bad = 60};
    assert_ok(tn_loader_open(&loader, set, &opts));
    assert_ok(tn_loader_next(loader, &batch));
    assert_int_equal(batch.count, NAMES);
    assert_int_equal(tn_loader_num_bad(loader), NAMES);
    for (int64_t i = 0; i < NAMES; i++) {
        assert_string_equal(tn_loader_bad_path(loader, i), tn_dataset_item_path(set, i));
        assert_string_equal(tn_loader_bad_reason(loader, i), "no image of a kind that can be read");
    }
    tn_loader_close(loader);
    for (int64_t i = 0; i < 2 * NAMES; i++) {
        uint8_t rgb[192];
        const tn_status status = tn_image_load(tn_dataset_item_path(set, i),
                                               &(tn_fit_opts){.height = 8, .width = 8}, rgb);
        assert_int_equal(status, i < NAMES ? TN_ERR_FORMAT : TN_OK);
        assert_one_line(tn_error());
    }
    tn_dataset_close(set);
}

static void errors_show_control_characters(void **state)
{
    (void)state;
    char path[1100], want[1200];
    snprintf(path, sizeof path, "%s/none/\x1B[2J\x07\nb\x7F\tc", root);
    snprintf(want, sizeof want, "%s/none/\\033[2J\\007\\nb\\177\\tc: No such file", root);
    assert_fails(tn_dataset_open(&(tn_dataset *){NULL}, &(tn_dataset_opts){.path = path}),
                 TN_ERR_IO, want);
    assert_one_line(tn_error());
    for (int i = 1012; i < 1030; i++) { /* where an escape has no room any more */
        tn_fail(TN_ERR_IO, "%*s\x1B", i, "");
        assert_one_line(tn_error());
        assert_true(strlen(tn_error()) < 1024);
    }
}

static void packing(void **state)
{
    (void)state;
    const char *folder = lab_make_folder();
    char packed[1100];
    snprintf(packed, sizeof packed, "%s/to\nhere", folder);
    tn_dataset *set = lab_open_set(root), *got;
    assert_ok(tn_dataset_pack(set, &(tn_pack_opts){.folder = packed, .side = 8, .max_bad = 60}));
    got = lab_open_set(packed);
    assert_int_equal(tn_dataset_count(got), NAMES);
    assert_string_equal(tn_dataset_class_name(got, 1), "a\tb");
    tn_dataset_close(got);
    tn_dataset_close(set);

    lab_mkdir(lab_path(root, "c\nd"));
    lab_write_image(lab_path(root, "c\nd/a.ppm"), 8, 8, 1);
    set = lab_open_set(root);
    assert_true(lab_has_notice(set, "the name of class number 2 has a line break in it"));
    assert_fails(tn_dataset_pack(set, &(tn_pack_opts){.folder = packed, .side = 8, .max_bad = 60}),
                 TN_ERR_ARGUMENT, "the name of class 2 has a line break in it: \"c\\nd\"");
    tn_dataset_close(set);
    lab_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_are_as_they_are_and_sentences_one_line),
        cmocka_unit_test(errors_show_control_characters),
        cmocka_unit_test(packing),
    };
    return cmocka_run_group_tests(tests, make, clear);
}
