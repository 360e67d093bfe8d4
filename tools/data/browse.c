/*
 * tenon data browse: answers questions about the data sets of a workspace, for programs that show them.
 */
#define _POSIX_C_SOURCE 200809L /* getline, open_memstream */

#include "browse.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../common/args.h"
#include "../common/progress.h"
#include "data.h"

static const char about[] =
    "Answers a question about the data sets of WORKSPACE, which are the folders datasets/NAME in "
    "it:\n"
    "a JSON object, whose member \"do\" says what is wanted.\n"
    "\n"
    "  list     all of them, and what the last check of each found\n"
    "  about    one: its numbers, findings and first pictures of each\n"
    "  items    its pictures: \"side\" (set, val), \"class\", \"kind\", \"finding\", \"find\", "
    "\"out\",\n"
    "           \"after\", \"count\"\n"
    "  image    one of them: \"side\", \"item\", \"pixels\" of its longer side; or with \"view\": "
    "\"seen\"\n"
    "           as a network sees it: \"size\", \"augment\" (none, crop, full), \"seed\"\n"
    "  exclude  leaves pictures out of it: \"finding\", or \"kind\" of it, or \"pictures\": "
    "[{\"side\", \"item\"}, "
    "...];\n"
    "           or with \"undo\": true takes them in again. No file of a set is changed\n"
    "  remove   puts its folder into the workspace's trash; its pictures stay where they are\n"
    "  make     a new one: \"path\", \"val\" or \"split\" (per cent) and \"seed\", \"size\"\n"
    "\n"
    "All but list want \"dataset\", its name. QUESTION that is - reads questions from stdin, one a "
    "line,\n"
    "and answers each at once on stdout: a line \"json BYTES\", or jpeg, bmp, error or none (what "
    "is\n"
    "asked for is not there), and so many bytes. While a large set is opened it says \"wait "
    "PICTURES\",\n"
    "how many it has found so far, in a line before that, once a second.";

static const char more[] =
    "Exit status: 0; 1: refused, with the reason in JSON; 2: flags that cannot be.\n\n"
    "Examples:\n"
    "  tenon data browse ~/work '{\"do\": \"items\", \"dataset\": \"shapes\", \"class\": "
    "\"ring\"}'\n"
    "  tenon data browse ~/work '{\"do\": \"make\", \"dataset\": \"photos\", \"path\": "
    "\"/data/photos\", \"split\": 10}'";

static const struct {
    const char *name;
    browse_answers *answers;
} questions[] = {{"list", browse_list},    {"about", browse_about},     {"items", browse_items},
                 {"image", browse_image},  {"exclude", browse_exclude}, {"make", browse_make},
                 {"remove", browse_remove}};

/* ---- answers -------------------------------------------------------------------------------------- */

static void begin(said *s, const char *kind)
{
    if (s->j.to)
        fclose(s->j.to);
    free(s->text);
    free(s->bytes);
    *s = (said){.kind = kind};
    s->j.to = open_memstream(&s->text, &s->size);
    s->j.flat = true;
    if (!s->j.to)
        run_fail("no memory for an answer");
}

static void refuse(said *s, const char *kind, const char *field, const char *format, va_list list)
{
    char text[2048];
    vsnprintf(text, sizeof text, format, list);
    begin(s, kind);
    json_object(&s->j, NULL);
    json_object(&s->j, "error");
    json_text(&s->j, "text", text);
    json_text(&s->j, "field", field);
    json_end(&s->j, '}');
    json_end(&s->j, '}');
}

bool browse_refuse(said *s, const char *field, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    refuse(s, "error", field, format, list);
    va_end(list);
    return false;
}

bool browse_none(said *s, const char *field, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    refuse(s, "none", field, format, list);
    va_end(list);
    return false;
}

static bool answer(said *s, const char *workspace, const char *question)
{
    json_value *ask = json_parse(question);
    const char *what = json_string(json_member(ask, "do"));
    bool done = false;
    size_t i = 0;
    const size_t count = sizeof questions / sizeof *questions;
    while (what && i < count && strcmp(what, questions[i].name) != 0)
        i++;
    begin(s, "json");
    if (what && i < count)
        done = questions[i].answers(s, workspace, ask);
    else
        browse_refuse(s, "do",
                      "a question is a JSON object, and do one of list, about, items, image, "
                      "exclude, make, remove");
    json_free(ask);
    if (fclose(s->j.to) != 0)
        run_fail("no memory for an answer");
    s->j.to = NULL;
    return done;
}

/* Of questions that come one after the other: a single one is waited for. */
static bool stays;

void browse_found(void *with, int64_t images)
{
    static double told;
    (void)with;
    if (!stays || seconds() < told + 1)
        return;
    told = seconds();
    printf("wait %lld\n", (long long)images);
    fflush(stdout);
}

static void put(const said *s)
{
    if (s->bytes)
        fwrite(s->bytes, 1, s->count, stdout);
    else
        fwrite(s->text, 1, s->size, stdout);
    if (fflush(stdout) != 0)
        run_fail("stdout: nobody reads the answer");
}

static int answer_all(const char *workspace)
{
    char *line = NULL;
    size_t room = 0;
    said s = {0};
    ssize_t length;
    stays = true;
    while ((length = getline(&line, &room, stdin)) > 0) {
        line[length - (line[length - 1] == '\n')] = '\0';
        answer(&s, workspace, line);
        printf("%s %zu\n", s.kind, s.bytes ? s.count : s.size);
        put(&s);
    }
    free(line);
    free(s.text);
    free(s.bytes);
    return ferror(stdin) ? 1 : 0;
}

int data_browse(int argc, char **argv)
{
    const args a = {.usage = "tenon-data browse WORKSPACE QUESTION",
                    .about = about,
                    .more = more,
                    .min_words = 2,
                    .max_words = 2,
                    .words = "a workspace and a question"};
    args_parse(&a, argc, argv);
    if (strcmp(argv[2], "-") == 0) {
        const int status = answer_all(argv[1]);
        browse_forget(NULL);
        return status;
    }
    said s = {0};
    const bool done = answer(&s, argv[1], argv[2]);
    put(&s);
    free(s.text);
    free(s.bytes);
    browse_forget(NULL);
    return done ? 0 : 1;
}
