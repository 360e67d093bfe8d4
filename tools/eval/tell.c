#define _POSIX_C_SOURCE 200809L /* strdup */

/* The report as text. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../common/args.h"
#include "../common/table.h"
#include "eval.h"

enum { MOST_CELLS = 20, MOST_BROKEN = 10, MOST_CONFUSIONS = 15, NAMES = 4 };

/* ---- what others use too ---------------------------------------------------------------------- */

const char *eval_class_name(const evaluation *e, int class)
{
    static char text[NAMES][32];
    static int next;
    if (class < 0)
        return "no answer";
    if (e->name[class])
        return e->name[class];
    char *to = text[next++ % NAMES];
    snprintf(to, sizeof text[0], "class %d", class);
    return to;
}

static int by_rows(const void *a, const void *b)
{
    const confusion *x = a, *y = b;
    if (x->rows != y->rows)
        return x->rows < y->rows ? 1 : -1;
    if (x->label != y->label)
        return x->label < y->label ? -1 : 1;
    return (x->said > y->said) - (x->said < y->said);
}

confusion *eval_confusions(const evaluation *e, int64_t *count)
{
    confusion *all = calloc((size_t)e->cells + 1, sizeof *all);
    if (!all)
        run_fail("no memory for %lld confusions", (long long)e->cells);
    *count = 0;
    for (int64_t i = 0; i < e->cells; i++) {
        const tn_eval_cell *c = &e->cell[i];
        if (c->said >= 0 && c->said != c->label)
            all[(*count)++] =
                (confusion){c->label, c->said, c->rows, tn_eval_class_of(e->eval, c->label).rows};
    }
    qsort(all, (size_t)*count, sizeof *all, by_rows);
    return all;
}

/* ---- text ------------------------------------------------------------------------------------- */

/* On one line of a terminal: what would move its cursor becomes a question mark. */
static void make_plain(char *text)
{
    for (char *p = text; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7F)
            *p = '?';
}

static void tell_plain(FILE *to, const char *before, const char *text, const char *after)
{
    char *copy = strdup(text);
    if (!copy)
        run_fail("no memory for a name");
    make_plain(copy);
    fprintf(to, "%s%s%s", before, copy, after);
    free(copy);
}

static const char *class_name(const evaluation *e, int class)
{
    static char text[NAMES][128];
    static int next;
    char *to = text[next++ % NAMES];
    snprintf(to, sizeof text[0], "%.127s", eval_class_name(e, class));
    make_plain(to);
    return to;
}

/* "85.20 %", or "-" of nothing. */
static void share_cell(table *t, double share)
{
    if (isnan(share))
        table_cell(t, "-");
    else
        table_cell(t, "%.2f %%", 100 * share);
}

static void tell_head(const evaluation *e, FILE *to)
{
    const tn_fit_opts *fit = &e->picture.fit;
    tell_plain(to, "model   ", e->path, ": ");
    fprintf(to, "%d classes, %d x %d of %d%s\n", e->classes, fit->height, fit->width, e->resize,
            e->q.ten_crop ? ", ten crops" : "");
    if (tn_model_keeps_average(e->model))
        fprintf(to, "note    measured %s\n",
                e->average ? "are the averages of its parameters; --trained: these themselves"
                           : "is what was trained, not the averages that it keeps, too");
    tell_plain(to, "data    ", e->data, ": ");
    fprintf(to, "%lld pictures, %d classes%s\n", (long long)tn_dataset_count(e->set),
            tn_dataset_classes(e->set), e->by_number ? ", taken by number" : "");
    for (int i = 0; i < tn_dataset_num_notices(e->set); i++)
        tell_plain(to, "note    ", tn_dataset_notice(e->set, i), "\n");
    if (e->left_out)
        fprintf(to, "left out %lld pictures of %d classes that the model does not know\n",
                (long long)e->left_out, e->unknown);
    if (e->doubled)
        fprintf(to, "doubled %lld pictures are in it before, and counted once\n",
                (long long)e->doubled);
    if (e->num_broken)
        fprintf(to, "broken  %lld pictures that cannot be read, left out:\n",
                (long long)e->num_broken);
    for (int64_t i = 0; i < e->num_broken && i < MOST_BROKEN; i++) {
        tell_plain(to, "  ", e->broken[i].file, ": ");
        tell_plain(to, "", e->broken[i].reason, "\n");
    }
    if (e->num_broken > MOST_BROKEN)
        fprintf(to, "  ... and %lld more, which --json names\n",
                (long long)e->num_broken - MOST_BROKEN);
}

static void tell_total(const evaluation *e, FILE *to)
{
    const tn_eval_total *t = &e->total;
    const double n = (double)t->rows;
    fprintf(to, "top-1   %.2f %%  %lld of %lld\n", 100 * (double)t->top_1 / n, (long long)t->top_1,
            (long long)t->rows);
    fprintf(to, "top-5   %.2f %%  %lld of %lld\n", 100 * (double)t->top_k / n, (long long)t->top_k,
            (long long)t->rows);
    fprintf(to, "loss    %.6f\n", t->loss);
    if (t->unsaid)
        fprintf(to, "no answer for %lld pictures: what the net says of them is no number\n",
                (long long)t->unsaid);
}

/* All classes, in the model's order. */
static void tell_classes(const evaluation *e, FILE *to)
{
    table t = {.columns = "lrrrrr"};
    fputc('\n', to);
    for (const char *const *h = (const char *const[]){"class", "pictures", "right", "recall",
                                                      "said", "precision", NULL};
         *h; h++)
        table_cell(&t, "%s", *h);
    for (int k = 0; k < e->classes; k++) {
        const tn_eval_class c = tn_eval_class_of(e->eval, k);
        table_cell(&t, "%s", class_name(e, k));
        table_cell(&t, "%lld", (long long)c.rows);
        table_cell(&t, "%lld", (long long)c.right);
        share_cell(&t, c.recall);
        table_cell(&t, "%lld", (long long)c.said);
        share_cell(&t, c.precision);
    }
    table_print(&t, to);
}

static void tell_confusions(const evaluation *e, FILE *to)
{
    int64_t count;
    confusion *all = eval_confusions(e, &count);
    if (count > 0)
        fprintf(to, "\nmost often taken for another\n");
    for (int64_t i = 0; i < count && i < MOST_CONFUSIONS; i++)
        fprintf(to, "  %s -> %s: %lld of %lld (%.1f %%)\n", class_name(e, all[i].label),
                class_name(e, all[i].said), (long long)all[i].rows, (long long)all[i].of,
                100 * (double)all[i].rows / (double)all[i].of);
    free(all);
}

static void tell_matrix(const evaluation *e, FILE *to)
{
    char columns[MOST_CELLS + 2];
    if (e->classes > MOST_CELLS) {
        fprintf(to,
                "\nThe confusion matrix of %d classes is too wide for text: --json and --svg "
                "have it.\n",
                e->classes);
        return;
    }
    memset(columns, 'r', sizeof columns);
    columns[0] = 'l';
    columns[e->classes + 1] = '\0';
    table t = {.columns = columns};
    fprintf(to, "\nconfusion matrix: a row for what it is, a column for what the model says\n");
    table_cell(&t, "%s", "");
    for (int k = 0; k < e->classes; k++)
        table_cell(&t, "%s", class_name(e, k));
    int64_t at = 0;
    for (int k = 0; k < e->classes; k++) {
        table_cell(&t, "%s", class_name(e, k));
        while (at < e->cells && (e->cell[at].label < k || e->cell[at].said < 0))
            at++;
        for (int j = 0; j < e->classes; j++) {
            const bool here = at < e->cells && e->cell[at].label == k && e->cell[at].said == j;
            table_cell(&t, "%lld", here ? (long long)e->cell[at].rows : 0);
            at += here;
        }
    }
    table_print(&t, to);
}

void eval_tell(evaluation *e, FILE *to)
{
    tell_head(e, to);
    tell_total(e, to);
    tell_classes(e, to);
    tell_confusions(e, to);
    tell_matrix(e, to);
}
