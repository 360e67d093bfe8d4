/*
 * Tables of numbers as text: a line a row, commas between its fields, perhaps a heading. A source of a program's own,
 * see <tenon/source.h>: rows are parsed as they are needed.
 */
#ifndef EXAMPLES_CSV_H
#define EXAMPLES_CSV_H

#include <stdbool.h>

#include <tenon/source.h>

typedef struct csv {
    const char *path;
    char *text;
    char **line;     /* of each row */
    int64_t *number; /* of its line in the file, from 1 */
    int64_t rows;
    int columns;
    double *mean, *scale; /* of each column: a field is given out as (field - mean) * scale */
} csv;

/* Ends the program with status 2 and a sentence if it cannot be read or has no two columns of numbers. */
void csv_open(csv *table, const char *path);
void csv_close(csv *table);

/* Some of a table's rows: all whose number, from 0, leaves another rest than 0 by `every`, or, held out, those that do
 * leave 0. */
typedef struct csv_part {
    const csv *table;
    int every;
    bool held_out;
} csv_part;

/* All columns but the last as "x", the last as "y"; for as long as part and table are there. */
tn_source csv_source(const csv_part *part);

/* Makes columns of that part, of the rows that are good, have mean 0 and deviation 1. */
void csv_normalize(csv *table, const csv_part *part);

#endif
