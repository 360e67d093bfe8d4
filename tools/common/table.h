/*
 * A table for a terminal: cells are given row by row, columns become as wide as their widest cell.
 */
#ifndef TOOLS_TABLE_H
#define TOOLS_TABLE_H

#include <stdio.h>

typedef struct table {
    const char *columns; /* one letter a column: 'l' to the left, 'r' to the right */
    char **cell;
    int count, capacity;
} table;

/* The next cell; control characters in it are shown as '?'. Ends the program if there is no memory. */
void table_cell(table *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Prints it and lets go of its cells. */
void table_print(table *t, FILE *to);

#endif
