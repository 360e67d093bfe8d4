/*
 * One set split into two, class by class; and any part of one.
 *
 * Of a class of n images round(n percent / 100) go to the second part, but at least 1 and at most
 * n - 1; a class of one image stays in the first. Which ones they are is a draw of that many out of n
 * without replacement (Knuth, TAOCP 2, 3.4.2, algorithm S: selection sampling), so that both parts
 * keep the order of the set.
 *
 * Groups go first and whole: a group is drawn as the image of it that comes first would be, and then taken
 * if what each of its classes is still to give has room for it. The images that are alone follow, as above, and make up
 * for what the groups took or could not take.
 */
#include <math.h>
#include <stdlib.h>

#include "base/random.h"
#include "data/dataset.h"
#include "data/packed.h"

enum { UNDECIDED, FIRST, SECOND }; /* the part of an image */

/* Where a class stands while its images go by: how many are still to come and still to be chosen. */
typedef struct tally {
    tn_random random;
    int64_t left, wanted;
} tally;

static int64_t share(int64_t count, double percent)
{
    const int64_t wanted = (int64_t)floor((double)count * percent / 100 + 0.5);
    if (wanted > count - 1)
        return count - 1;
    return wanted < 1 && count > 1 ? 1 : wanted;
}

static bool choose(tally *t)
{
    const bool chosen = tn_random_below(&t->random, (uint64_t)t->left) < (uint64_t)t->wanted;
    t->left--;
    t->wanted -= chosen;
    return chosen;
}

/* An empty set with the classes (all of them, so that numbers stay) and the images of another. */
static tn_status empty_like(tn_dataset **out, const tn_dataset *set)
{
    tn_dataset *part = tn_alloc(1, sizeof *part);
    if (!part)
        return tn_no_memory("part of a set", sizeof *part);
    tn_status status = TN_OK;
    for (size_t i = 0; status == TN_OK && i < set->num_classes; i++)
        status = tn_dataset_add_class(part, set->class_name[i]);
    part->class_count = tn_alloc(set->num_classes, sizeof *part->class_count);
    part->root = tn_dataset_text(part, "%s", set->root);
    if (status == TN_OK && (!part->class_count || !part->root))
        status = tn_no_memory("part of a set", set->num_classes * sizeof *part->class_count);
    if (status != TN_OK) {
        tn_dataset_close(part);
        return status;
    }
    part->is_folder = set->is_folder;
    part->device = set->device;
    part->inode = set->inode;
    part->numbered = set->numbered;
    part->packed = tn_packed_share(set->packed);
    *out = part;
    return TN_OK;
}

/* ---- groups --------------------------------------------------------------------------------- */

typedef struct member {
    int64_t group;
    size_t item;
} member;

static int by_group(const void *a, const void *b)
{
    const member *x = a, *y = b;
    const int order = (x->group > y->group) - (x->group < y->group);
    return order ? order : (x->item > y->item) - (x->item < y->item);
}

/* Is there room for all of the group in what its classes are still to give? Takes it, if so. */
static bool take_group(const tn_dataset *set, tally *tallies, const member *m, size_t count)
{
    bool fits = true;
    for (size_t i = 0; i < count; i++)
        fits &= tallies[set->item[m[i].item].label].wanted-- > 0;
    for (size_t i = 0; i < count && !fits; i++)
        tallies[set->item[m[i].item].label].wanted++;
    return fits;
}

/* Draws for a group; its first image's class does so. */
static void place_group(const tn_dataset *set, tally *tallies, const member *m, size_t count,
                        signed char *side)
{
    tally *t = &tallies[set->item[m->item].label];
    const bool drawn = tn_random_below(&t->random, (uint64_t)t->left) < (uint64_t)t->wanted;
    const bool chosen = drawn && take_group(set, tallies, m, count);
    for (size_t i = 0; i < count; i++) {
        side[m[i].item] = chosen ? SECOND : FIRST;
        tallies[set->item[m[i].item].label].left--;
    }
}

static tn_status place_groups(const tn_dataset *set, tally *tallies, const int64_t *group,
                              signed char *side)
{
    member *m = tn_alloc(set->num_items, sizeof *m);
    if (!m)
        return tn_no_memory("split", set->num_items * sizeof *m);
    for (size_t i = 0; i < set->num_items; i++)
        m[i] = (member){group[i], i};
    qsort(m, set->num_items, sizeof *m, by_group);
    for (size_t i = 0, end; i < set->num_items; i = end) {
        for (end = i; end < set->num_items && m[end].group == m[i].group;)
            end++;
        if (m[i].group >= 0 && end - i > 1)
            place_group(set, tallies, &m[i], end - i, side);
    }
    tn_free(m);
    return TN_OK;
}

/* ---- both parts ----------------------------------------------------------------------------- */

static tn_status share_out(const tn_dataset *set, tally *tallies, const signed char *side,
                           tn_dataset *const part[2])
{
    for (size_t i = 0; i < set->num_items; i++) {
        const tn_item *item = &set->item[i];
        tn_dataset *to = part[side[i] ? side[i] == SECOND : choose(&tallies[item->label])];
        TN_TRY(tn_dataset_add_item(to, item->path, item->row, item->label));
        to->class_count[item->label]++;
    }
    if (part[1]->num_items == 0)
        return tn_fail(TN_ERR_ARGUMENT,
                       "split: no class has the two images that sharing out takes");
    for (size_t i = 0; i < set->num_classes; i++)
        if (set->class_count[i] == 1)
            TN_TRY(tn_dataset_add_notice(
                part[1], "class %s has one image, which is in the other part", set->class_name[i]));
        else if (set->class_count[i] > 1 && part[1]->class_count[i] == 0)
            TN_TRY(tn_dataset_add_notice(part[1],
                                         "class %s has no image here: its groups of images are too "
                                         "large for what it gives",
                                         set->class_name[i]));
    return TN_OK;
}

static tn_status split(const tn_dataset *set, double percent, uint64_t seed, const int64_t *group,
                       tn_dataset *part[2])
{
    tn_status status = TN_OK;
    tally *tallies = tn_alloc(set->num_classes, sizeof *tallies);
    signed char *side = tn_alloc(set->num_items, sizeof *side);
    if (!tallies || !side)
        status = tn_no_memory("split", set->num_classes * sizeof *tallies + set->num_items);
    for (size_t i = 0; status == TN_OK && i < set->num_classes; i++)
        tallies[i] = (tally){tn_random_begin(seed, TN_RANDOM_SPLIT, i), set->class_count[i],
                             share(set->class_count[i], percent)};
    for (int i = 0; status == TN_OK && i < 2; i++)
        status = empty_like(&part[i], set);
    if (status == TN_OK && group)
        status = place_groups(set, tallies, group, side);
    if (status == TN_OK)
        status = share_out(set, tallies, side, part);
    tn_free(tallies);
    tn_free(side);
    return status;
}

tn_status tn_dataset_split_groups(const tn_dataset *set, double percent, uint64_t seed,
                                  const int64_t *group, tn_dataset **first, tn_dataset **second)
{
    TN_NEED(set, "set");
    TN_NEED(first, "first");
    TN_NEED(second, "second");
    if (!(percent > 0 && percent < 100))
        return tn_fail(TN_ERR_ARGUMENT, "split: %g per cent is not between 0 and 100", percent);
    tn_dataset *part[2] = {NULL, NULL};
    const tn_status status = split(set, percent, seed, group, part);
    if (status != TN_OK) {
        tn_dataset_close(part[0]);
        tn_dataset_close(part[1]);
        return status;
    }
    *first = part[0];
    *second = part[1];
    return TN_OK;
}

tn_status tn_dataset_split(const tn_dataset *set, double percent, uint64_t seed, tn_dataset **first,
                           tn_dataset **second)
{
    TN_NEED(set, "set");
    TN_NEED(first, "first");
    TN_NEED(second, "second");
    return tn_dataset_split_groups(set, percent, seed, NULL, first, second);
}
