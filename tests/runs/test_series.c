/* What a log says, as columns and events: read at once, and piece by piece as it grows. */
#define _POSIX_C_SOURCE 200809L /* rename of open files, mkfifo, symlink */

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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

static void log_is(const char *text)
{
    lab_write_text(lab_path(folder, "log.jsonl"), text);
}

static void log_grows(const char *text)
{
    FILE *to = fopen(lab_path(folder, "log.jsonl"), "ab");
    assert_non_null(to);
    assert_true(fputs(text, to) >= 0);
    assert_int_equal(fclose(to), 0);
}

static tn_series *opened(void)
{
    tn_series *s = NULL;
    assert_ok(tn_run_series(&s, folder));
    return s;
}

/* The column as text: "10:0.5 20:0.25". */
static const char *column(const tn_series *s, const char *kind, const char *name)
{
    static char text[4096];
    tn_column c;
    text[0] = '\0';
    if (!tn_series_find(s, kind, name, &c))
        return "none";
    for (int64_t i = 0; i < c.count; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%lld:%g", i ? " " : "",
                 (long long)c.step[i], c.value[i]);
    return text;
}

static void numbers_become_columns(void **state)
{
    (void)state;
    log_is("{\"e\":\"start\",\"t\":1700000000.125,\"step\":0,\"v\":1,\"device\":\"cpu\"}\n"
           "{\"e\":\"step\",\"t\":1700000001,\"step\":10,\"epoch\":1,\"loss\":2.5,\"rate\":0."
           "100000001}\n"
           "{\"e\":\"step\",\"t\":1700000002,\"step\":20,\"epoch\":1,\"loss\":null,\"rate\":0."
           "100000001}\n"
           "{\"e\":\"step\",\"t\":1700000003,\"step\":30,\"epoch\":2,\"loss\":1e-3,\"norm\":7}\n"
           "{\"e\":\"epoch\",\"t\":1700000004,\"step\":30,\"epoch\":1,\"train\":{\"loss\":2,"
           "\"top1\":0.25},"
           "\"val\":null,\"per_class\":[0.5,0.75],\"best\":true}\n"
           "{\"e\":\"epoch\",\"t\":1700000005,\"step\":60,\"epoch\":2,\"train\":{\"loss\":1,"
           "\"top1\":0.5},"
           "\"val\":{\"loss\":1.5}}\n");
    tn_series *s = opened();
    assert_string_equal(column(s, "step", "loss"), "10:2.5 20:nan 30:0.001");
    assert_string_equal(column(s, "step", "rate"), "10:0.1 20:0.1");
    assert_string_equal(column(s, "step", "norm"), "30:7");
    assert_string_equal(column(s, "step", "epoch"), "10:1 20:1 30:2");
    assert_string_equal(column(s, "epoch", "train.top1"), "30:0.25 60:0.5");
    assert_string_equal(column(s, "epoch", "val.loss"), "60:1.5");
    assert_string_equal(column(s, "epoch", "val"), "none"); /* a null behind no number */
    assert_string_equal(column(s, "epoch", "per_class.0"), "none");
    assert_string_equal(column(s, "step", "t"), "none");
    assert_string_equal(column(s, "no", "loss"), "none");
    tn_column c;
    assert_true(tn_series_find(s, "step", "rate", &c));
    assert_true(c.value[0] == 0.100000001);
    assert_true(tn_series_column(s, 0, &c) && strcmp(c.kind, "epoch") == 0);
    assert_false(tn_series_column(s, tn_series_num_columns(s), &c));
    assert_int_equal(tn_series_torn(s), 0);

    tn_event e;
    tn_fields *f = NULL;
    assert_int_equal(tn_series_num_events(s), 6);
    assert_true(tn_series_event(s, 0, &e));
    assert_string_equal(e.kind, "start");
    assert_true(e.time == 1700000000.125 && e.step == 0);
    assert_ok(tn_series_fields(s, 4, &f));
    assert_string_equal(tn_fields_text(f, "per_class.1"), "0.75");
    assert_string_equal(tn_fields_text(f, "best"), "true");
    assert_null(tn_fields_text(f, "val"));
    assert_int_equal(tn_fields_find(f, "val")->kind, TN_FIELD_NULL);
    assert_true(tn_fields_number(f, "train.top1") == 0.25);
    tn_fields_close(f);
    assert_fails(tn_series_fields(s, 6, &f), TN_ERR_ARGUMENT, "no event 6 of 6");
    assert_false(tn_series_event(s, -1, &e));
    tn_series_close(s);
}

static void texts_may_be_any_bytes(void **state)
{
    (void)state;
    /* U+F7E9 is how the byte E9, which alone is no UTF-8, is written. */
    log_is("{\"e\":\"bad_file\",\"step\":1,\"path\":\"a\\n\\\"\xEF\x9F\xA9.jpg\",\"\xEF\x9F\xA9\":"
           "7}\n");
    tn_series *s = opened();
    tn_fields *f = NULL;
    assert_string_equal(column(s, "bad_file", "\xE9"), "1:7");
    assert_ok(tn_series_fields(s, 0, &f));
    assert_string_equal(tn_fields_text(f, "path"), "a\n\"\xE9.jpg");
    tn_fields_close(f);
    tn_series_close(s);
}

static void what_a_resume_took_back_is_gone(void **state)
{
    (void)state;
    static const struct {
        const char *why, *log, *loss;
        int events;
    } cases[] = {
        {"lines of later steps go, that of the step stays",
         "{\"e\":\"step\",\"t\":1,\"step\":10,\"loss\":1}\n{\"e\":\"step\",\"t\":1,\"step\":20,"
         "\"loss\":2}\n"
         "{\"e\":\"step\",\"t\":1,\"step\":30,\"loss\":3}\n{\"e\":\"resume\",\"t\":1,\"step\":20}\n"
         "{\"e\":\"step\",\"t\":1,\"step\":30,\"loss\":4}\n",
         "10:1 20:2 30:4", 4},
        {"twice, further back the second time: what the first went on with goes, too",
         "{\"e\":\"step\",\"t\":1,\"step\":10,\"loss\":1}\n{\"e\":\"step\",\"t\":1,\"step\":20,"
         "\"loss\":2}\n"
         "{\"e\":\"resume\",\"t\":1,\"step\":15}\n{\"e\":\"step\",\"t\":1,\"step\":20,\"loss\":3}\n"
         "{\"e\":\"resume\",\"t\":1,\"step\":5}\n{\"e\":\"step\",\"t\":1,\"step\":10,\"loss\":4}\n",
         "10:4", 2},
        {"twice, further on the second time",
         "{\"e\":\"step\",\"t\":1,\"step\":10,\"loss\":1}\n{\"e\":\"step\",\"t\":1,\"step\":20,"
         "\"loss\":2}\n"
         "{\"e\":\"resume\",\"t\":1,\"step\":5}\n{\"e\":\"step\",\"t\":1,\"step\":10,\"loss\":3}\n"
         "{\"e\":\"step\",\"t\":1,\"step\":20,\"loss\":4}\n{\"e\":\"resume\",\"t\":1,\"step\":10}"
         "\n",
         "10:3", 3},
        {"to the begin",
         "{\"e\":\"step\",\"t\":1,\"step\":1,\"loss\":1}\n{\"e\":\"resume\",\"t\":1,\"step\":0}\n",
         "none", 1},
        {"steps that are in no order",
         "{\"e\":\"step\",\"t\":1,\"step\":9,\"loss\":1}\n{\"e\":\"step\",\"t\":1,\"step\":3,"
         "\"loss\":2}\n"
         "{\"e\":\"resume\",\"t\":1,\"step\":5}\n",
         "3:2", 2},
    };
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        log_is(cases[i].log);
        tn_series *s = opened();
        if (strcmp(column(s, "step", "loss"), cases[i].loss) != 0 ||
            tn_series_num_events(s) != cases[i].events)
            fail_msg("%s: %s, %d events", cases[i].why, column(s, "step", "loss"),
                     (int)tn_series_num_events(s));
        tn_series_close(s);
    }
}

static void what_is_no_line_is_passed_over(void **state)
{
    (void)state;
    static const char good[] = "{\"e\":\"step\",\"t\":1,\"step\":1,\"loss\":1}\n";
    static const struct {
        const char *why, *line;
        int torn;
    } cases[] = {
        {"cut off", "{\"e\":\"step\",\"t\":1,\"step\":2,\"lo\n", 1},
        {"empty", "\n", 1},
        {"no object", "[1]\n", 1},
        {"two of them", "{\"e\":\"a\",\"step\":1}{\"e\":\"a\",\"step\":1}\n", 1},
        {"no kind", "{\"step\":2,\"loss\":3}\n", 1},
        {"a kind that is no word", "{\"e\":7,\"step\":2,\"loss\":3}\n", 1},
        {"no step", "{\"e\":\"step\",\"loss\":3}\n", 1},
        {"a step below 0", "{\"e\":\"step\",\"step\":-2,\"loss\":3}\n", 1},
        {"half a step", "{\"e\":\"step\",\"step\":1.5,\"loss\":3}\n", 1},
        {"NaN, which is no JSON", "{\"e\":\"step\",\"step\":2,\"loss\":NaN}\n", 1},
        {"control characters", "\x01\x02\xFF\n", 1},
        {"a kind from the future",
         "{\"e\":\"future\",\"step\":2,\"loss\":3,\"deep\":{\"er\":[{}]}}\n", 0},
        {"not ended yet", "{\"e\":\"step\",\"step\":2,\"loss\":3}", 0},
    };
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        char text[1024];
        snprintf(text, sizeof text, "%s%s%s", good, i + 1 < TN_COUNT(cases) ? cases[i].line : good,
                 i + 1 < TN_COUNT(cases) ? good : cases[i].line);
        log_is(text);
        tn_series *s = opened();
        if (strcmp(column(s, "step", "loss"), "1:1 1:1") != 0 || tn_series_torn(s) != cases[i].torn)
            fail_msg("%s: %s, %d torn", cases[i].why, column(s, "step", "loss"),
                     (int)tn_series_torn(s));
        tn_series_close(s);
    }
    /* As a power cut leaves it: what was written after it is good. */
    static const char zeros[] = "{\"e\":\"step\",\"step\":1,\"loss\":1}\n\0\0\0\0\n"
                                "\0\0{\"e\":\"step\",\"step\":2,\"loss\":2}\n";
    lab_write(lab_path(folder, "log.jsonl"), zeros, sizeof zeros - 1);
    tn_series *s = opened();
    assert_int_equal(tn_series_torn(s), 1);
    assert_string_equal(column(s, "step", "loss"), "1:1 2:2");
    tn_series_close(s);
}

static void it_grows_with_the_log(void **state)
{
    (void)state;
    bool changed = true;
    tn_series *s = opened(); /* before there is any */
    assert_int_equal(tn_series_num_events(s), 0);
    assert_ok(tn_series_update(s, &changed));
    assert_false(changed);
    log_grows("{\"e\":\"step\",\"t\":1,\"step\":1,\"loss\":1}\n{\"e\":\"st");
    assert_ok(tn_series_update(s, &changed));
    assert_true(changed);
    assert_string_equal(column(s, "step", "loss"), "1:1");
    assert_ok(tn_series_update(s, &changed));
    assert_false(changed);
    log_grows("ep\",\"t\":1,\"step\":2,\"loss\":2}");
    assert_ok(tn_series_update(s, &changed));
    assert_false(changed);
    log_grows("\n");
    assert_ok(tn_series_update(s, &changed));
    assert_true(changed);
    assert_string_equal(column(s, "step", "loss"), "1:1 2:2");
    log_grows(
        "{\"e\":\"resume\",\"t\":1,\"step\":1}\n{\"e\":\"step\",\"t\":1,\"step\":2,\"loss\":3}\n");
    assert_ok(tn_series_update(s, &changed));
    assert_string_equal(column(s, "step", "loss"), "1:1 2:3");

    /* Another file, one that is shorter, and one that was written over. */
    log_is("{\"e\":\"step\",\"t\":1,\"step\":7,\"loss\":7}\n");
    assert_ok(tn_series_update(s, &changed));
    assert_true(changed);
    assert_string_equal(column(s, "step", "loss"), "7:7");
    log_is("{\"e\":\"step\",\"t\":1,\"step\":8,\"loss\":8}\n");
    assert_ok(tn_series_update(s, &changed));
    assert_true(changed);
    assert_string_equal(column(s, "step", "loss"), "8:8");
    lab_write_text(lab_path(folder, "other"), "{\"e\":\"step\",\"t\":1,\"step\":8,\"loss\":8}\n");
    assert_int_equal(rename(lab_path(folder, "other"), lab_path(folder, "log.jsonl")), 0);
    assert_ok(tn_series_update(s, &changed));
    assert_string_equal(column(s, "step", "loss"), "8:8");
    assert_int_equal(tn_series_num_events(s), 1);
    tn_series_close(s);
}

/* Any piece, whatever the boundaries: the same as all at once. */
static void pieces_make_the_whole(void **state)
{
    (void)state;
    static char text[60000];
    size_t used = 0;
    for (int lines = 1, i = 1; used + 200 < sizeof text; lines++, i++) {
        used += (size_t)snprintf(text + used, 200,
                                 "{\"e\":\"step\",\"t\":%d,\"step\":%d,\"loss\":%g}\n", lines, i,
                                 1.0 / lines);
        if (lines % 100 != 0)
            continue;
        i -= 30;
        used += (size_t)snprintf(text + used, 200, "{\"e\":\"resume\",\"t\":1,\"step\":%d}\n", i);
    }
    log_is(text);
    tn_series *all = opened(), *s;
    log_is("");
    s = opened();
    for (size_t at = 0; at < used;) {
        const size_t piece = at * 7 % 1999 + 1, left = used - at;
        char part[2048];
        snprintf(part, sizeof part, "%.*s", (int)(piece < left ? piece : left), text + at);
        log_grows(part);
        at += strlen(part);
        assert_ok(tn_series_update(s, NULL));
    }
    tn_column a, b;
    assert_true(tn_series_find(all, "step", "loss", &a) && tn_series_find(s, "step", "loss", &b));
    assert_int_equal(a.count, b.count);
    assert_memory_equal(a.step, b.step, (size_t)a.count * sizeof *a.step);
    assert_memory_equal(a.value, b.value, (size_t)a.count * sizeof *a.value);
    for (int64_t i = 1; i < a.count; i++)
        assert_int_equal(a.step[i], a.step[i - 1] + 1);
    assert_int_equal(tn_series_num_events(all), tn_series_num_events(s));
    tn_series_close(all);
    tn_series_close(s);
}

static void only_files_are_read(void **state)
{
    (void)state;
    tn_series *s = NULL;
    const char *path = lab_path(folder, "log.jsonl");
    assert_fails(tn_run_series(&s, lab_path(folder, "none")), TN_ERR_IO, "/none: No such file");
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_fails(tn_run_series(&s, folder), TN_ERR_FORMAT, "log.jsonl: is not a regular file");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink("/etc/passwd", path), 0);
    assert_fails(tn_run_series(&s, folder), TN_ERR_IO, "log.jsonl: is a link");
    assert_null(s);
}

static tn_status read_and_read_on(void *arg)
{
    (void)arg;
    tn_series *s = NULL;
    tn_fields *f = NULL;
    log_is("{\"e\":\"step\",\"step\":1,\"loss\":1}\n{\"e\":\"epoch\",\"step\":2,\"train\":{"
           "\"loss\":2}}\n");
    TN_TRY(tn_run_series(&s, folder));
    log_grows(
        "{\"e\":\"resume\",\"step\":1}\n{\"e\":\"step\",\"step\":2,\"loss\":2,\"top1\":0.5}\n");
    tn_status status = tn_series_update(s, NULL);
    if (status != TN_OK) { /* it goes on from there */
        tn_error_kept kept;
        tn_error_keep(&kept);
        if (tn_series_num_events(s) != 0 || tn_series_update(s, NULL) != TN_OK ||
            strcmp(column(s, "step", "loss"), "1:1 2:2") != 0)
            abort();
        tn_error_put_back(&kept);
    } else if ((status = tn_series_fields(s, 2, &f)) == TN_OK) {
        tn_fields_close(f);
    }
    tn_series_close(s);
    return status;
}

static void memory_may_run_out(void **state)
{
    (void)state;
    assert_true(lab_fail_each_allocation(read_and_read_on, NULL) > 15);
}

int main(void)
{
#define IN_A_FOLDER(test) cmocka_unit_test_setup_teardown(test, make, drop)
    const struct CMUnitTest tests[] = {
        IN_A_FOLDER(numbers_become_columns),
        IN_A_FOLDER(texts_may_be_any_bytes),
        IN_A_FOLDER(what_a_resume_took_back_is_gone),
        IN_A_FOLDER(what_is_no_line_is_passed_over),
        IN_A_FOLDER(it_grows_with_the_log),
        IN_A_FOLDER(pieces_make_the_whole),

        IN_A_FOLDER(only_files_are_read),
        IN_A_FOLDER(memory_may_run_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
