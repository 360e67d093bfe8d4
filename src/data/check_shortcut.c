/*
 * Shortcuts: is the class told by one number of the file alone?
 *
 * A number's values are cut into 16 bins of about as many pictures (equal values stay together), and each bin guesses
 * the class that most of its pictures have; guessed is a fifth of the pictures at a time, by what the other four fifths
 * say. It is a shortcut if
 *
 *   that is right 20 points more often than always guessing the largest class, and by four deviations of chance; or
 *   of one class at least half are told, four fifths of those that are taken for it being of it
 *
 * the second since among many classes one that gives itself away hardly moves the share of all; where it is one, it is
 * named. What tells most is named
 * first; other numbers that tell too, as bytes do where widths do, are named with it: there is one cause.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "data/check.h"

enum { BINS = 16, FOLDS = 5, LEAST = 40, AREA = TN_HASH_SIDE * TN_HASH_SIDE };

static double format_of(const tn_look *l)
{
    return l->format[2]; /* the letter in which all of them differ */
}
static double quality_of(const tn_look *l)
{
    return l->quality;
}
static double grey_of(const tn_look *l)
{
    return l->grey;
}
static double red_of(const tn_look *l)
{
    return l->sum[0];
}
static double green_of(const tn_look *l)
{
    return l->sum[1];
}
static double blue_of(const tn_look *l)
{
    return l->sum[2];
}

static const struct {
    const char *name;
    double (*of)(const tn_look *l);
} numbers[] = {{"format", format_of},      {"grey", grey_of},          {"width", tn_look_width},
               {"height", tn_look_height}, {"aspect", tn_look_aspect}, {"JPEG quality", quality_of},
               {"bytes", tn_look_bytes},   {"mean red", red_of},       {"mean green", green_of},
               {"mean blue", blue_of}};
enum { FORMAT, GREY, NUMBERS = TN_COUNT(numbers) };

typedef struct valued {
    double value;
    int32_t label, fold;
} valued;

/* Counts, [BINS][FOLDS][classes] and sums of them over folds. */
typedef struct guesser {
    const tn_check *check;
    valued *picture;
    int64_t count;
    int32_t *fold_of; /* [count], as the pictures are in the set */
    int32_t *in;      /* [BINS][FOLDS][classes] */
    int32_t *sum;     /* [BINS][classes] */
    int64_t *hit,
        *taken; /* [classes]: guessed rightly, and guessed at all where most of a bin are of it */
} guesser;

/* What a number tells. */
typedef struct verdict {
    bool tells;
    double right; /* share of all, or of the class that it tells */
    int label;    /* that class, or -1: all of them */
} verdict;

static int by_value(const void *a, const void *b)
{
    const double x = ((const valued *)a)->value, y = ((const valued *)b)->value;
    return (x > y) - (x < y);
}

static void fill(guesser *g, double (*of)(const tn_look *l))
{
    const tn_check *c = g->check;
    int64_t count = 0;
    for (int64_t i = 0; i < c->first[1]; i++)
        if (tn_check_reads(c, i)) {
            g->picture[count] =
                (valued){of(&c->look[i]), tn_check_source(c, i)->label, g->fold_of[count]};
            count++;
        }
    qsort(g->picture, (size_t)count, sizeof *g->picture, by_value);
    memset(g->in, 0, sizeof *g->in * BINS * FOLDS * (size_t)c->num_classes);
    memset(g->sum, 0, sizeof *g->sum * BINS * (size_t)c->num_classes);
    int64_t bin = 0;
    for (int64_t i = 0; i < count; i++) {
        const valued *p = &g->picture[i];
        if (i == 0 || p->value != p[-1].value)
            bin = i * BINS / count;
        g->in[(bin * FOLDS + p->fold) * c->num_classes + p->label]++;
        g->sum[bin * c->num_classes + p->label]++;
    }
}

/* The pictures of one bin and fold are guessed by the other folds. Returns how many rightly. */
static int64_t guess(guesser *g, int bin, int fold)
{
    const int classes = g->check->num_classes;
    const int32_t *in = g->in + (bin * FOLDS + fold) * classes, *sum = g->sum + bin * classes;
    int best = 0;
    int64_t here = 0, others = 0;
    for (int i = 0; i < classes; i++) {
        best = sum[i] - in[i] > sum[best] - in[best] ? i : best;
        here += in[i];
        others += sum[i] - in[i];
    }
    if (2 * (sum[best] - in[best]) > others) {
        g->hit[best] += in[best];
        g->taken[best] += here;
    }
    return in[best];
}

static verdict judge(guesser *g, double (*of)(const tn_look *l))
{
    const int classes = g->check->num_classes;
    const int64_t *count = g->check->class_count[0];
    int64_t right = 0, largest = 0;
    verdict v = {.label = -1};
    fill(g, of);
    memset(g->hit, 0, sizeof *g->hit * (size_t)classes);
    memset(g->taken, 0, sizeof *g->taken * (size_t)classes);
    for (int bin = 0; bin < BINS; bin++)
        for (int fold = 0; fold < FOLDS; fold++)
            right += guess(g, bin, fold);
    for (int i = 0; i < classes; i++)
        largest = count[i] > largest ? count[i] : largest;
    const double n = (double)g->count, base = (double)largest / n;
    v.right = (double)right / n;
    v.tells = v.right - base > 0.2 && v.right - base > 4 * sqrt(base * (1 - base) / n);
    verdict one = {.label = -1};
    int told = 0;
    for (int i = 0; i < classes && classes > 2; i++)
        if (count[i] >= LEAST / 2 && 2 * g->hit[i] >= count[i] &&
            5 * g->hit[i] >= 4 * g->taken[i]) {
            const double share = (double)g->hit[i] / (double)count[i];
            if (told++ == 0 || share > one.right)
                one = (verdict){true, share, i};
        }
    return told == 1 || (told > 1 && !v.tells) ? one : v;
}

/* Every fifth of a class is of the same fold, so that each has of all. */
static void deal(guesser *g, int64_t *seen)
{
    const tn_check *c = g->check;
    int64_t count = 0;
    for (int64_t i = 0; i < c->first[1]; i++)
        if (tn_check_reads(c, i))
            g->fold_of[count++] = (int32_t)(seen[tn_check_source(c, i)->label]++ % FOLDS);
}

static tn_status tell(tn_check *c, const verdict *of)
{
    char also[256] = "";
    int best = -1, others = 0;
    size_t used = 0;
    for (int i = 0; i < NUMBERS; i++)
        if (of[i].tells && (best < 0 || of[i].right > of[best].right + 1e-9))
            best = i;
    for (int i = 0; i < NUMBERS; i++)
        if (of[i].tells && i != best)
            used +=
                (size_t)tn_print(also + used, sizeof also - used, "%s%s (%.3g %%)",
                                 others++ ? ", " : "; so do ", numbers[i].name, 100 * of[i].right);
    if (best < 0)
        return TN_OK;
    const verdict *v = &of[best];
    tn_finding *f = tn_check_add(c, TN_FIND_SHORTCUT, 0, v->label >= 0);
    if (!f)
        return TN_ERR_MEMORY;
    if (v->label >= 0)
        tn_check_labels(f)[0] = v->label;
    f->text =
        v->label >= 0
            ? tn_check_text(c,
                            "%s alone tells %.3g %% of the pictures of %s from all others%s: a "
                            "network may learn that instead of the picture.",
                            numbers[best].name, 100 * v->right, c->set[0]->class_name[v->label],
                            also)
            : tn_check_text(c,
                            "%s alone tells the class of %.3g %% of the pictures%s: a network may "
                            "learn that instead of the picture.",
                            numbers[best].name, 100 * v->right, also);
    return f->text ? TN_OK : tn_check_no_memory();
}

static tn_status judge_all(tn_check *c, guesser *g, int64_t *seen, bool *by_format, bool *by_grey)
{
    verdict of[NUMBERS];
    deal(g, seen);
    for (int i = 0; i < NUMBERS; i++)
        of[i] = judge(g, numbers[i].of);
    *by_format = of[FORMAT].tells;
    *by_grey = of[GREY].tells;
    return tell(c, of);
}

tn_status tn_check_shortcuts(tn_check *c, bool *told_by_format, bool *told_by_grey)
{
    const size_t classes = (size_t)c->num_classes, read = (size_t)c->side[0].read;
    if (classes < 2 || read < LEAST)
        return TN_OK;
    guesser g = {.check = c,
                 .count = (int64_t)read,
                 .picture = tn_alloc(read, sizeof *g.picture),
                 .fold_of = tn_alloc(read, sizeof *g.fold_of),
                 .in = tn_alloc(BINS * FOLDS * classes, sizeof *g.in),
                 .sum = tn_alloc(BINS * classes, sizeof *g.sum),
                 .hit = tn_alloc(classes, sizeof *g.hit),
                 .taken = tn_alloc(classes, sizeof *g.taken)};
    int64_t *seen = tn_alloc(classes, sizeof *seen);
    tn_status status = TN_OK;
    if (g.picture && g.fold_of && g.in && g.sum && g.hit && g.taken && seen)
        status = judge_all(c, &g, seen, told_by_format, told_by_grey);
    else
        status = tn_check_no_memory();
    tn_free(g.picture);
    tn_free(g.fold_of);
    tn_free(g.in);
    tn_free(g.sum);
    tn_free(g.hit);
    tn_free(g.taken);
    tn_free(seen);
    return status;
}
