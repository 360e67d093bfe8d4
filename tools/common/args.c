#include "args.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "man.h"

static const char *program = "program";
static char who[32]; /* " (rank 1)", where there are several */

__attribute__((format(printf, 1, 0))) static void say(const char *format, va_list values)
{
    fflush(stdout);
    fprintf(stderr, "%s%s: ", program, who);
    vfprintf(stderr, format, values);
    fputc('\n', stderr);
}

void args_warn(const char *format, ...)
{
    va_list values;
    va_start(values, format);
    say(format, values);
    va_end(values);
}

void args_fail(const char *format, ...)
{
    va_list values;
    va_start(values, format);
    say(format, values);
    va_end(values);
    exit(2);
}

void run_fail(const char *format, ...)
{
    va_list values;
    va_start(values, format);
    say(format, values);
    va_end(values);
    exit(1);
}

void args_rank(int rank, int ranks)
{
    if (ranks > 1)
        snprintf(who, sizeof who, " (rank %d)", rank);
    if (rank > 0 && !freopen("/dev/null", "w", stdout))
        run_fail("/dev/null cannot be opened");
}

/* ---- --help ----------------------------------------------------------------------------------- */

void args_default(const arg *o, char *text, size_t size)
{
    const char *word = o->kind >= ARG_TEXT ? *(const char **)o->to : NULL;
    *text = '\0';
    if (strstr(o->help, "default"))
        return;
    if (o->kind == ARG_INT)
        snprintf(text, size, " (default %lld)", (long long)*(int64_t *)o->to);
    else if (o->kind == ARG_REAL)
        snprintf(text, size, " (default %g)", *(double *)o->to);
    else if (word)
        snprintf(text, size, " (default %s)", word);
}

static void print_option(const arg *o)
{
    enum { COLUMN = 26 };
    if (o->kind == ARG_HEADING) {
        printf("\n%s:\n", o->help);
        return;
    }
    int used = printf("  --%s%s%s", o->name, o->value ? " " : "", o->value ? o->value : "");
    const char *line = o->help;
    for (;;) {
        if (used >= COLUMN) {
            putchar('\n');
            used = 0;
        }
        const int length = (int)strcspn(line, "\n");
        printf("%*s%.*s", COLUMN - used, "", length, line);
        used = COLUMN;
        if (line[length] == '\0')
            break;
        line += length + 1;
    }
    char preset[256];
    args_default(o, preset, sizeof preset);
    printf("%s\n", preset);
}

static _Noreturn void print_help(const args *a)
{
    printf("Usage: %s\n\n%s\n", a->usage, a->about);
    for (int i = 0; i < a->count; i++)
        print_option(&a->options[i]);
    printf("  --help                  show this and end\n");
    if (a->more)
        printf("\n%s\n", a->more);
    exit(fflush(stdout) == 0 ? 0 : 1);
}

static _Noreturn void print_man(const args *a, bool section)
{
    if (section)
        man_command(stdout, program, a);
    else
        man_page(stdout, program, a);
    exit(fflush(stdout) == 0 ? 0 : 1);
}

/* ---- parsing ---------------------------------------------------------------------------------- */

static const arg *find(const arg *options, int count, const char *name, size_t length)
{
    for (const arg *o = options; o < options + count; o++)
        if (o->name && strlen(o->name) == length && strncmp(o->name, name, length) == 0)
            return o;
    return NULL;
}

/* The option that was meant: one that begins like it. */
static _Noreturn void unknown(const args *a, const char *name, int length)
{
    for (int i = 0; i < a->count; i++) {
        const char *known = a->options[i].name;
        if (known && length >= 3 && strncmp(known, name, 3) == 0)
            args_fail("there is no option --%.*s; did you mean --%s? (--help lists them)", length,
                      name, known);
    }
    args_fail("there is no option --%.*s (--help lists them)", length, name);
}

bool args_is_choice(const char *words, const char *word)
{
    const size_t length = strlen(word);
    for (const char *w = words; *w; w += strcspn(w, "|"), w += *w == '|')
        if (length > 0 && strcspn(w, "|") == length && strncmp(w, word, length) == 0)
            return true;
    return false;
}

static double parse_number(const arg *o, const char *text)
{
    char *end;
    const bool whole = o->kind == ARG_INT, above = o->kind == ARG_REAL && o->min == ARG_ABOVE_0;
    const double max = o->min == 0 && o->max == 0 ? 1e9 : o->max;
    errno = 0;
    const double number = strtod(text, &end);
    if (errno || end == text || *end || !(number >= o->min && number <= max) ||
        (whole && floor(number) != number))
        args_fail("--%s wants a %s %s %g%s%g, not \"%s\"", o->name,
                  whole ? "whole number" : "number", above ? "above" : "from", above ? 0 : o->min,
                  above ? ", up to " : " to ", max, text);
    return number;
}

static void set(const arg *o, const char *text)
{
    if (o->kind == ARG_INT)
        *(int64_t *)o->to = (int64_t)parse_number(o, text);
    else if (o->kind == ARG_REAL)
        *(double *)o->to = parse_number(o, text);
    else if (o->kind == ARG_CHOICE && !args_is_choice(o->value, text))
        args_fail("--%s is one of %s, not \"%s\"", o->name, o->value, text);
    else
        *(const char **)o->to = text;
}

/* One option at argv[i], of that name perhaps with =VALUE; returns where its last word is. */
static int parse_option(const args *a, const char *name, int argc, char **argv, int i)
{
    const size_t length = strcspn(name, "=");
    const arg *o = find(a->options, a->count, name, length);
    if (!o && find(a->others, a->num_others, name, length))
        args_fail("--%.*s %s", (int)length, name, a->others_why);
    if (!o)
        unknown(a, name, (int)length);
    const bool joined = name[length] == '=';
    if (o->kind == ARG_FLAG) {
        if (joined)
            args_fail("--%s takes no value", o->name);
        *(bool *)o->to = true;
        return i;
    }
    if (!joined && i + 1 == argc)
        args_fail("--%s wants a value: %s", o->name, o->value);
    set(o, joined ? name + length + 1 : argv[i + 1]);
    return joined ? i : i + 1;
}

void args_program(const char *path)
{
    const char *slash = strrchr(path, '/');
    program = slash ? slash + 1 : path;
}

int args_parse(const args *a, int argc, char **argv)
{
    if (argc > 0)
        args_program(argv[0]);
    int words = 0;
    bool options = true;
    for (int i = 1; i < argc; i++) {
        if (options && strcmp(argv[i], "--") == 0)
            options = false;
        else if (options && (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0))
            print_help(a);
        else if (options && strncmp(argv[i], "--man", 5) == 0 &&
                 (!argv[i][5] || strcmp(argv[i] + 5, "-section") == 0))
            print_man(a, argv[i][5] != '\0');
        else if (options && strncmp(argv[i], "--", 2) == 0)
            i = parse_option(a, argv[i] + 2, argc, argv, i);
        else if (options && strcmp(argv[i], "-o") == 0 && find(a->options, a->count, "out", 3))
            i = parse_option(a, "out", argc, argv, i);
        else if (options && argv[i][0] == '-' && argv[i][1])
            args_fail("there is no option %s (--help lists them)", argv[i]);
        else
            argv[1 + words++] = argv[i];
    }
    if (words < a->min_words)
        args_fail("%s is missing; usage: %s", a->words, a->usage);
    if (a->max_words >= 0 && words > a->max_words)
        args_fail("\"%s\" is one word too many; usage: %s", argv[1 + a->max_words], a->usage);
    return words;
}
