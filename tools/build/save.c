#define _POSIX_C_SOURCE 200809L /* open_memstream */

/* The engine is written, then opened and planned as who runs it will. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../common/args.h"
#include "../common/json.h"
#include "../common/progress.h"
#include "build.h"

/* ---- what was done ---------------------------------------------------------------------------- */

/* A line each of "tenon.passes". */
static void write_passes(json *j, const char *lines)
{
    json_array(j, "passes");
    while (lines && *lines) {
        char line[1024];
        const size_t length = strcspn(lines, "\n");
        snprintf(line, sizeof line, "%.*s", (int)length, lines);
        json_text(j, NULL, line);
        lines += length + (lines[length] == '\n');
    }
    json_end(j, ']');
}

/* In one line: no text of JSON's has a line break in it. */
static void join_lines(char *text)
{
    char *to = text;
    for (const char *p = text; *p; p++) {
        if (*p == '\n')
            p += strspn(p + 1, " ");
        else
            *to++ = *p;
    }
    *to = '\0';
}

/* No path and no date: the same model gives the same bytes. */
static char *describe_build(const build *b)
{
    char *text = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&text, &size);
    if (!to)
        run_fail("no memory for what was done");
    const char *slash = strrchr(b->path, '/');
    json j = {.to = to};
    json_object(&j, NULL);
    json_text(&j, "source", slash ? slash + 1 : b->path);
    json_bool(&j, "average", b->average);
    json_text(&j, "precision", b->q.precision);
    json_text(&j, "weights", b->q.weights_in);
    if (b->q.calibrate)
        json_bool(&j, "calibrated", true);
    if (b->q.tune)
        json_bool(&j, "tuned", true);
    write_passes(&j, tn_model_fact(b->ready, "tenon.passes"));
    json_end(&j, '}');
    if (fclose(to) != 0)
        run_fail("no memory for what was done");
    join_lines(text);
    return text;
}

void build_save(build *b)
{
    struct stat s;
    char *text = describe_build(b);
    tn_must(tn_model_tell(b->ready, "tenon.build", text));
    free(text);
    if (tn_engine_save(b->ready, b->q.out) != TN_OK)
        run_fail("%s", tn_error());
    if (stat(b->q.out, &s) == 0)
        b->bytes = (size_t)s.st_size;
}

/* ---- does it run? ----------------------------------------------------------------------------- */

static void try_rows(build *b, build_trial *t)
{
    const int64_t rows = t->rows;
    const double start = seconds();
    if (tn_context_create(&t->context, b->engine,
                          &(tn_context_opts){.rows = rows, .device = b->q.device}) != TN_OK)
        run_fail("%s: with %lld row%s on %s: %s", b->q.out, (long long)rows, rows == 1 ? "" : "s",
                 b->q.device, tn_error());
    t->seconds = seconds() - start;
    t->memory = tn_context_memory_of(t->context);
}

void build_try(build *b)
{
    const double start = seconds();
    if (tn_engine_open(&b->engine, b->q.out, NULL) != TN_OK)
        run_fail("%s", tn_error());
    b->open_seconds = seconds() - start;
    for (int i = 0; i < b->trials; i++)
        try_rows(b, &b->trial[i]);
}
