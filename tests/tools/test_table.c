/* Tables of a terminal. */
#include <stdio.h>
#include <string.h>

#include "common/table.h"
#include "lab.h"

static void assert_said(FILE *f, const char *want)
{
    char said[1024] = "";
    rewind(f);
    (void)!fread(said, 1, sizeof said - 1, f);
    fclose(f);
    assert_string_equal(said, want);
}

static void columns_are_as_wide_as_they_must(void **state)
{
    (void)state;
    table t = {.columns = "lr"};
    FILE *f = tmpfile();
    assert_non_null(f);
    const char *const cells[] = {"what", "ms", "conv1", "10.25", "fc", "7"};
    for (size_t i = 0; i < TN_COUNT(cells); i++)
        table_cell(&t, "%s", cells[i]);
    table_print(&t, f);
    assert_said(f, "what      ms\n"
                   "conv1  10.25\n"
                   "fc         7\n");
    assert_int_equal(t.count, 0);

    char name[900], want[1000];
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    table_cell(&t, "two\nlines\x1b[2J");
    table_cell(&t, "%s", name); /* all of it */
    snprintf(want, sizeof want, "two?lines?[2J  %s\n", name);
    f = tmpfile();
    assert_non_null(f);
    table_print(&t, f);
    assert_said(f, want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(columns_are_as_wide_as_they_must)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
