/* symlink and setenv are POSIX. */
#define _XOPEN_SOURCE 700

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "data/dataset.h"
#include "lab.h"
#include "lab_set.h"

static void touch(const char *folder, const char *name)
{
    lab_write_text(lab_path(folder, "%s", name), "");
}

/* Where somebody else names folders: a link among the pictures leads below those that are told, or nowhere. */
static void links_lead_only_where_they_may(void **state)
{
    (void)state;
    const char *root = lab_make_folder(), *other = lab_make_folder();
    lab_mkdir(lab_path(root, "cat"));
    touch(root, "cat/1.jpg");
    touch(other, "2.jpg");
    assert_int_equal(symlink(lab_path(other, "2.jpg"), lab_path(root, "cat/2.jpg")), 0);
    const struct {
        const char *within;
        tn_status status;
        const char *why;
    } cases[] = {
        {"", TN_OK, "without folders any link is good"},
        {root, TN_ERR_ARGUMENT, "it leads out of the only one"},
        {lab_path(root, "cat"), TN_ERR_ARGUMENT, "out of one below"},
        {lab_path("", "%s\n%s/", root, other), TN_OK, "into another one"},
        {lab_path("", "%s\n%.*s", root, (int)strlen(other) - 1, other), TN_ERR_ARGUMENT,
         "a folder whose name only begins so is another one"},
        {"/", TN_OK, "into the root of all"},
    };
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        const char *within = cases[i].within[0] == '/' && cases[i].within[1] == '/'
                                 ? cases[i].within + 1
                                 : cases[i].within;
        tn_dataset *set = NULL;
        assert_int_equal(setenv("TENON_WITHIN", within, 1), 0);
        const tn_status status = tn_dataset_open(&set, &(tn_dataset_opts){.path = root});
        if (status != cases[i].status)
            fail_msg("%s: %s", cases[i].why, tn_error());
        if (status != TN_OK)
            assert_non_null(strstr(tn_error(), "outside of the folders"));
        tn_dataset_close(set);
    }
    assert_fails(tn_path_within(lab_path(root, "nothing")), TN_ERR_IO, "nothing");
    assert_int_equal(unsetenv("TENON_WITHIN"), 0);
    assert_ok(tn_path_within(lab_path(root, "nothing")));
    lab_remove(root);
    lab_remove(other);
}

static void count_found(void *with, int64_t images)
{
    int64_t *last = with;
    assert_true(images >= *last);
    *last = images;
}

/* Labels are of no matter: they lie in no folder of a class, or in some; and whoever waits is told how many there are so far. */
static void pictures_without_labels_lie_anywhere(void **state)
{
    (void)state;
    const char *root = lab_make_folder();
    int64_t found = 0;
    lab_mkdir(lab_path(root, "val"));
    touch(root, "val/a.jpg");
    touch(root, "notes.txt");
    for (int i = 0; i < TELL_EACH; i++)
        touch(root, lab_path("", "%d.jpg", i) + 1);
    tn_dataset *set = NULL;
    assert_ok(tn_dataset_open(
        &set, &(tn_dataset_opts){
                  .path = root, .unlabelled = true, .found = count_found, .with = &found}));
    assert_int_equal(tn_dataset_count(set), TELL_EACH + 1);
    assert_int_equal(tn_dataset_classes(set), 1);
    assert_int_equal(found, TELL_EACH);
    assert_int_equal(tn_dataset_num_notices(set), 2); /* one class; what is no picture */
    tn_dataset_close(set);
    lab_remove(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(links_lead_only_where_they_may),
        cmocka_unit_test(pictures_without_labels_lie_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
