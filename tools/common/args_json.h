/*
 * The options of a table as JSON, a member each, and back: what a run writes down to be repeated.
 */
#ifndef TOOLS_ARGS_JSON_H
#define TOOLS_ARGS_JSON_H

#include "args.h"
#include "json.h"
#include "json_read.h"

/* What they hold now, under their names, numbers so that they read back bit for bit, null where nobody has said one; in an
 * object that is open. */
void args_write(json *j, const arg *options, int count);

/* Sets what the members of an object say; those that have no member, or null, stay. Ends the program, naming `path`, if one is no
 * option of the table, or cannot be its value. */
void args_read(const json_value *object, const char *path, const arg *options, int count);

#endif
