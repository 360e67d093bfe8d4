/* The form of a new run, filled in as another run was begun. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../../nets/nets.h"
#include "../../common/workspace.h"
#include "../web/reply.h"
#include "../words.h"

/* Of the recipe what it says. */
static void tell_recipe(json *j, const tn_fields *c)
{
    static const char in[] = "recipe.";
    const size_t length = sizeof in - 1;
    json_object(j, "recipe");
    for (int64_t i = 0; i < tn_fields_count(c); i++) {
        const tn_field *f = tn_fields_at(c, i);
        const char *name = f->name + length;
        if (strncmp(f->name, in, length) != 0 || !words_know(name))
            continue;
        if (f->kind == TN_FIELD_BOOL && f->number > 0)
            json_bool(j, name, true);
        else if (f->kind == TN_FIELD_TEXT)
            json_text(j, name, f->text);
        else if (f->kind == TN_FIELD_NUMBER)
            json_number_text(j, name, f->text);
    }
    json_end(j, '}');
}

/* A net by its name where it has one, else as text; neither where the model has it that it began with. */
static void tell_net(json *j, const tn_fields *c)
{
    const char *name = tn_fields_text(c, "recipe.net");
    const bool known = name && net_find(name);
    json_text(j, "net", known ? name : NULL);
    json_text(j, "text", known || !name ? NULL : tn_fields_text(c, "net.text"));
}

/* A name that is free: "flowers-2" of "flowers", "flowers-3" of "flowers-2". */
static void find_name(cache *c, const char *from, char name[RUN_NAME + 1])
{
    const char *dash = strrchr(from, '-');
    const size_t digits = dash ? strspn(dash + 1, "0123456789") : 0;
    const bool has =
        digits > 0 && digits < 10 && dash[1 + digits] == '\0'; /* else no number, but a name */
    const int stem = (int)(has ? dash - from : (ptrdiff_t)strlen(from));
    long number = has ? strtol(dash + 1, NULL, 10) : 1;
    do {
        char end[24];
        const int length = snprintf(end, sizeof end, "-%ld", ++number);
        snprintf(name, RUN_NAME + 1, "%.*s%s", stem + length > RUN_NAME ? RUN_NAME - length : stem,
                 from, end);
    } while (cache_find(c, name));
}

/* Of a checkpoint that is there; the best without a step. */
static bool find_checkpoint(const cached_run *r, double step, char id[2 * RUN_NAME])
{
    char path[RUN_PATH + 64], file[48] = "best";
    snprintf(id, 2 * RUN_NAME, "%s", r->name);
    if (step >= 0) {
        snprintf(file, sizeof file, "step-%08.0f", step);
        snprintf(id, 2 * RUN_NAME, "%s.%s", r->name, file);
    }
    snprintf(path, sizeof path, "%s/checkpoints/%s.safetensors", r->folder, file);
    return strlen(id) <= RUN_NAME && access(path, F_OK) == 0;
}

static void tell_form(server *s, json *j, const cached_run *run, const tn_fields *c,
                      const char *init)
{
    char name[RUN_NAME + 1];
    find_name(&s->cache, run->name, name);
    json_object(j, NULL);
    json_text(j, "name", name);
    json_object(j, "data");
    json_text(j, "path", tn_fields_text(c, "data.path"));
    json_end(j, '}');
    tell_net(j, c);
    json_text(j, "init", init);
    tell_recipe(j, c);
    json_text(j, "device", tn_fields_text(c, "device"));
    json_end(j, '}');
}

/* POST /runs/ID/clone {step}: begins nothing. */
static void post_clone(server *s, const request *r, const char *const id[], answer *a)
{
    char init[2 * RUN_NAME];
    double step = -1;
    json_value *ask = r->size ? api_body(r, a) : json_parse("{}");
    if (!ask)
        return;
    const json_value *of = json_member(ask, "step");
    const bool wanted = of && !json_is_null(of);
    const bool is_step =
        !wanted || (json_number(of, &step) && step >= 0 && step < 1e15 && step == floor(step));
    json_free(ask);
    if (!is_step) {
        reply_error(a, 422, "step", "step is a whole number");
        return;
    }
    cached_run *run = api_find(s, id[0], a);
    if (!run)
        return;
    const tn_fields *c = cache_config(run);
    const bool is_there = find_checkpoint(run, step, init);
    if (!c) {
        reply_error(a, 409, NULL, "%s: its config.json cannot be read", id[0]);
    } else if (wanted && !is_there) {
        reply_error(a, 422, "step", "%s has no checkpoint of step %.0f", id[0], step);
    } else {
        reply p;
        reply_begin(&p);
        if (p.j.to)
            tell_form(s, &p.j, run, c, is_there ? init : NULL);
        reply_end(&p, a, 200);
    }
    cache_unlock(&s->cache);
}

const api api_clone = {{
    {"POST", "/runs/*/clone", post_clone},
}};
