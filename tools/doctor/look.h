/*
 * Looking at the small files by which a system tells of itself. `root` stands before each path: "" but for a copy of another
 * machine's files.
 */
#ifndef DOCTOR_LOOK_H
#define DOCTOR_LOOK_H

#include <stdbool.h>
#include <stdio.h>

enum { LOOK_LINE = 4096 };

/* To be read; NULL: it is not there. */
FILE *look_open(const char *root, const char *path);

/* The first line of a file, without its end; false: there is none. */
bool look_line(char text[LOOK_LINE], const char *root, const char *path);

/* What stands behind a word and ':' or '=' in the file's first line that begins so, without quotes. */
bool look_after(char text[LOOK_LINE], const char *root, const char *path, const char *word);

/* The number that a file begins with; `none` if it is none. */
double look_number(const char *root, const char *path, double none);

bool look_is_there(const char *root, const char *path);

#endif
