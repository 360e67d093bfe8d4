/* symlink and mkfifo are POSIX. */
#define _XOPEN_SOURCE 700

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "data/dataset.h"
#include "lab.h"
#include "lab_set.h"

static void touch(const char *folder, const char *name)
{
    lab_write_text(lab_path(folder, "%s", name), "");
}

/* ---- folders -------------------------------------------------------------------------------- */

static void folders_are_classes_in_the_order_of_strcmp(void **state)
{
    (void)state;
    const char *root = lab_make_folder();
    const char *const classes[] = {"b", "a10", "a9", "B"};
    for (size_t i = 0; i < TN_COUNT(classes); i++) {
        lab_mkdir(lab_path(root, "%s", classes[i]));
        touch(root, lab_path(classes[i], "2.JPG"));
        touch(root, lab_path(classes[i], "10.png"));
    }
    lab_mkdir(lab_path(root, "b/1deep"));
    lab_mkdir(lab_path(root, "b/1deep/er"));
    touch(root, "b/1deep/er/x.jpeg");
    touch(root, "b/.hidden.jpg");
    lab_mkdir(lab_path(root, ".hidden"));
    touch(root, ".hidden/x.jpg");
    tn_dataset *set = lab_open_set(root);
    assert_int_equal(tn_dataset_classes(set), 4);
    assert_string_equal(tn_dataset_class_name(set, 0), "B");
    assert_string_equal(tn_dataset_class_name(set, 1), "a10");
    assert_string_equal(tn_dataset_class_name(set, 2), "a9");
    assert_string_equal(tn_dataset_class_name(set, 3), "b");
    assert_int_equal(tn_dataset_count(set), 9);
    lab_assert_item(set, 0, "/B/10.png", 0);
    lab_assert_item(set, 1, "/B/2.JPG", 0);
    lab_assert_item(set, 6, "/b/10.png", 3);
    lab_assert_item(set, 7, "/b/1deep/er/x.jpeg", 3);
    lab_assert_item(set, 8, "/b/2.JPG", 3);
    assert_int_equal(tn_dataset_class_count(set, 3), 3);
    assert_int_equal(tn_dataset_num_notices(set), 1);
    assert_true(lab_has_notice(set, "passed over 2 hidden files and folders, such as "));
    assert_int_equal(tn_dataset_side(set), 0);
    assert_null(tn_dataset_class_name(set, 4));
    assert_null(tn_dataset_class_name(set, -1));
    assert_int_equal(tn_dataset_class_count(set, 4), 0);
    assert_null(tn_dataset_item_path(set, 9));
    assert_int_equal(tn_dataset_item_label(set, -1), -1);
    assert_null(tn_dataset_notice(set, 1));
    tn_dataset_close(set);
    tn_dataset_close(NULL);
    lab_remove(root);
}

static void what_is_odd_in_a_folder_is_told(void **state)
{
    (void)state;
    const char *root = lab_make_folder(), *other = lab_make_folder();
    lab_mkdir(lab_path(root, "cat"));
    lab_mkdir(lab_path(root, "dog"));
    lab_mkdir(lab_path(root, "empty"));
    touch(root, "cat/1.jpg");
    touch(root, "dog/1.jpg");
    touch(root, "dog/notes.txt");
    touch(root, "dog/noending");
    touch(root, "README");
    assert_int_equal(mkfifo(lab_path(root, "cat/pipe.jpg"), 0600), 0);
    assert_int_equal(symlink("..", lab_path(root, "cat/up")), 0);
    assert_int_equal(symlink(".", lab_path(root, "cat/itself")), 0);
    assert_int_equal(symlink("round", lab_path(root, "cat/round")), 0);
    assert_int_equal(symlink("/nowhere/at/all.jpg", lab_path(root, "cat/broken.jpg")), 0);
    touch(other, "linked.jpg");
    assert_int_equal(symlink(other, lab_path(root, "dog/elsewhere")), 0);
    assert_int_equal(symlink("1.jpg", lab_path(root, "dog/2.jpg")), 0);
    tn_dataset *set = lab_open_set(root);
    assert_int_equal(tn_dataset_classes(set), 3);
    assert_int_equal(tn_dataset_count(set), 4);
    lab_assert_item(set, 2, "/dog/2.jpg", 1);
    lab_assert_item(set, 3, "/dog/elsewhere/linked.jpg", 1);
    assert_true(lab_has_notice(set, "cat/pipe.jpg: it is a FIFO"));
    assert_true(lab_has_notice(set, "cat/up: a loop of links"));
    assert_true(lab_has_notice(set, "cat/itself: a loop of links"));
    assert_true(lab_has_notice(set, "cat/round: Too many levels of symbolic links"));
    assert_true(lab_has_notice(set, "cat/broken.jpg: No such file"));
    assert_true(lab_has_notice(set, "passed over 3 files whose names do not end like an image's"));
    assert_true(lab_has_notice(set, "class empty (number 2) has no image"));
    assert_int_equal(tn_dataset_num_notices(set), 7);
    tn_dataset_close(set);
    lab_remove(root);
    lab_remove(other);
}

/* Copies of images, small or half deleted, that nobody put there. */
static void what_systems_keep_beside_images_is_left_out(void **state)
{
    (void)state;
    static const char *const folders[] = {
        "@eaDir",         "cat/@eaDir", "cat/@eaDir/1.jpg",          "__MACOSX",
        "__MACOSX/cat",   "lost+found", "cat/.ipynb_checkpoints",    "dog/.thumbnails",
        "$RECYCLE.BIN",   "#recycle",   "System Volume Information", "dog/deep",
        "dog/deep/@EADIR"};
    static const char *const files[] = {"cat/1.jpg",
                                        "dog/1.jpg",
                                        "dog/deep/2.jpg",
                                        "@eaDir/x.jpg",
                                        "cat/@eaDir/1.jpg/THUMB_M.jpg",
                                        "__MACOSX/cat/1.jpg",
                                        "lost+found/1.jpg",
                                        "cat/.ipynb_checkpoints/1-checkpoint.jpg",
                                        "dog/.thumbnails/1.png",
                                        "dog/deep/@EADIR/2.jpg",
                                        "cat/._1.jpg",
                                        "cat/.DS_Store",
                                        "dog/Thumbs.db",
                                        ".DS_Store",
                                        "System Volume Information/1.jpg"};
    const char *root = lab_make_folder();
    lab_mkdir(lab_path(root, "cat"));
    lab_mkdir(lab_path(root, "dog"));
    for (size_t i = 0; i < TN_COUNT(folders); i++)
        lab_mkdir(lab_path(root, "%s", folders[i]));
    for (size_t i = 0; i < TN_COUNT(files); i++)
        touch(root, files[i]);
    tn_dataset *set = lab_open_set(root);
    assert_int_equal(tn_dataset_classes(set), 2);
    assert_int_equal(tn_dataset_count(set), 3);
    lab_assert_item(set, 2, "/dog/deep/2.jpg", 1);
    assert_true(
        lab_has_notice(set, "passed over 8 folders that systems keep for themselves, such as "));
    assert_true(lab_has_notice(set, "/#recycle"));
    assert_true(lab_has_notice(set, "passed over 3 hidden files and folders, such as "));
    assert_true(
        lab_has_notice(set, "/dog/Thumbs.db, a file whose name does not end like an image's"));
    assert_int_equal(tn_dataset_num_notices(set), 3);
    tn_dataset_close(set);
    lab_remove(root);
}

static void parts_of_a_set_are_no_classes(void **state)
{
    (void)state;
    static const struct {
        const char *folder[3], *error;
    } cases[] = {
        {{"train", "val"}, "found train and val, which are parts of a set: open "},
        {{"train", "test", "labels"}, "found train and test, "},
        {{"Training", "Validation"}, "found Training and Validation"},
        {{"val", "test"}, "found val, which is a part of a set"},
        {{"train"}, "found train, which is a part of a set"},
        {{"train", "bus", "car"}, NULL}, /* vehicles */
        {{"valid", "broken"}, NULL},
    };
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        const char *root = lab_make_folder();
        for (int k = 0; k < 3 && cases[i].folder[k]; k++) {
            lab_mkdir(lab_path(root, "%s", cases[i].folder[k]));
            lab_mkdir(lab_path(root, "%s/cat", cases[i].folder[k]));
            touch(root, lab_path(cases[i].folder[k], "cat/1.jpg"));
        }
        if (cases[i].error)
            assert_fails(lab_try_open(root, NULL), TN_ERR_ARGUMENT, cases[i].error);
        else
            assert_ok(lab_try_open(root, NULL));
        lab_remove(root);
    }
}

static void odd_classes_are_told(void **state)
{
    (void)state;
    const char *root = lab_make_folder();
    lab_mkdir(lab_path(root, "cat"));
    touch(root, "cat/1.jpg");
    tn_dataset *set = lab_open_set(root);
    assert_true(lab_has_notice(set, "only one class, cat"));
    tn_dataset_close(set);
    lab_mkdir(lab_path(root, "d\nog"));
    touch(root, "d\nog/1.jpg");
    touch(root, "d\nog/2.jpg");
    lab_mkdir(lab_path(root, "caf\xE9")); /* a name is bytes, whatever they mean */
    touch(root, "caf\xE9/1.jpg");
    set = lab_open_set(root);
    assert_string_equal(tn_dataset_class_name(set, 0), "caf\xE9");
    assert_true(lab_has_notice(set, "the name of class number 2 has a line break in it"));
    assert_int_equal(tn_dataset_num_notices(set), 1);
    tn_dataset_close(set);
    lab_remove(root);
}

static void folders_that_are_no_sets_say_what_was_expected(void **state)
{
    (void)state;
    const char *root = lab_make_folder();
    assert_fails(lab_try_open(root, NULL), TN_ERR_ARGUMENT, "expected one subfolder a class");
    assert_fails(lab_try_open(root, NULL), TN_ERR_ARGUMENT, "no folder among its 0 entries");
    lab_mkdir(lab_path(root, "cat"));
    assert_fails(lab_try_open(root, NULL), TN_ERR_ARGUMENT, "no image in its 1 class");
    touch(root, "cat/1.heic");
    touch(root, "cat/2.heic");
    assert_fails(lab_try_open(root, NULL), TN_ERR_ARGUMENT,
                 "no image in its 1 class; passed over 2 files whose names do not end like an "
                 "image's, such as ");
    assert_non_null(strstr(tn_error(), "/cat/1.heic"));
    touch(root, "photo.jpg");
    assert_fails(lab_try_open(root, NULL), TN_ERR_ARGUMENT, "found an image, photo.jpg, directly");
    assert_fails(lab_try_open(lab_path(root, "absent"), NULL), TN_ERR_IO, "absent: No such file");
    assert_fails(lab_try_open("/dev/null", NULL), TN_ERR_ARGUMENT,
                 "/dev/null: neither a folder nor");
    assert_fails(lab_try_open("", NULL), TN_ERR_ARGUMENT, "no path");
    assert_fails(lab_try_open(NULL, NULL), TN_ERR_ARGUMENT, "no path");
    lab_remove(root);
}

static void validation_takes_the_classes_of_training(void **state)
{
    (void)state;
    const char *train = lab_make_folder(), *val = lab_make_folder();
    const char *const names[] = {"ape", "bee", "cow"};
    for (int i = 0; i < 3; i++) {
        lab_mkdir(lab_path(train, "%s", names[i]));
        touch(train, lab_path(names[i], "1.jpg"));
    }
    lab_mkdir(lab_path(val, "cow"));
    touch(val, "cow/9.jpg");
    tn_dataset *classes = lab_open_set(train), *set = NULL;
    assert_ok(tn_dataset_open(&set, &(tn_dataset_opts){.path = val, .classes_of = classes}));
    assert_int_equal(tn_dataset_classes(set), 3);
    assert_string_equal(tn_dataset_class_name(set, 1), "bee");
    lab_assert_item(set, 0, "cow/9.jpg", 2);
    assert_int_equal(tn_dataset_class_count(set, 2), 1);
    assert_true(lab_has_notice(set, "class ape (number 0) of the training set has no image here"));
    assert_true(lab_has_notice(set, "class bee"));
    assert_int_equal(tn_dataset_num_notices(set), 2);
    tn_dataset_close(set);
    lab_mkdir(lab_path(val, "doe"));
    assert_fails(lab_try_open(val, classes), TN_ERR_ARGUMENT,
                 "class doe is not among the 3 classes");

    const char *list = lab_path(val, "list.txt");
    lab_write_text(list, "x.jpg cow\ny.jpg ape\n");
    assert_ok(tn_dataset_open(&set, &(tn_dataset_opts){.path = list, .classes_of = classes}));
    lab_assert_item(set, 0, "x.jpg", 2);
    lab_assert_item(set, 1, "y.jpg", 0);
    tn_dataset_close(set);
    lab_write_text(list, "x.jpg 1\n");
    assert_ok(tn_dataset_open(&set, &(tn_dataset_opts){.path = list, .classes_of = classes}));
    lab_assert_item(set, 0, "x.jpg", 1);
    tn_dataset_close(set);
    lab_write_text(list, "x.jpg 3\n");
    assert_fails(lab_try_open(list, classes), TN_ERR_ARGUMENT,
                 "class 3 is not among the 3 classes");
    tn_dataset_close(classes);
    lab_remove(train);
    lab_remove(val);
}

/* ---- memory --------------------------------------------------------------------------------- */

typedef struct source {
    const char *path;
    const tn_dataset *classes_of;
} source;

static tn_status open_and_close(void *arg)
{
    const source *s = arg;
    tn_dataset *set = NULL;
    TN_TRY(tn_dataset_open(&set, &(tn_dataset_opts){.path = s->path, .classes_of = s->classes_of}));
    tn_dataset_close(set);
    return TN_OK;
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    const char *root = lab_make_folder(), *list = lab_path(root, "list.txt");
    lab_write_classes(root, 2, 3);
    assert_int_equal(symlink("..", lab_path(root, "class0/up")), 0);
    tn_dataset *classes = lab_open_set(root);
    source folder = {root, classes}, file = {list, classes};
    assert_true(lab_fail_each_allocation(open_and_close, &folder) > 20);
    lab_write_text(list, "a class1\nb class0\nc class1\n");
    assert_true(lab_fail_each_allocation(open_and_close, &file) > 10);
    tn_dataset_close(classes);
    lab_remove(root);
}

static void real_folders(void **state)
{
    (void)state;
    lab_need_data("train");
    tn_dataset *train = lab_open_set(lab_data("train")), *val = NULL;
    assert_ok(
        tn_dataset_open(&val, &(tn_dataset_opts){.path = lab_data("val"), .classes_of = train}));
    assert_int_equal(tn_dataset_classes(train), 10);
    assert_int_equal(tn_dataset_count(train), 3000);
    assert_int_equal(tn_dataset_count(val), 500);
    assert_string_equal(tn_dataset_class_name(val, 0), "n01440764");
    assert_int_equal(tn_dataset_num_notices(train), 0);
    assert_int_equal(tn_dataset_num_notices(val), 0);
    tn_dataset_close(train);
    tn_dataset_close(val);
}

/* A checkout without its large files: a link to nothing for each picture is no reason to say so a thousand times. */
static void many_broken_links_are_counted(void **state)
{
    (void)state;
    const char *root = lab_make_folder();
    lab_mkdir(lab_path(root, "cat"));
    lab_write_text(lab_path(root, "cat/there.jpg"), "x");
    for (int i = 0; i < 30; i++)
        assert_int_equal(symlink("/nowhere/at/all.jpg", lab_path(root, "cat/%d.jpg", i)), 0);
    tn_dataset *set = lab_open_set(root);
    assert_int_equal(tn_dataset_count(set), 1);
    assert_int_equal(tn_dataset_num_notices(set),
                     10 + 1 + 1); /* and that there is only one class */
    assert_true(lab_has_notice(set, "passed over 30 names in all that lead to no file"));
    tn_dataset_close(set);
    lab_remove(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(folders_are_classes_in_the_order_of_strcmp),
        cmocka_unit_test(what_is_odd_in_a_folder_is_told),
        cmocka_unit_test(what_systems_keep_beside_images_is_left_out),
        cmocka_unit_test(parts_of_a_set_are_no_classes),
        cmocka_unit_test(odd_classes_are_told),
        cmocka_unit_test(folders_that_are_no_sets_say_what_was_expected),
        cmocka_unit_test(validation_takes_the_classes_of_training),
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(real_folders),
        cmocka_unit_test(many_broken_links_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
