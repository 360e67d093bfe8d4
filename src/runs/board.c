/*
 * What TensorBoard shows of a run: train/loss, train/top1, rate, images_s, wait, val/loss, val/top1, what the program logs,
 * and at the ends of epochs val/classes, a table. What a tag means never changes.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/number.h"
#include "runs/runs.h"

tn_status tn_run_board_open(tn_run *run)
{
    return tn_events_open(&run->events, run->folder.dir, run->folder.path,
                          run->resumed ? run->step + 1 : 0);
}

void tn_run_board_step(tn_run *run, double images_s, double wait)
{
    tn_events *e = &run->events;
    if (run->opts.loss.id)
        tn_events_scalar(e, run->step, "train/loss", (double)run->last_loss);
    if (run->opts.top_1.id)
        tn_events_scalar(e, run->step, "train/top1", run->last_top_1);
    tn_events_scalar(e, run->step, "rate", (double)run->last_rate);
    tn_events_scalar(e, run->step, "images_s", images_s);
    if (!isnan(wait))
        tn_events_scalar(e, run->step, "wait", wait);
    for (int i = 0; i < run->num_numbers; i++)
        tn_events_scalar(e, run->step, run->number[i].name, run->number[i].value);
}

/* Line `index` of the metadata tenon.classes, if the program gives them. */
static const char *class_name(const tn_run *run, int index, int *length)
{
    const char *names = NULL;
    for (int i = 0; i < run->opts.num_meta; i++)
        if (strcmp(run->opts.meta[i].key, "tenon.classes") == 0)
            names = run->opts.meta[i].value;
    for (; names && index > 0; index--) {
        names = strchr(names, '\n');
        names = names ? names + 1 : NULL;
    }
    *length = names ? (int)strcspn(names, "\n") : 0;
    return names;
}

/* A cell may hold no bar. */
static void add_cell(tn_json *j, const char *text, int length)
{
    for (int i = 0; i < length; i++) {
        char c[3] = {text[i]};
        if (text[i] == '|') {
            c[0] = '\\';
            c[1] = '|';
        }
        tn_json_add(j, c);
    }
}

static void show_classes(tn_run *run, const tn_run_score *val)
{
    tn_json *j = &run->line; /* as memory for a text */
    tn_json_clear(j);
    tn_json_add(j, "| class | top-1 |\n|---|---|\n");
    for (int i = 0; i < val->classes; i++) {
        char cell[40];
        int length;
        const char *name = class_name(run, i, &length);
        tn_json_add(j, "| ");
        if (name)
            add_cell(j, name, length);
        else if (snprintf(cell, sizeof cell, "%d", i) > 0)
            tn_json_add(j, cell);
        tn_print(cell, sizeof cell, " | %.1f %% |\n", 100 * val->per_class[i]);
        tn_json_add(j, cell);
    }
    if (!j->failed)
        tn_events_text(&run->events, run->step, "val/classes", j->text);
}

void tn_run_board_val(tn_run *run, const tn_run_score *val)
{
    tn_events *e = &run->events;
    if (!e->open || !val || val->images == 0)
        return;
    if (run->opts.loss.id)
        tn_events_scalar(e, run->step, "val/loss", val->loss / (double)val->images);
    if (run->opts.top_1.id)
        tn_events_scalar(e, run->step, "val/top1", (double)val->top_1 / (double)val->images);
    if (val->per_class)
        show_classes(run, val);
}
