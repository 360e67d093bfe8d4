#include "args_json.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* A default that no user could say, as -1 or 0, means that nothing was. */
static bool is_said(const arg *o, double number)
{
    return number >= o->min;
}

void args_write(json *j, const arg *options, int count)
{
    for (const arg *o = options; o < options + count; o++)
        switch (o->kind) {
        case ARG_HEADING:
            break;
        case ARG_FLAG:
            json_bool(j, o->name, *(bool *)o->to);
            break;
        case ARG_INT:
            if (is_said(o, (double)*(int64_t *)o->to))
                json_count(j, o->name, *(int64_t *)o->to);
            else
                json_null(j, o->name);
            break;
        case ARG_REAL:
            if (is_said(o, *(double *)o->to))
                json_exact(j, o->name, *(double *)o->to);
            else
                json_null(j, o->name);
            break;
        case ARG_TEXT:
        case ARG_CHOICE:
            json_text(j, o->name, *(const char **)o->to);
        }
}

static const arg *find(const arg *options, int count, const char *name)
{
    for (const arg *o = options; o < options + count; o++)
        if (o->name && strcmp(o->name, name) == 0)
            return o;
    return NULL;
}

/* As a flag has them. */
static bool is_within(const arg *o, double number)
{
    const double most = o->min == 0 && o->max == 0 ? 1e9 : o->max;
    return number >= o->min && number <= most;
}

/* False: it cannot be. */
static bool take(const arg *o, const json_value *value)
{
    double number;
    const char *text = json_string(value);
    switch (o->kind) {
    case ARG_FLAG:
        return json_truth(value, o->to);
    case ARG_INT:
        if (json_is_null(value))
            return true;
        if (!json_number(value, &number) || !is_within(o, number))
            return false;
        *(int64_t *)o->to = (int64_t)number;
        return (double)*(int64_t *)o->to == number;
    case ARG_REAL:
        return json_is_null(value) || (json_number(value, o->to) && is_within(o, *(double *)o->to));
    case ARG_TEXT:
    case ARG_CHOICE:
        *(const char **)o->to = text;
        return json_is_null(value) ||
               (text && (o->kind == ARG_TEXT || args_is_choice(o->value, text)));
    case ARG_HEADING:
        break;
    }
    return false;
}

void args_read(const json_value *object, const char *path, const arg *options, int count)
{
    for (const json_value *v = json_first(object); v; v = json_next(v)) {
        const arg *o = find(options, count, json_name(v));
        if (!o)
            args_fail("%s: says \"%s\", which this version does not know", path, json_name(v));
        if (!take(o, v))
            args_fail("%s: what it says of \"%s\" cannot be", path, o->name);
    }
}
