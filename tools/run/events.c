/* Lines of a log that tell of something. */
#include <stdlib.h>
#include <string.h>

#include "../common/args.h"
#include "run.h"

bool run_is_told(const tn_series *s, int64_t index)
{
    static const char *const quiet[] = {"start", "step", "epoch", "digest", "checkpoint"};
    tn_event e;
    if (!tn_series_event(s, index, &e))
        return false;
    for (size_t i = 0; i < sizeof quiet / sizeof quiet[0]; i++)
        if (strcmp(e.kind, quiet[i]) == 0)
            return false;
    return true;
}

static tn_fields *fields_of(tn_series *s, int64_t index)
{
    tn_fields *f = NULL;
    if (tn_series_fields(s, index, &f) != TN_OK)
        run_fail("%s", run_text(tn_error()));
    return f;
}

static bool is_head(const char *name)
{
    return strcmp(name, "e") == 0 || strcmp(name, "t") == 0 || strcmp(name, "step") == 0;
}

const char *run_event_text(tn_series *s, int64_t index)
{
    char text[400] = "";
    size_t used = 0;
    tn_fields *f = fields_of(s, index);
    for (int64_t i = 0; i < tn_fields_count(f) && used < sizeof text; i++) {
        const tn_field *one = tn_fields_at(f, i);
        if (is_head(one->name) || one->kind == TN_FIELD_NULL)
            continue;
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s=%s", used ? " " : "",
                                 one->name, one->text);
    }
    tn_fields_close(f);
    return run_text(text);
}

int64_t run_element(const char *name)
{
    const char *dot = strrchr(name, '.');
    const size_t digits = dot ? strspn(dot + 1, "0123456789") : 0;
    return digits > 0 && digits < 10 && !dot[1 + digits] ? strtoll(dot + 1, NULL, 10) : -1;
}

const char *run_order_text(tn_series *s, int64_t index)
{
    char text[200] = "";
    size_t used = 0;
    tn_fields *f = fields_of(s, index);
    for (int64_t i = 0; i < tn_fields_count(f) && used < sizeof text; i++) {
        const tn_field *one = tn_fields_at(f, i);
        if (strncmp(one->name, "set.", 4) == 0)
            used += (size_t)snprintf(text + used, sizeof text - used, "%s%s=%s", used ? " " : "",
                                     one->name + 4, one->text);
    }
    if (used == 0)
        snprintf(text, sizeof text, "%s",
                 tn_fields_text(f, "order") ? tn_fields_text(f, "order") : "order");
    tn_fields_close(f);
    return run_text(text);
}

void run_json_events(json *j, tn_series *s, const char *kind)
{
    tn_event e;
    for (int64_t i = 0; tn_series_event(s, i, &e); i++) {
        if (kind ? strcmp(kind, e.kind) != 0 : !run_is_told(s, i))
            continue;
        tn_fields *f = fields_of(s, i);
        run_json_fields(j, NULL, f);
        tn_fields_close(f);
    }
}
