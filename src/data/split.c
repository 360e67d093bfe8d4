/*
 * One set split into two, class by class.
 *
 * Of a class of n images round(n percent / 100) go to the second part, but at least 1 and at most
 * n - 1; a class of one image stays in the first. Which ones they are is a draw of that many out of n
 * without replacement (Knuth, TAOCP 2, 3.4.2, algorithm S: selection sampling), so that both parts
 * keep the order of the set.
 */
#include <math.h>

#include "base/random.h"
#include "data/dataset.h"
#include "data/packed.h"

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
    if (status == TN_OK && !part->class_count)
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

static tn_status share_out(const tn_dataset *set, tally *tallies, tn_dataset *const part[2])
{
    for (size_t i = 0; i < set->num_items; i++) {
        const tn_item *item = &set->item[i];
        tn_dataset *to = part[choose(&tallies[item->label])];
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
    return TN_OK;
}

tn_status tn_dataset_split(const tn_dataset *set, double percent, uint64_t seed, tn_dataset **first,
                           tn_dataset **second)
{
    TN_NEED(set, "set");
    TN_NEED(first, "first");
    TN_NEED(second, "second");
    if (!(percent > 0 && percent < 100))
        return tn_fail(TN_ERR_ARGUMENT, "split: %g per cent is not between 0 and 100", percent);
    tn_dataset *part[2] = {NULL, NULL};
    tn_status status = TN_OK;
    tally *tallies = tn_alloc(set->num_classes, sizeof *tallies);
    if (!tallies) {
        status = tn_no_memory("split", set->num_classes * sizeof *tallies);
        goto fail;
    }
    for (size_t i = 0; i < set->num_classes; i++)
        tallies[i] = (tally){tn_random_begin(seed, TN_RANDOM_SPLIT, i), set->class_count[i],
                             share(set->class_count[i], percent)};
    for (int i = 0; i < 2; i++) {
        status = empty_like(&part[i], set);
        if (status != TN_OK)
            goto fail;
    }
    status = share_out(set, tallies, part);
    if (status != TN_OK)
        goto fail;
    tn_free(tallies);
    *first = part[0];
    *second = part[1];
    return TN_OK;
fail:
    tn_free(tallies);
    tn_dataset_close(part[0]);
    tn_dataset_close(part[1]);
    return status;
}
