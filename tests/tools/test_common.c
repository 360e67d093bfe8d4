/* What tools and examples share: signals, JSON, options as JSON, names of runs. */
#define _XOPEN_SOURCE 700 /* SIGXFSZ */

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/args_json.h"
#include "common/html.h"
#include "common/json.h"
#include "common/stop.h"
#include "common/utf8.h"
#include "common/workspace.h"
#include "lab.h"

/* ---- stop ------------------------------------------------------------------------------------- */

/* How a child ends that gets these signals once it listens: its exit status, or minus the signal. */
static int ends(int first, int second, bool ignored)
{
    fflush(NULL);
    const pid_t child = fork();
    if (child == 0) {
        signal(first, ignored ? SIG_IGN : SIG_DFL);
        stop_catch(NULL);
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

static void json_is_read(void **state)
{
    (void)state;
    json_value *v =
        json_parse("{\"a\": {\"b\": \"x\\ny\", \"n\": 0.1, \"t\": true}, \"none\": null, "
                   "\"caf\xef\x9f\xa9\": [1, \"2\"]}\n");
    assert_non_null(v);
    double number = 0;
    bool is = false;
    assert_string_equal(json_string(json_member(v, "a.b")), "x\ny");
    assert_true(json_number(json_member(v, "a.n"), &number) && number == 0.1);
    assert_true(json_truth(json_member(v, "a.t"), &is) && is);
    assert_true(json_is_null(json_member(v, "none")));
    const char *const lacking[] = {"b", "a.x", "a.b.c", "", ".", "a.", "nonesuch"};
    for (size_t i = 0; i < TN_COUNT(lacking); i++)
        assert_null(json_member(v, lacking[i]));
    assert_null(json_string(json_member(v, "a.n")));
    assert_false(json_number(json_member(v, "a.b"), &number));
    assert_false(json_truth(NULL, &is));
    const json_value *list = json_member(v, "caf\xe9"); /* bytes that are no UTF-8 come back */
    assert_true(json_number(json_first(list), &number) && number == 1);
    assert_string_equal(json_string(json_next(json_first(list))), "2");
    assert_null(json_next(json_next(json_first(list))));
    json_free(v);
    const char *const none[] = {"", "{", "{} x", "{\"a\": }", "nul"};
    for (size_t i = 0; i < TN_COUNT(none); i++)
        assert_null(json_parse(none[i]));
}

/* Read in a child, since what cannot be ends the program. */
static int reads(const char *text, const arg *options, int count)
{
    json_value *v = json_parse(text);
    fflush(NULL);
    const pid_t child = fork();
    if (child == 0) {
        args_read(v, "config.json", options, count);
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    json_free(v);
    return WEXITSTATUS(status);
}

static void options_come_back_from_json(void **state)
{
    (void)state;
    struct {
        bool flag;
        int64_t count;
        double real;
        const char *text, *word;
        double unsaid;
    } o = {true, 123456789, 0.1 + 0.2, "quo\"te", "b", -1};
    const arg options[] = {
        {ARG_HEADING, .help = "What there is"},         {ARG_FLAG, "flag", NULL, "", &o.flag, 0, 0},
        {ARG_INT, "count", "N", "", &o.count, 0, 0},    {ARG_REAL, "real", "X", "", &o.real, 0, 0},
        {ARG_REAL, "unsaid", "X", "", &o.unsaid, 0, 1}, {ARG_TEXT, "text", "T", "", &o.text, 0, 0},
        {ARG_CHOICE, "word", "a|b", "", &o.word, 0, 0}};
    const int count = TN_COUNT(options);
    char said[512] = "";
    json j = {.to = fmemopen(said, sizeof said, "w")};
    assert_non_null(j.to);
    json_object(&j, NULL);
    args_write(&j, options, count);
    json_end(&j, '}');
    fclose(j.to);
    memset(&o, 0, sizeof o);
    o.unsaid = -2;
    json_value *v = json_parse(said);
    args_read(v, "config.json", options, count);
    assert_true(o.flag && o.count == 123456789 && o.real == 0.1 + 0.2 && o.unsaid == -2);
    assert_true(json_is_null(json_member(v, "unsaid")));
    assert_string_equal(o.text, "quo\"te");
    assert_string_equal(o.word, "b");
    json_free(v);
    assert_int_equal(reads("{\"text\": null}", options, count), 0);
    const char *const bad[] = {"{\"flag\": 1}",     "{\"count\": 1.5}", "{\"count\": 1e300}",
                               "{\"real\": \"1\"}", "{\"text\": 1}",    "{\"word\": \"c\"}",
                               "{\"other\": 1}",    "{\"flag\": null}", "{\"count\": -1}",
                               "{\"unsaid\": 1.5}", "{\"unsaid\": -1}"};
    for (size_t i = 0; i < TN_COUNT(bad); i++)
        assert_int_equal(reads(bad[i], options, count), 2);
}

/* ---- files and pages ---------------------------------------------------------------------------- */

/* The exit status of a child that does this. */
static int status_of(void (*act)(const char *path), const char *path)
{
    fflush(NULL);
    const pid_t child = fork();
    if (child == 0) {
        (void)!freopen("/dev/null", "w", stderr);
        act(path);
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void write_new(const char *path)
{
    whole w;
    whole_begin(&w, path, false);
    fputs("new\n", w.to);
    whole_end(&w);
}

static void write_anew(const char *path)
{
    whole w;
    whole_begin(&w, path, true);
    fputs("anew\n", w.to);
    whole_end(&w);
}

static void write_late(const char *path)
{
    whole w;
    whole_begin(&w, path, false);
    FILE *other = fopen(path, "w"); /* somebody else's, meanwhile */
    fputs("other\n", other);
    fclose(other);
    fputs("new\n", w.to);
    whole_end(&w);
}

static void break_off(const char *path)
{
    whole w;
    whole_begin(&w, path, false);
    fputs("new\n", w.to);
    exit(7);
}

static void files_appear_whole_or_not_at_all(void **state)
{
    (void)state;
    char folder[] = "/tmp/common-XXXXXX", path[64], deep[64];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/out", folder);
    snprintf(deep, sizeof deep, "%s/none/out", folder);
    assert_int_equal(status_of(write_new, deep), 2);
    assert_int_equal(status_of(write_anew, folder), 2);
    assert_int_equal(status_of(break_off, path), 7);
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(status_of(write_late, path), 1);
    assert_said(fopen(path, "r"), "other\n");
    assert_int_equal(status_of(write_new, path), 2);
    assert_int_equal(status_of(write_anew, path), 0);
    assert_said(fopen(path, "r"), "anew\n");
    struct stat about;
    assert_int_equal(stat(path, &about), 0);
    const mode_t mask = umask(0);
    umask(mask);
    assert_int_equal(about.st_mode & 0777, 0666 & ~mask);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(folder), 0); /* so nothing else was left */
}

static void text_in_a_page_is_text(void **state)
{
    (void)state;
    html h = {.file = {.to = tmpfile()}};
    html_write(&h, "<b title=\"%s\">%s</b> %d%% of %lld %.1f %c", "a\"'", "<img onerror>&\n\x01", 7,
               1234567890123LL, 0.5, 'x');
    html_picture(&h, "image/png", "\xff\x00", 2, ">");
    html_picture(&h, "image/png", "abc", 3, "");
    assert_said(h.file.to,
                "<b title=\"a&quot;&#39;\">&lt;img onerror&gt;&amp;\n\xef\xbf\xbd</b> 7% of "
                "1234567890123 0.5 x"
                "<img alt=\"&gt;\" src=\"data:image/png;base64,/wA=\">"
                "<img alt=\"\" src=\"data:image/png;base64,YWJj\">");
}

static void what_is_no_utf_8_is_told(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int length;
    } cases[] = {{"a", 1},
                 {"\xc3\xa9", 2},
                 {"\xe2\x82\xac", 3},
                 {"\xf0\x9f\x99\x82", 4},
                 {"\xff", 0},
                 {"\xc3", 0},
                 {"\xc3(", 0},
                 {"\xc0\xaf", 0},
                 {"\xed\xa0\x80", 0},
                 {"\xe0\x9f\x80", 0},
                 {"\xf4\x90\x80\x80", 0},
                 {"\xf0\x8f\xbf\xbf", 0}};
    for (size_t i = 0; i < TN_COUNT(cases); i++)
        assert_int_equal(utf8_length(cases[i].text), cases[i].length);
    json j = {.to = tmpfile()};
    json_text(&j, NULL, "caf\xe9 \xc3\xa9");
    json_text(&j, NULL, "\xef\x9f\xa9");
    assert_said(j.to, "\"caf\\uf7e9 \xc3\xa9\",\"\\uf7ef\\uf79f\\uf7a9\"");
    FILE *f = tmpfile();
    assert_non_null(f);
    utf8_print(f, "a\nb\033[2J caf\xe9 \xc3\xa9 \xc2\x9b");
    assert_said(f, "a\\012b\\033[2J caf\\351 \xc3\xa9 \\302\\233");
}

/* What a shell makes of it again. */
static void words_come_through_a_shell(void **state)
{
    (void)state;
    static const char *const words[] = {
        "plain/a-b.jpg", "",           "-x",       "a b", "it's", "$(rm) `x` \"",
        "a\nb",          "caf\xe9'\\", "\xc3\xa9", "~",   "*",    "a;b"};
    for (size_t i = 0; i < TN_COUNT(words); i++) {
        char *quoted = shell_quote(words[i]), line[256];
        assert_null(strchr(quoted, '\n'));
        snprintf(line, sizeof line, "bash <<'END'\nprintf %%s %s\nEND\n", quoted);
        char said[256] = "";
        FILE *shell = popen(line, "r");
        assert_non_null(shell);
        (void)!fread(said, 1, sizeof said - 1, shell);
        assert_int_equal(pclose(shell), 0);
        assert_string_equal(said, words[i]);
        free(quoted);
    }
}

/* ---- runs ------------------------------------------------------------------------------------- */

static void runs_have_names_or_folders(void **state)
{
    (void)state;
    const char *const good[] = {"a", "0", "slim-20261129", "a.b_c-d"};
    for (size_t i = 0; i < TN_COUNT(good); i++)
        assert_true(run_name_is_good(good[i]));
    const char *const bad[] = {"", ".", "..", "-a", "A", "a b", "a/b", "\xe9", "a\n", "_a"};
    for (size_t i = 0; i < TN_COUNT(bad); i++)
        assert_false(run_name_is_good(bad[i]));
    char path[RUN_PATH], name[RUN_NAME + 2];
    memset(name, 'a', sizeof name);
    name[RUN_NAME + 1] = '\0';
    assert_false(run_name_is_good(name));
    name[RUN_NAME] = '\0';
    assert_true(run_name_is_good(name));
    unsetenv("TENON_WORKSPACE");
    run_folder(path, NULL, "first");
    assert_string_equal(path, "runs/first");
    run_folder(path, "w", "first");
    assert_string_equal(path, "w/runs/first");
    run_folder(path, "w", "./first");
    assert_string_equal(path, "./first");
    runs_folder(path, "w");
    assert_string_equal(path, "w/runs");
    setenv("TENON_WORKSPACE", "/e", 1);
    run_folder(path, NULL, "first");
    assert_string_equal(path, "/e/runs/first");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_second_signal_ends_it),
        cmocka_unit_test(json_is_what_rfc_8259_says),
        cmocka_unit_test(json_is_read),
        cmocka_unit_test(options_come_back_from_json),
        cmocka_unit_test(runs_have_names_or_folders),
        cmocka_unit_test(files_appear_whole_or_not_at_all),
        cmocka_unit_test(text_in_a_page_is_text),
        cmocka_unit_test(what_is_no_utf_8_is_told),
        cmocka_unit_test(words_come_through_a_shell),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
