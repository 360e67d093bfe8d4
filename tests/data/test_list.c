#include <string.h>

#include "data/dataset.h"
#include "lab.h"
#include "lab_set.h"

static void a_list_has_numbers_or_names(void **state)
{
    (void)state;
    tn_dataset *set =
        lab_list_set("\xEF\xBB\xBF# pets\r\n\r\n  my cat.jpg \t 2 \r\n/abs/dog.png 0");
    assert_int_equal(tn_dataset_count(set), 2);
    assert_int_equal(tn_dataset_classes(set), 3);
    assert_string_equal(tn_dataset_class_name(set, 2), "2");
    lab_assert_item(set, 0, "/my cat.jpg", 2);
    assert_string_equal(tn_dataset_item_path(set, 1), "/abs/dog.png");
    assert_true(lab_has_notice(set, "class 1 (number 1) has no image"));
    assert_int_equal(tn_dataset_num_notices(set), 1);
    tn_dataset_close(set);

    set = lab_list_set("a#1.jpg dog\n#b.jpg cat\nc.jpg cat\nsub/d.jpg dog\n");
    assert_int_equal(tn_dataset_count(set), 3);
    assert_int_equal(tn_dataset_classes(set), 2);
    assert_string_equal(tn_dataset_class_name(set, 0), "cat");
    lab_assert_item(set, 0, "/a#1.jpg", 1);
    lab_assert_item(set, 1, "/c.jpg", 0);
    lab_assert_item(set, 2, "/sub/d.jpg", 1);
    assert_int_equal(tn_dataset_class_count(set, 1), 2);
    tn_dataset_close(set);

    for (int empty = 9; empty <= 11; empty++) { /* up to ten are named */
        char text[32];
        snprintf(text, sizeof text, "a.jpg %d\n", empty);
        set = lab_list_set(text);
        assert_int_equal(tn_dataset_num_notices(set), empty <= 10 ? empty : 11);
        assert_int_equal(lab_has_notice(set, "11 of 12 classes have no image"), empty == 11);
        tn_dataset_close(set);
    }
    set = lab_list_set("a.jpg 1000000\n");
    assert_int_equal(tn_dataset_classes(set), 1000001);
    assert_true(lab_has_notice(set, "1000000 of 1000001 classes have no image"));
    tn_dataset_close(set);
}

static void a_list_that_makes_no_sense_names_the_line(void **state)
{
    (void)state;
    static const struct {
        const char *text, *error, *why;
    } cases[] = {
        {"", ":0: the list ends without an image", "an empty file"},
        {"# nothing\n\n", ":2: the list ends without an image", "comments only"},
        {"a.jpg 1\nb.jpg\n", ":2: expected \"path label\", found one word: b.jpg", "no label"},
        {"a.jpg 1\n\n7\n", ":3: expected \"path label\", found one word: 7", "no path"},
        {"a.jpg -1\n", ":1: label -1 is not from 0 to 1000000", "negative"},
        {"a.jpg 1000001\n", ":1: label 1000001 is not", "absurd"},
        {"a.jpg 99999999999999999999999\n", ":1: label 999", "not a long"},
        {"a.jpg 1\nb.jpg cat\n", ":2: label cat is a name, but line 1 has a number", "mixed"},
        {"\na.jpg cat\nb.jpg 3\n", ":3: label 3 is a number, but line 2 has a name", "mixed"},
        {"0 img/a.jpg\n", ":1: expected \"path label\", found an image's name where",
         "number first"},
        {"cat my a.JPG\n", ":1: expected \"path label\", found an image's name", "name first"},
        {"my photo 1.jpg\n", "found an image's name", "no label, blanks in the path"},
        {"path,label\na.jpg,0\n", ":1: expected \"path label\", found one word, perhaps parted by",
         "commas"},
        {"a.jpg, 0\n", ":1: expected \"path label\", found a comma", "comma and blank"},
        {"my a.jpg,0\n", "found a comma", "commas, blanks in the path"},
        {"a.jpg; 0\n", "found a comma or semicolon", "semicolons"},
        {"a.jpg cat,dog\n", "found a comma or semicolon", "two labels"},
        {"my \"a\".jpg 0\n", "found quotes", "a quote within"},
        {"\"a.jpg 0\n", ":1: expected \"path label\", found quotes that do not close", "one quote"},
        {"\"C:\\users\\a.jpg\" 0\n", "or an unknown \\: \"C:", "Windows in quotes"},
        {"\"a\\000.jpg\" 0\n", "or an unknown \\", "a byte of 0"},
        {"\"a\\400.jpg\" 0\n", "or an unknown \\", "more than a byte"},
        {"\"a.jpg\"0\n", "found no blank behind quotes: 0", "quotes and no blank"},
        {"\"\" 0\n", "found nothing between quotes", "no path"},
        {"a.jpg \"\"\n", "found nothing between quotes", "no label"},
        {"\"a.jpg\"\n", "found one word: a.jpg", "no label behind quotes"},
        {"a.jpg \"cat\" 3\n", "found quotes", "two labels, the first quoted"},
        {"a.jpg\t\"cat\" 3\n", "found more than one label:  3", "two labels, the first quoted"},
        {"a.jpg \"tabby cat\"\n", "found a quote or backslash in a label", "quotes without a tab"},
        {"a.jpg\tcat\tdog\n", "found more than one label: cat\\tdog", "three columns"},
        {"a.jpg\t0 1\n", "found more than one label: 0 1", "two numbers"},
        {"0\timg/a.jpg cat\n", "found an image's name where", "number first, tab"},
        {"'a.jpg' 0\n", "found quotes", "quoted"},
        {"{\"image\": \"a.jpg\", \"label\": 0}\n", "found quotes", "JSON"},
        {"img\\a.jpg 0\r\n", "found a backslash", "Windows"},
        {"C:/img/a.jpg 0\r\n", "found a drive of Windows", "Windows"},
        {"a.jpg 2.0\n", "found a label that is not a whole number: 2.0", "written by numpy"},
        {"a.jpg 1e3\n", "found a label that is not a whole number: 1e3", "written by numpy"},
        {"a.jpg 0 1\n", "found more than one label: a.jpg 0", "two labels"},
        {"my a.jpg 0 1 1\n", "found more than one label: my a.jpg 0 1", "three labels"},
        {"filename class\na.jpg cat\n", ":1: expected \"path label\", found a heading", "heading"},
        {"Image Label\na.jpg 0\n", "found a heading: Image", "heading"},
        {"a.jpg 0\rb.jpg 1\rc.jpg 0\r", "found a line break of old Macs", "CR alone"},
        {"a.jpg 0\nb.jpg 1\na.jpg 1\n", "/a.jpg is in it with the label 0 and with 1", "conflict"},
        {"a.jpg x\nb.jpg x\na.jpg y\n", "/a.jpg is in it with the label x and with y", "conflict"},
    };
    const char *root = lab_make_folder(), *path = lab_path(root, "list.txt");
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        print_message("%s\n", cases[i].why);
        lab_write_text(path, cases[i].text);
        assert_fails(lab_try_open(path, NULL), TN_ERR_FORMAT, cases[i].error);
        assert_fails(lab_try_open(path, NULL), TN_ERR_FORMAT, "/list.txt:");
    }
    lab_write(path,
              "\xFF\xFE"
              "a\0.\0j\0 \0001\0\n\0",
              14); /* UTF-16 */
    assert_fails(lab_try_open(path, NULL), TN_ERR_FORMAT, ":1: a byte of 0: this is not a text");
    lab_write(path, "a.jpg 1\nb\0.jpg 1\n", 17);
    assert_fails(lab_try_open(path, NULL), TN_ERR_FORMAT,
                 ":2: a byte of 0: this is not a text file");
    lab_remove(root);
}

static void quotes_and_tabs(void **state)
{
    (void)state;
    tn_dataset *set = lab_list_set("a b.jpg\ttabby cat \n"
                                   "\"two\\nlines\\t\\\\\\\"\\303\\377.jpg\" dog\n"
                                   "\"# ends with , 0\"\t\"7\"\r\n"
                                   "c.jpg \"tabby\\040cat\"\n");
    assert_int_equal(tn_dataset_count(set), 4);
    assert_int_equal(tn_dataset_classes(set), 3);
    lab_assert_item(set, 0, "/a b.jpg", 2);
    lab_assert_item(set, 1, "/two\nlines\t\\\"\303\377.jpg", 1);
    lab_assert_item(set, 2, "/# ends with , 0", 0);
    lab_assert_item(set, 3, "/c.jpg", 2);
    assert_string_equal(tn_dataset_class_name(set, 0), "7");
    assert_string_equal(tn_dataset_class_name(set, 2), "tabby cat");
    tn_dataset_close(set);
}

/* What a list of a set says is the set: names of all kinds, labels that look like something else. */
static void a_list_written_is_the_set(void **state)
{
    static const char *const names[] = {"plain.jpg",
                                        "with a blank.jpg",
                                        "two\nlines.jpg",
                                        "tab\t.jpg",
                                        "\"quoted\".jpg",
                                        "'.jpg",
                                        "#.jpg",
                                        "back\\slash.jpg",
                                        " edges .jpg",
                                        "\xC3\x28\xFF.jpg",
                                        "<img src=x onerror=alert(1)>.jpg",
                                        "a.jpg, 0.jpg",
                                        "\x7F\x1B[2J.jpg",
                                        "%0A.jpg"};
    static const char *const classes[] = {"7", "1.5", "two words", "a;b,c", "x.jpg", "\"", "a\rb"};
    (void)state;
    const char *root = lab_make_folder();
    for (size_t c = 0; c < TN_COUNT(classes); c++) {
        lab_mkdir(lab_path(root, "%s", classes[c]));
        for (size_t n = 0; n < TN_COUNT(names); n++)
            lab_write_text(lab_path(root, "%s/%s", classes[c], names[n]), "x");
    }
    tn_dataset *set = lab_open_set(root), *listed;
    const char *elsewhere = lab_make_folder();
    assert_ok(tn_dataset_write_list(set, lab_path(elsewhere, "list")));
    listed = lab_open_set(lab_path(elsewhere, "list"));
    assert_int_equal(tn_dataset_count(set), TN_COUNT(classes) * TN_COUNT(names));
    assert_int_equal(tn_dataset_count(listed), tn_dataset_count(set));
    assert_int_equal(tn_dataset_classes(listed), tn_dataset_classes(set));
    for (int64_t i = 0; i < tn_dataset_count(set); i++) {
        assert_string_equal(tn_dataset_item_path(listed, i), tn_dataset_item_path(set, i));
        assert_int_equal(tn_dataset_item_label(listed, i), tn_dataset_item_label(set, i));
    }
    for (int c = 0; c < tn_dataset_classes(set); c++)
        assert_string_equal(tn_dataset_class_name(listed, c), tn_dataset_class_name(set, c));
    tn_dataset_close(set);
    tn_dataset_close(listed);

    /* Numbers stay such, and what is relative is so no more. */
    lab_write_text(lab_path(elsewhere, "relative"), "sub/a.jpg 3\n/b c.jpg 0\n");
    set = lab_open_set(lab_path(elsewhere, "relative"));
    assert_ok(tn_dataset_write_list(set, lab_path(elsewhere, "list")));
    tn_dataset_close(set);
    listed = lab_open_set(lab_path(elsewhere, "list"));
    assert_int_equal(tn_dataset_classes(listed), 4);
    assert_int_equal(tn_dataset_item_path(listed, 0)[0], '/');
    lab_assert_item(listed, 0, "/sub/a.jpg", 3);
    assert_string_equal(tn_dataset_item_path(listed, 1), "/b c.jpg");
    assert_fails(tn_dataset_write_list(listed, lab_path(elsewhere, "none/list")), TN_ERR_IO,
                 "none/list");
    tn_dataset_close(listed);
    lab_remove(elsewhere);
    lab_remove(root);
}

static void what_looks_like_another_list_may_be_none(void **state)
{
    (void)state;
    tn_dataset *set = lab_list_set("my photo 1.jpg cat.v2\n"
                                   "my.jpg photo 2.jpg 3d\n"
                                   "it's/a,b;c.jpg 1.2.3\n"
                                   "no ending e1\n"
                                   "x:y/name.png image\n"
                                   "name 1-2\n"
                                   "my photo 1.jpg cat.v2\n"); /* twice, with one label */
    assert_int_equal(tn_dataset_count(set), 7);
    assert_int_equal(tn_dataset_classes(set), 6);
    lab_assert_item(set, 0, "/my photo 1.jpg", 3);
    lab_assert_item(set, 1, "/my.jpg photo 2.jpg", 2);
    lab_assert_item(set, 2, "/it's/a,b;c.jpg", 1);
    assert_int_equal(tn_dataset_num_notices(set), 0);
    tn_dataset_close(set);
    set = lab_list_set("a.jpg 0\nb.jpg 2\nc.jpg 1\n");
    assert_true(lab_has_notice(set, "each of the 3 images is a class of its own"));
    assert_int_equal(tn_dataset_num_notices(set), 1);
    tn_dataset_close(set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_has_numbers_or_names),
        cmocka_unit_test(a_list_that_makes_no_sense_names_the_line),
        cmocka_unit_test(quotes_and_tabs),
        cmocka_unit_test(a_list_written_is_the_set),
        cmocka_unit_test(what_looks_like_another_list_may_be_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
