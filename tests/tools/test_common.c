/* What tools and examples share: signals, JSON, tables. */
#define _XOPEN_SOURCE 700 /* SIGXFSZ */

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/json.h"
#include "common/stop.h"
#include "common/table.h"
#include "lab.h"

/* ---- stop ------------------------------------------------------------------------------------- */

/* How a child ends that gets these signals once it listens: its exit status, or minus the signal. */
static int ends(int first, int second, bool ignored)
{
    fflush(NULL);
    const pid_t child = fork();
    if (child == 0) {
        signal(first, ignored ? SIG_IGN : SIG_DFL);
        stop_catch();
        raise(first);
        if (stop_asked() != (ignored ? 0 : first))
            _exit(1);
        if (second)
            raise(second);
        _exit(stop_asked() ? stop_status() : 0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static void the_second_signal_ends_it(void **state)
{
    (void)state;
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1};
    for (size_t i = 0; i < TN_COUNT(numbers); i++) {
        assert_int_equal(ends(numbers[i], 0, false), 128 + numbers[i]);
        assert_int_equal(ends(numbers[i], numbers[i], false), -numbers[i]);
        assert_int_equal(ends(numbers[i], numbers[i], true), 0); /* as nohup has it */
    }
    assert_int_equal(ends(SIGTERM, SIGINT, false), 128 + SIGTERM);  /* the first of its kind */
    assert_int_equal(ends(SIGPIPE, SIGPIPE, false), 128 + SIGPIPE); /* more to say to nobody */
    assert_int_equal(ends(SIGXFSZ, 0, true), 0);
}

/* ---- text ------------------------------------------------------------------------------------- */

static void assert_said(FILE *f, const char *want)
{
    char said[1024] = "";
    rewind(f);
    (void)!fread(said, 1, sizeof said - 1, f);
    fclose(f);
    assert_string_equal(said, want);
}

static void json_is_what_rfc_8259_says(void **state)
{
    (void)state;
    json j = {.to = tmpfile()};
    assert_non_null(j.to);
    json_object(&j, NULL);
    json_text(&j, "quo\"te", "back\\slash\n\x01");
    json_text(&j, "none", NULL);
    json_array(&j, "numbers");
    json_real(&j, NULL, 0.1);
    json_real(&j, NULL, (double)NAN);
    json_real(&j, NULL, (double)INFINITY);
    json_count(&j, NULL, INT64_MIN);
    json_end(&j, ']');
    json_array(&j, "empty");
    json_end(&j, ']');
    json_bool(&j, "true", true);
    json_bool(&j, "false", false);
    json_end(&j, '}');
    assert_said(j.to, "{\n"
                      "  \"quo\\\"te\": \"back\\\\slash\\u000a\\u0001\",\n"
                      "  \"none\": null,\n"
                      "  \"numbers\": [\n"
                      "    0.1,\n"
                      "    null,\n"
                      "    null,\n"
                      "    -9223372036854775808\n"
                      "  ],\n"
                      "  \"empty\": [],\n"
                      "  \"true\": true,\n"
                      "  \"false\": false\n"
                      "}\n");
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
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_second_signal_ends_it),
        cmocka_unit_test(json_is_what_rfc_8259_says),
        cmocka_unit_test(columns_are_as_wide_as_they_must),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
