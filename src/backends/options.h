/*
 * The options of a device, "threads=2,pin=on": words of name=value, each once, in any order, by a table of the backend's.
 *
 *     static const tn_option options[] = {
 *         {.name = "threads", .kind = TN_OPTION_NUMBER, .at = offsetof(opts, threads), .min = 1, .max = 1024},
 *         {.name = "pin", .kind = TN_OPTION_SWITCH, .at = offsetof(opts, pin)},
 *         {0},
 *     };
 */
#ifndef TN_OPTIONS_H
#define TN_OPTIONS_H

#include "base/base.h"

typedef enum tn_option_kind {
    TN_OPTION_SWITCH, /* a bool: "pin=on", "pin=off"; the name alone is "on" */
    TN_OPTION_NUMBER, /* an int64_t from min to max */
    TN_OPTION_CHOICE, /* an int: which of the words it is, from 0 */
    TN_OPTION_TEXT,   /* a char[max] */
} tn_option_kind;

typedef struct tn_option {
    const char *name; /* NULL ends a table */
    tn_option_kind kind;
    size_t at; /* offset of the field that it sets */
    int64_t min, max;
    const char *words; /* "off|on|all"; of a text, what it is; of a number its unit, or NULL */
} tn_option;

/* Sets the fields of *opts that the text names, and bit i of *given for row i. TN_ERR_ARGUMENT says which word is
 * wrong and what would be right; then *opts and *given may have been changed. `backend` is for messages. */
tn_status tn_options_read(const char *backend, const tn_option *table, const char *text, void *opts,
                          unsigned *given);

#endif
