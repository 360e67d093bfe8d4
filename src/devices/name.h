/*
 * Names of devices, taken apart: "backend[:which][,options]", where `which` is an index, several
 * ("0-3", "0,2", "0-1,4"), or "all". Options begin with a letter, so a comma before a digit goes on with
 * the list.
 */
#ifndef TN_DEVICE_NAME_H
#define TN_DEVICE_NAME_H

#include <stdbool.h>

#include <tenon/status.h>

enum { TN_MAX_DEVICES = 64, TN_MAX_INDEX = 1023 };

typedef struct tn_device_name_parts {
    char backend[16];
    bool all;
    int count; /* of indices; 0: none is named */
    int index[TN_MAX_DEVICES];
    const char *options; /* in the name, without the first comma; "" */
} tn_device_name_parts;

/* TN_ERR_ARGUMENT says what is wrong with it. */
tn_status tn_device_name_parse(const char *name, tn_device_name_parts *out);

#endif
