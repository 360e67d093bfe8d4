#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lab.h"
#include "lab_set.h"

static tn_dataset *uneven(void)
{
    static char text[20000];
    size_t used = 0;
    const int counts[] = {100, 10, 2, 1, 0, 7};
    for (int c = 0; c < 6; c++)
        for (int i = 0; i < counts[c]; i++)
            used += (size_t)snprintf(text + used, sizeof text - used, "%d_%d.jpg %d\n", c, i, c);
    return lab_list_set(text);
}

static void a_split_keeps_proportions(void **state)
{
    (void)state;
    tn_dataset *set = uneven();
    const int wanted[] = {20, 2, 1, 0, 0, 1};
    tn_dataset *first, *second;
    assert_ok(tn_dataset_split(set, 20, 5, &first, &second));
    assert_int_equal(tn_dataset_classes(second), 6);
    assert_int_equal(tn_dataset_count(first) + tn_dataset_count(second), tn_dataset_count(set));
    for (int c = 0; c < 6; c++) {
        assert_int_equal(tn_dataset_class_count(second, c), wanted[c]);
        assert_int_equal(tn_dataset_class_count(first, c),
                         tn_dataset_class_count(set, c) - wanted[c]);
        assert_string_equal(tn_dataset_class_name(first, c), tn_dataset_class_name(set, c));
    }
    assert_int_equal(tn_dataset_num_notices(second), 1);
    assert_string_equal(tn_dataset_notice(second, 0),
                        "class 3 has one image, which is in the other part");
    /* Both keep the order, and together they are the whole: merging them gives the set. */
    int64_t a = 0, b = 0;
    for (int64_t i = 0; i < tn_dataset_count(set); i++) {
        const char *path = tn_dataset_item_path(set, i);
        if (a < tn_dataset_count(first) && strcmp(tn_dataset_item_path(first, a), path) == 0)
            a++;
        else
            assert_string_equal(tn_dataset_item_path(second, b++), path);
    }
    tn_dataset_close(set); /* the parts are sets of their own */
    assert_string_equal(tn_dataset_class_name(first, 5), "5");
    tn_dataset_close(first);
    tn_dataset_close(second);
}

static void shares_are_rounded_to_the_nearest(void **state)
{
    (void)state;
    static const struct {
        double percent;
        int wanted[6]; /* of 100, 10, 2, 1, 0, 7 */
    } cases[] = {{25, {25, 3, 1, 0, 0, 2}}, {0.1, {1, 1, 1, 0, 0, 1}}, {99.9, {99, 9, 1, 0, 0, 6}}};
    tn_dataset *set = uneven();
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        tn_dataset *first, *second;
        assert_ok(tn_dataset_split(set, cases[i].percent, 5, &first, &second));
        for (int c = 0; c < 6; c++)
            assert_int_equal(tn_dataset_class_count(second, c), cases[i].wanted[c]);
        tn_dataset_close(first);
        tn_dataset_close(second);
    }
    tn_dataset_close(set);
}

static int64_t common(const tn_dataset *a, const tn_dataset *b)
{
    int64_t same = 0;
    for (int64_t i = 0; i < tn_dataset_count(a); i++)
        for (int64_t j = 0; j < tn_dataset_count(b); j++)
            same += strcmp(tn_dataset_item_path(a, i), tn_dataset_item_path(b, j)) == 0;
    return same;
}

static void a_split_is_a_function_of_its_seed(void **state)
{
    (void)state;
    tn_dataset *set = uneven(), *first[3], *second[3];
    const uint64_t seeds[] = {1, 1, 2};
    for (int i = 0; i < 3; i++)
        assert_ok(tn_dataset_split(set, 50, seeds[i], &first[i], &second[i]));
    assert_int_equal(common(second[0], second[1]), tn_dataset_count(second[0]));
    assert_in_range(common(second[0], second[2]), 15, 45);
    for (int i = 0; i < 3; i++) {
        tn_dataset_close(first[i]);
        tn_dataset_close(second[i]);
    }
    const double wrong[] = {0, 100, -3, (double)NAN};
    for (size_t i = 0; i < TN_COUNT(wrong); i++)
        assert_fails(tn_dataset_split(set, wrong[i], 1, &first[0], &second[0]), TN_ERR_ARGUMENT,
                     "not between 0 and 100");
    tn_dataset_close(set);
    set = lab_list_set("a.jpg 0\nb.jpg 1\n");
    assert_fails(tn_dataset_split(set, 50, 1, &first[0], &second[0]), TN_ERR_ARGUMENT,
                 "no class has the two images");
    tn_dataset_close(set);
}

static void classes_are_drawn_from_apart(void **state)
{
    (void)state;
    char text[2000];
    size_t used = 0;
    for (int i = 0; i < 60; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%d_%d.jpg %d\n", i % 2, i / 2,
                                 i % 2);
    tn_dataset *set = lab_list_set(text), *first, *second;
    assert_ok(tn_dataset_split(set, 50, 1, &first, &second));
    int chosen[2] = {0};
    for (int64_t i = 0; i < tn_dataset_count(second); i++) {
        int label, place;
        const char *name = strrchr(tn_dataset_item_path(second, i), '/') + 1;
        assert_int_equal(sscanf(name, "%d_%d", &label, &place), 2);
        chosen[label] |= 1 << place;
    }
    assert_true(chosen[0] != chosen[1]);
    tn_dataset_close(set);
    tn_dataset_close(first);
    tn_dataset_close(second);
}

/* Two classes of 40; group i has i + 1 images of the first, then there is one of both. */
enum { OF_A = 40, OF_B = 40, PAIRED = 60 };
static void make_groups(int64_t group[OF_A + OF_B])
{
    int64_t next = 0;
    for (int64_t g = 0; g < 6; g++) /* 1 + 2 + ... + 6 images */
        for (int64_t i = 0; i <= g; i++)
            group[next++] = 10 * g;
    while (next < OF_A + OF_B)
        group[next++] = -1;
    for (int64_t i = OF_A - 2; i < OF_A + 2; i++)
        group[i] = 999;
}

static void groups_stay_together(void **state)
{
    (void)state;
    char text[3000];
    size_t used = 0;
    for (int i = 0; i < OF_A + OF_B; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%d.jpg %d\n", i, i >= OF_A);
    tn_dataset *set = lab_list_set(text), *first, *second;
    int64_t group[OF_A + OF_B];
    make_groups(group);
    int moved = 0;
    for (uint64_t seed = 0; seed < 40; seed++) {
        bool in_second[OF_A + OF_B] = {false};
        assert_ok(tn_dataset_split_groups(set, 25, seed, group, &first, &second));
        assert_int_equal(tn_dataset_class_count(second, 0), 10);
        assert_int_equal(tn_dataset_class_count(second, 1), 10);
        assert_int_equal(tn_dataset_count(first) + tn_dataset_count(second), OF_A + OF_B);
        for (int64_t i = 0; i < tn_dataset_count(second); i++)
            in_second[atoi(strrchr(tn_dataset_item_path(second, i), '/') + 1)] = true;
        for (int i = 0; i < OF_A + OF_B; i++)
            for (int k = 0; k < i && group[i] >= 0; k++)
                if (group[i] == group[k])
                    assert_int_equal(in_second[i], in_second[k]);
        moved += in_second[0] + in_second[20] + in_second[OF_A];
        tn_dataset_close(first);
        tn_dataset_close(second);
    }
    assert_true(moved > 15 && moved < 45); /* a quarter of 120 draws */
    for (int i = 0; i < OF_A; i++)         /* one group that is a class fits into no part */
        group[i] = 7;
    assert_ok(tn_dataset_split_groups(set, 25, 1, group, &first, &second));
    assert_int_equal(tn_dataset_class_count(second, 0), 0);
    assert_true(
        lab_has_notice(second, "class 0 has no image here: its groups of images are too large"));
    tn_dataset_close(first);
    tn_dataset_close(second);
    tn_dataset_close(set);
}

static tn_status split(void *arg)
{
    tn_dataset *first = NULL, *second = NULL;
    int64_t group[120];
    for (int i = 0; i < 120; i++)
        group[i] = i / 2;
    const tn_status status = tn_dataset_split_groups(arg, 50, 1, group, &first, &second);
    tn_dataset_close(first);
    tn_dataset_close(second);
    return status;
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    tn_dataset *set = uneven();
    assert_true(lab_fail_each_allocation(split, set) > 10);
    tn_dataset_close(set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_split_keeps_proportions),
        cmocka_unit_test(shares_are_rounded_to_the_nearest),
        cmocka_unit_test(a_split_is_a_function_of_its_seed),
        cmocka_unit_test(classes_are_drawn_from_apart),
        cmocka_unit_test(groups_stay_together),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
