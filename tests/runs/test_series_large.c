/* Logs with lines that are too long, and with ever new names: a reader's memory is bounded. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tenon/runs.h>

#include "lab.h"
#include "lab_set.h"

static const char *folder;

static int make(void **state)
{
    (void)state;
    folder = lab_make_folder();
    return 0;
}

static int drop(void **state)
{
    (void)state;
    lab_remove(folder);
    return 0;
}

static FILE *appending(void)
{
    FILE *to = fopen(lab_path(folder, "log.jsonl"), "ab");
    assert_non_null(to);
    return to;
}

static void log_grows(const char *text)
{
    FILE *to = appending();
    assert_true(fputs(text, to) >= 0);
    assert_int_equal(fclose(to), 0);
}

static tn_series *opened(void)
{
    tn_series *s = NULL;
    assert_ok(tn_run_series(&s, folder));
    return s;
}

static void lines_may_be_long(void **state)
{
    (void)state;
    enum { LONG = 5 << 20 };
    char *text = malloc(LONG + 1);
    assert_non_null(text);
    memset(text, 'x', LONG);
    text[LONG] = '\0';
    log_grows("{\"e\":\"step\",\"step\":1,\"loss\":1}\n{\"e\":\"warn\",\"step\":1,\"text\":\"");
    text[1 << 20] = '\0';
    log_grows(text);
    log_grows("\"}\n{\"e\":\"warn\",\"step\":1,\"text\":\"");
    text[1 << 20] = 'x';
    log_grows(text);
    tn_series *s = opened();
    assert_int_equal(tn_series_torn(s), 1);
    log_grows(text);
    log_grows("\"}\n{\"e\":\"step\",\"step\":2,\"loss\":2}\n");
    assert_ok(tn_series_update(s, NULL));
    assert_int_equal(tn_series_torn(s), 1);
    assert_int_equal(tn_series_num_events(s), 3);
    tn_column c;
    assert_true(tn_series_find(s, "step", "loss", &c) && c.count == 2 && c.value[1] == 2);
    tn_fields *f = NULL;
    assert_ok(tn_series_fields(s, 1, &f));
    assert_int_equal(strlen(tn_fields_text(f, "text")), 1 << 20);
    tn_fields_close(f);
    tn_series_close(s);
    free(text);
}

static void ever_new_names_are_bounded(void **state)
{
    (void)state;
    FILE *to = appending();
    for (int i = 0; i < 5000; i++)
        fprintf(to, "{\"e\":\"k%d\",\"step\":%d,\"a%d\":1,\"b%d\":2}\n", i % 300, i, i, i);
    fclose(to);
    tn_series *s = opened();
    assert_int_equal(tn_series_num_columns(s), 4096);
    assert_int_equal(tn_series_num_events(s) + tn_series_torn(s), 5000);
    assert_true(tn_series_torn(s) > 0);
    char deep[1200] = "{\"e\":\"k1\",\"step\":5000";
    for (int i = 0; i < 20; i++)
        strcat(deep, ",\"a\":{\"b\":1");
    for (int i = 0; i < 21; i++)
        strcat(deep, "}");
    strcat(deep, "\n");
    log_grows(deep);
    assert_ok(tn_series_update(s, NULL));
    tn_fields *f = NULL;
    assert_fails(tn_series_fields(s, tn_series_num_events(s) - 1, &f), TN_ERR_FORMAT,
                 "log.jsonl: a name is longer than 255 bytes");
    tn_series_close(s);
}

int main(void)
{
#define IN_A_FOLDER(test) cmocka_unit_test_setup_teardown(test, make, drop)
    const struct CMUnitTest tests[] = {
        IN_A_FOLDER(lines_may_be_long),
        IN_A_FOLDER(ever_new_names_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
