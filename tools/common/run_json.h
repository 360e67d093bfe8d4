/* A run, and the fields of a file of its, as JSON: the same in every tool. */
#ifndef TOOLS_RUN_JSON_H
#define TOOLS_RUN_JSON_H

#include <tenon/runs.h>

#include "json.h"

/* The members of one, in an object that is open. */
void run_json(json *j, const tn_run_info *r);

/* An object; names with dots stay as they are. */
void run_json_fields(json *j, const char *name, const tn_fields *fields);

#endif
