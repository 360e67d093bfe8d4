#include "man.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* ---- characters ------------------------------------------------------------------------------- */

/* A hyphen that a reader may copy: of an option, a range, a name. roff's own is a typographer's. */
static bool is_minus(const char *text, const char *at)
{
    return at == text || !isalpha((unsigned char)at[-1]) || !isalpha((unsigned char)at[1]);
}

/* `length` bytes of text; `start`: they begin a line, where a dot or quote would be a command. */
static void put(FILE *to, const char *text, size_t length, bool start)
{
    if (start && length > 0 && (*text == '.' || *text == '\''))
        fputs("\\&", to);
    for (const char *c = text; c < text + length; c++)
        if (*c == '\\')
            fputs("\\e", to);
        else if (*c == '-' && is_minus(text, c))
            fputs("\\-", to);
        else if (*c == '^')
            fputs("\\(ha", to);
        else if (*c == '~')
            fputs("\\(ti", to);
        else if (*c == '`')
            fputs("\\(ga", to);
        else if (*c == '\'')
            fputs("\\(aq", to);
        else
            fputc(*c, to);
}

/* Lines parted by \n, on one. */
static void put_lines(FILE *to, const char *text)
{
    bool start = true;
    for (;; text++) {
        const size_t length = strcspn(text, "\n");
        put(to, text, length, start);
        start = false;
        text += length;
        if (!*text)
            return;
        fputc(' ', to);
    }
}

/* ---- what a program says ---------------------------------------------------------------------- */

static size_t word_length(const char *text)
{
    const size_t dashes = strspn(text, "-");
    size_t length = dashes;
    while (isalnum((unsigned char)text[length]) || (length > 0 && text[length] == '-'))
        length++;
    return length > dashes ? length : 0;
}

/* "tenon-plan NET [options]": the program and options bold, what stands for something else italic. */
static void put_usage(FILE *to, const char *usage)
{
    const size_t program = strcspn(usage, " \n");
    fputs("\\fB", to);
    put(to, usage, program, true);
    fputs("\\fR", to);
    for (const char *at = usage + program; *at;) {
        const size_t length = word_length(at);
        bool upper = length > 0;
        for (size_t i = 0; i < length; i++)
            upper &= !islower((unsigned char)at[i]);
        if (*at == '\n') {
            fputs("\n.br\n", to);
            at += strspn(at, "\n ");
        } else if (length > 0 && (*at == '-' || upper)) {
            fputs(*at == '-' ? "\\fB" : "\\fI", to);
            put(to, at, length, false);
            fputs("\\fR", to);
            at += length;
        } else {
            put(to, at, length ? length : 1, false);
            at += length ? length : 1;
        }
    }
    fputc('\n', to);
}

/* Text as it flows: what stands before the next line. */
typedef struct flow {
    FILE *to;
    const char *heading; /* the macro of those within the text */
    bool due;            /* the next line begins a paragraph, */
    bool fresh;          /* but right behind a heading, which begins one itself */
    bool literal;        /* lines are kept as they are */
} flow;

/* A paragraph that begins so has a heading. Returns what stands behind it on the line, NULL if it is none. */
static const char *own_heading(const char *line, const char **heading)
{
    static const struct {
        const char *begins, *heading;
    } known[] = {
        {"Exit status:", "EXIT STATUS"}, {"Examples:", "EXAMPLES"}, {"Example:", "EXAMPLE"}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        const size_t length = strlen(known[i].begins);
        if (strncmp(line, known[i].begins, length) == 0) {
            *heading = known[i].heading;
            return line + length + strspn(line + length, " ");
        }
    }
    return NULL;
}

static void set_literal(flow *f, bool literal)
{
    if (literal != f->literal)
        fputs(literal ? ".RS 4\n.nf\n" : ".fi\n.RE\n", f->to);
    f->literal = literal;
}

static void put_line(flow *f, const char *line, size_t length)
{
    const char *heading = NULL, *rest = own_heading(line, &heading), *end = line + length;
    if (length == 0) {
        f->due = true;
        return;
    }
    set_literal(f, *line == ' ');
    if (rest && f->due) {
        fprintf(f->to, "%s %s\n", f->heading, heading);
        line = rest;
    } else if (f->due && !f->fresh && !f->literal) {
        fputs(".PP\n", f->to);
    }
    f->due = false;
    f->fresh = rest != NULL;
    for (int i = 0; i < 2 && *line == ' '; i++) /* the rest of its blanks are meant */
        line++;
    put(f->to, line, (size_t)(end - line), true);
    if (line < end)
        fputc('\n', f->to);
}

static void put_text(FILE *to, const char *text, const char *heading, bool fresh)
{
    flow f = {.to = to, .heading = heading, .due = true, .fresh = fresh};
    /* Many end in "Options:", for which the page has a heading of its own. */
    while (*text && strcmp(text, "Options:") != 0) {
        const size_t length = strcspn(text, "\n");
        put_line(&f, text, length);
        text += length + (text[length] == '\n');
    }
    set_literal(&f, false);
}

void man_text(FILE *to, const char *text)
{
    put_text(to, text, ".SH", true);
}

static void put_option(FILE *to, const arg *o)
{
    char preset[256];
    fputs(".TP\n\\fB\\-\\-", to);
    put(to, o->name, strlen(o->name), false);
    fputs("\\fR", to);
    if (o->value) {
        fputs(" \\fI", to);
        put(to, o->value, strlen(o->value), false);
        fputs("\\fR", to);
    }
    fputc('\n', to);
    put_lines(to, o->help);
    args_default(o, preset, sizeof preset);
    put(to, preset, strlen(preset), false);
    fputc('\n', to);
}

static void put_options(FILE *to, const args *a, const char *heading_macro)
{
    for (int i = 0; i < a->count; i++) {
        const arg *o = &a->options[i];
        if (o->kind != ARG_HEADING) {
            put_option(to, o);
            continue;
        }
        fprintf(to, "%s ", heading_macro);
        put(to, o->help, strlen(o->help), false);
        fputc('\n', to);
    }
    fputs(".TP\n\\fB\\-\\-help\\fR\nshow how it is used and end\n", to);
}

/* ---- pages ------------------------------------------------------------------------------------ */

void man_heading(FILE *to, const char *heading)
{
    fprintf(to, ".SH %s\n", heading);
}

void man_item(FILE *to, const char *name, const char *what)
{
    fputs(".TP\n\\fB", to);
    put(to, name, strlen(name), false);
    fputs("\\fR\n", to);
    put_lines(to, what);
    fputc('\n', to);
}

void man_begin(FILE *to, const char *program, const char *what, const char *usage,
               const char *about)
{
    fputs(".\\\" Made of the program's own tables, by --man.\n.TH ", to);
    for (const char *c = program; *c; c++)
        fputc(toupper((unsigned char)*c), to);
    fprintf(to, " 1 \"\" \"Tenon %s\" \"Tenon\"\n.nh\n.ad l\n.SH NAME\n%s \\- ", TENON_VERSION,
            program);
    put_lines(to, what);
    fputs("\n.SH SYNOPSIS\n", to);
    put_usage(to, usage);
    man_heading(to, "DESCRIPTION");
    man_text(to, about);
}

void man_end(FILE *to)
{
    fputs(".SH SEE ALSO\n.BR tenon (1)\n", to);
}

void man_page(FILE *to, const char *program, const args *a)
{
    man_begin(to, program, a->what ? a->what : "part of Tenon", a->usage, a->about);
    man_heading(to, "OPTIONS");
    put_options(to, a, ".SS");
    const char *heading;
    if (a->more && !own_heading(a->more, &heading))
        man_heading(to, "NOTES");
    if (a->more)
        man_text(to, a->more);
    man_end(to);
}

void man_command(FILE *to, const char *command, const args *a)
{
    fputs(".SH ", to);
    for (const char *c = command; *c; c++)
        fputc(toupper((unsigned char)*c), to);
    fputc('\n', to);
    put_usage(to, a->usage);
    put_text(to, a->about, ".SS", false);
    put_options(to, a, ".SS");
    if (a->more)
        put_text(to, a->more, ".SS", false);
}
