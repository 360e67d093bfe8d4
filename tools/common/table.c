#include "table.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "args.h"

enum { MOST_COLUMNS = 16 };

static void *grown(void *old, size_t bytes)
{
    void *p = realloc(old, bytes);
    if (!p)
        run_fail("no memory for a table of %zu bytes", bytes);
    return p;
}

void table_cell(table *t, const char *format, ...)
{
    va_list values, again;
    va_start(values, format);
    va_copy(again, values);
    const int length = vsnprintf(NULL, 0, format, again);
    va_end(again);
    const size_t bytes = length < 0 ? 1 : (size_t)length + 1;
    char *text = grown(NULL, bytes);
    text[0] = '\0';
    vsnprintf(text, bytes, format, values);
    va_end(values);
    /* What would break the row or command the terminal, as ls has it. */
    for (char *c = text; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 127)
            *c = '?';
    if (t->count == t->capacity) {
        t->capacity = t->capacity ? 2 * t->capacity : 64;
        t->cell = grown(t->cell, (size_t)t->capacity * sizeof *t->cell);
    }
    t->cell[t->count++] = text;
}

void table_print(table *t, FILE *to)
{
    const int columns = (int)strlen(t->columns);
    int width[MOST_COLUMNS] = {0};
    for (int i = 0; i < t->count; i++) {
        const int length = (int)strlen(t->cell[i]);
        if (length > width[i % columns])
            width[i % columns] = length;
    }
    for (int i = 0; i < t->count; i++) {
        const int c = i % columns, last = c == columns - 1;
        if (t->columns[c] == 'r')
            fprintf(to, "%*s%s", width[c], t->cell[i], last ? "\n" : "  ");
        else
            fprintf(to, "%-*s%s", last ? 0 : width[c], t->cell[i], last ? "\n" : "  ");
        free(t->cell[i]);
    }
    free(t->cell);
    *t = (table){.columns = t->columns};
}
