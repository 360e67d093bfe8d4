#include "csv.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../tools/common/args.h"
#include "../../tools/common/text.h"

enum { MAX_COLUMNS = 256 };

/* The fields of a line; how many there are, or minus the number of the first that is no number. */
static int parse(const char *line, double *field)
{
    for (int i = 0; i < MAX_COLUMNS; i++) {
        char *end;
        const double value = strtod(line, &end);
        if (end == line || !isfinite(value))
            return -(i + 1);
        field[i] = value;
        end += strspn(end, " \t");
        if (*end == '\0')
            return i + 1;
        if (*end != ',')
            return -(i + 1);
        line = end + 1;
    }
    return MAX_COLUMNS + 1;
}

static void add_line(csv *t, char *line, int64_t number)
{
    double field[MAX_COLUMNS];
    if (line[strspn(line, " \t")] == '\0')
        return;
    const int found = parse(line, field);
    if (t->columns == 0 && found == -1)
        return; /* a heading */
    if (t->columns == 0) {
        if (found < 2 || found > MAX_COLUMNS)
            args_fail("%s:%lld: is no row of 2 to %d numbers with commas between them", t->path,
                      (long long)number, MAX_COLUMNS);
        t->columns = found;
    }
    t->line[t->rows] = line;
    t->number[t->rows++] = number;
}

void csv_open(csv *t, const char *path)
{
    size_t size, lines = 1;
    *t = (csv){.path = path, .text = text_read(path, &size)};
    for (size_t i = 0; i < size; i++)
        lines += t->text[i] == '\n';
    t->line = malloc(lines * sizeof *t->line);
    t->number = malloc(lines * sizeof *t->number);
    if (!t->line || !t->number)
        run_fail("%s: no memory for %zu lines", path, lines);
    int64_t number = 1;
    for (char *line = t->text, *next; line; line = next, number++) {
        next = strchr(line, '\n');
        if (next)
            *next++ = '\0';
        line[strcspn(line, "\r")] = '\0';
        add_line(t, line, number);
    }
    if (t->rows == 0)
        args_fail("%s: has no row of numbers", path);
    t->mean = calloc((size_t)t->columns, sizeof *t->mean);
    t->scale = malloc((size_t)t->columns * sizeof *t->scale);
    if (!t->mean || !t->scale)
        run_fail("%s: no memory for %d columns", path, t->columns);
    for (int i = 0; i < t->columns; i++)
        t->scale[i] = 1;
}

void csv_close(csv *t)
{
    free(t->text);
    free(t->line);
    free(t->number);
    free(t->mean);
    free(t->scale);
    *t = (csv){0};
}

/* ---- rows ------------------------------------------------------------------------------------- */

static int64_t count(const csv_part *p)
{
    const int64_t out = (p->table->rows + p->every - 1) / p->every;
    return p->held_out ? out : p->table->rows - out;
}

static int64_t row_of(const csv_part *p, int64_t item)
{
    return p->held_out ? item * p->every : item + item / (p->every - 1) + 1;
}

static tn_status fill(void *self, const tn_fill *at)
{
    const csv_part *p = self;
    const csv *t = p->table;
    const int64_t row = row_of(p, at->item);
    double field[MAX_COLUMNS];
    const int found = parse(t->line[row], field);
    if (found < 0)
        return tn_fail(TN_ERR_FORMAT, "line %lld: field %d is no number: %.80s",
                       (long long)t->number[row], -found, t->line[row]);
    if (found != t->columns)
        return tn_fail(TN_ERR_FORMAT, "line %lld: %d fields, not %d", (long long)t->number[row],
                       found, t->columns);
    for (int i = 0; i < t->columns; i++) {
        const float value = (float)((field[i] - t->mean[i]) * t->scale[i]);
        if (i + 1 < t->columns)
            ((float *)at->row[0])[i] = value;
        else
            ((float *)at->row[1])[0] = value;
    }
    return TN_OK;
}

tn_source csv_source(const csv_part *p)
{
    return (tn_source){
        .name = p->table->path,
        .items = count(p),
        .array = {{.name = "x", .dtype = TN_F32, .row = TN_SHAPE(p->table->columns - 1)},
                  {.name = "y", .dtype = TN_F32, .row = TN_SHAPE(1)}},
        .fill = fill,
        .arg = (void *)(uintptr_t)p};
}

void csv_normalize(csv *t, const csv_part *p)
{
    double field[MAX_COLUMNS], sum[MAX_COLUMNS] = {0}, squares[MAX_COLUMNS] = {0};
    int64_t good = 0;
    for (int64_t item = 0; item < count(p); item++) {
        if (parse(t->line[row_of(p, item)], field) != t->columns)
            continue;
        good++;
        for (int i = 0; i < t->columns; i++) { /* Welford 1962 */
            const double before = field[i] - sum[i];
            sum[i] += before / (double)good;
            squares[i] += before * (field[i] - sum[i]);
        }
    }
    for (int i = 0; i < t->columns && good > 0; i++) {
        const double deviation = sqrt(squares[i] / (double)good);
        t->mean[i] = sum[i];
        t->scale[i] = deviation > 0 ? 1 / deviation : 1;
    }
}
