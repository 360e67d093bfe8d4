#include "run_json.h"

static void count(json *j, const char *name, int64_t number)
{
    if (number < 0)
        json_null(j, name);
    else
        json_count(j, name, number);
}

void run_json_fields(json *j, const char *name, const tn_fields *fields)
{
    json_object(j, name);
    for (int64_t i = 0; i < tn_fields_count(fields); i++) {
        const tn_field *f = tn_fields_at(fields, i);
        if (f->kind == TN_FIELD_NULL)
            json_null(j, f->name);
        else if (f->kind == TN_FIELD_BOOL)
            json_bool(j, f->name, f->number > 0);
        else if (f->kind == TN_FIELD_TEXT)
            json_text(j, f->name, f->text);
        else
            json_number_text(j, f->name, f->text);
    }
    json_end(j, '}');
}

void run_json(json *j, const tn_run_info *r)
{
    json_text(j, "name", r->name);
    json_text(j, "folder", r->folder);
    json_text(j, "state", tn_runs_state_name(r->state));
    json_bool(j, "alive", r->alive);
    json_bool(j, "elsewhere", r->elsewhere);
    json_text(j, "reason", r->reason);
    count(j, "step", r->step);
    count(j, "steps", r->steps);
    count(j, "epoch", r->epoch);
    json_real(j, "eta", r->eta);
    json_text(j, "checkpoint", r->checkpoint);
    count(j, "checkpoint_step", r->checkpoint_step);
    json_text(j, "problem", r->problem);
    run_json_fields(j, "says", r->all);
}
