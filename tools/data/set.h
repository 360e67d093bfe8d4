/*
 * What the commands of tenon-data do with a set alike.
 */
#ifndef TOOLS_DATA_SET_H
#define TOOLS_DATA_SET_H

#include <stdbool.h>

#include <tenon/tenon.h>

/* Of a table of options (args.h). */
#define ARG_EXCLUDE(to)                                                                      \
    {                                                                                        \
        ARG_TEXT, "exclude", "FILE",                                                         \
            "leave out the images that FILE names, as tenon data check\nwrites it", to, 0, 0 \
    }

/* Opens it, and says its notices unless it is to be quiet; ends the program with status 2 if that cannot be. `classes` and
 * `exclude` may be NULL. */
tn_dataset *set_open(const char *path, const tn_dataset *classes, const char *exclude, bool quiet);

/* How a list names a picture: behind the name of its set's folder ("train/cat/17.jpg"), so that the list holds wherever
 * the folders are moved to, and says which of two sets it means (root and other, or NULL); by its whole path where that would
 * not. For free(). */
char *set_list_name(const char *root, const char *other, const char *path, bool packed);

/* A line that moves while a set is gone through: "120 of 4000 images, 900 a second, 4 s left"; on a terminal only, or, if it is to be
 * `plain`, a line every two seconds wherever it goes. */
typedef struct set_line {
    bool shown, plain;
    double began, said;
} set_line;
set_line set_line_begin(bool quiet, bool plain);

/* Of a table of options. */
#define ARG_PROGRESS(to)                                                                      \
    {                                                                                         \
        ARG_FLAG, "progress", NULL, "say how far it is in lines, every two seconds", to, 0, 0 \
    }

void set_line_show(void *line, int64_t done,
                   int64_t of);            /* as `progress` of tn_pack_opts and tn_check_opts */
void set_line_clear(const set_line *line); /* before anything else is said, and at the end */

#endif
