/*
 * What the parts of `tenon data check` share: one tells a terminal, one a program (JSON), one people (a page).
 */
#ifndef TOOLS_DATA_CHECK_H
#define TOOLS_DATA_CHECK_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <tenon/tenon.h>

typedef struct checkup {
    const char *name;            /* as it was given */
    const char *path, *val_path; /* of the sets; the second NULL if there is none */
    tn_dataset *set, *val;
    tn_check *check;
    int size;
    const char *given; /* the line that did this, for a shell; without what to write */
    const char *list;  /* the file that --leave-out wrote, or NULL */
} checkup;

/* The set that a picture is in, and its number there. */
tn_dataset *checkup_set_of(const checkup *c, int64_t item, int64_t *number);

/* How many findings of a kind there are; and how many pictures it is advised to leave out, each counted once. */
int64_t checkup_count(const checkup *c, tn_find kind);
int64_t checkup_advised(const checkup *c);

void check_say(const checkup *c, FILE *to);
void check_json(const checkup *c, FILE *to);
void check_html(const checkup *c, const char *path, bool force);

/* Adds what the model says of labels, of val if there is one; ends the program if that cannot be. */
void check_model(const checkup *c, const char *model, const char *device, int batch);

#endif
