/* rename is POSIX. */
#define _XOPEN_SOURCE 700

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "data/dataset.h"
#include "lab.h"
#include "lab_set.h"

typedef struct digest {
    char text[33];
} digest;

static digest digest_of(const char *path)
{
    digest d;
    tn_dataset *set = lab_open_set(path);
    assert_ok(tn_dataset_digest(set, d.text));
    tn_dataset_close(set);
    assert_int_equal(strspn(d.text, "0123456789abcdef"), 32);
    assert_int_equal(d.text[32], '\0');
    return d;
}

static void assert_other(const digest *before, const char *path, const char *why)
{
    print_message("%s\n", why);
    assert_string_not_equal(before->text, digest_of(path).text);
}

static void a_set_is_its_names_labels_and_sizes(void **state)
{
    (void)state;
    const char *root = lab_make_folder(), *set = lab_path(root, "set");
    lab_mkdir(set);
    lab_write_classes(set, 2, 3);
    const digest d = digest_of(set);
    assert_string_equal(d.text, digest_of(set).text);

    const char *moved = lab_path(root, "elsewhere");
    assert_int_equal(rename(set, moved), 0);
    assert_string_equal(d.text, digest_of(moved).text);

    const char *file = lab_path(moved, "class1/extra.jpg");
    lab_write_text(file, "");
    assert_other(&d, moved, "one file more");
    const digest more = digest_of(moved);
    lab_write_text(file, "x");
    assert_other(&more, moved, "a file of another size");
    assert_int_equal(rename(file, lab_path(moved, "class0/extra.jpg")), 0);
    const digest there = digest_of(moved);
    assert_string_not_equal(there.text, more.text);
    assert_int_equal(unlink(lab_path(moved, "class0/extra.jpg")), 0);
    assert_string_equal(d.text, digest_of(moved).text);
    assert_int_equal(rename(lab_path(moved, "class1"), lab_path(moved, "class2")), 0);
    assert_other(&d, moved, "a class of another name");
    lab_remove(root);
}

/* Of a split only what a part holds counts. */
static void parts_have_their_own(void **state)
{
    (void)state;
    const char *root = lab_make_folder();
    lab_write_classes(root, 2, 10);
    tn_dataset *set = lab_open_set(root);
    char digests[4][33];
    for (int seed = 0; seed < 2; seed++) {
        tn_dataset *first = NULL, *second = NULL;
        assert_ok(tn_dataset_split(set, 20, (uint64_t)seed, &first, &second));
        assert_ok(tn_dataset_digest(first, digests[2 * seed]));
        assert_ok(tn_dataset_digest(second, digests[2 * seed + 1]));
        tn_dataset_close(first);
        tn_dataset_close(second);
    }
    for (int i = 0; i < 4; i++)
        for (int k = 0; k < i; k++)
            assert_string_not_equal(digests[i], digests[k]);
    tn_dataset_close(set);
    lab_remove(root);
}

static tn_status digest_once(void *set)
{
    char text[33];
    return tn_dataset_digest(set, text);
}

static void memory_may_fail(void **state)
{
    (void)state;
    const char *root = lab_make_folder();
    lab_write_classes(root, 2, 3);
    tn_dataset *set = lab_open_set(root);
    assert_true(lab_fail_each_allocation(digest_once, set) > 0);
    tn_dataset_close(set);
    lab_remove(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_set_is_its_names_labels_and_sizes),
        cmocka_unit_test(parts_have_their_own),
        cmocka_unit_test(memory_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
