#include "data/share.h"

#include <stdio.h>

#include "base/base.h"

bool tn_share_fills(const tn_device *d, int rows, int row)
{
    return row / (rows / tn_device_ranks(d)) == tn_device_rank(d);
}

/* What a rank says of a row. */
typedef struct verdict {
    tn_status status;
    char problem[508];
} verdict;

/* How many rows all ranks together could not fill. */
static tn_status count_failures(tn_device *d, const tn_slot *s, int rows, int *out)
{
    int all[TN_MAX_RANKS], own = 0;
    for (int i = 0; i < rows; i++)
        own += s->row[i].status != TN_OK;
    TN_TRY(tn_device_gather(d, &own, sizeof own, all));
    for (int i = 0; i < tn_device_ranks(d); i++)
        *out += all[i];
    return TN_OK;
}

static void take_over(const tn_device *d, tn_slot *s, int rows, const verdict *all)
{
    for (int i = 0; i < rows; i++) {
        if (tn_share_fills(d, rows, i) || all[i].status == TN_OK)
            continue;
        s->row[i] = (tn_row){.status = all[i].status, .problem = tn_copy_text(all[i].problem)};
    }
}

tn_status tn_share_verdicts(tn_device *d, tn_slot *s, int rows)
{
    const int own_rows = rows / tn_device_ranks(d), first = tn_device_rank(d) * own_rows;
    int failures = 0;
    TN_TRY(count_failures(d, s, rows, &failures));
    if (failures == 0)
        return TN_OK;
    verdict *all = tn_alloc((size_t)rows, sizeof *all);
    if (!all)
        return tn_no_memory("loader", (size_t)rows * sizeof *all);
    for (int i = first; i < first + own_rows; i++) {
        const tn_row *row = &s->row[i];
        all[i].status = row->status;
        snprintf(all[i].problem, sizeof all[i].problem, "%s", row->problem ? row->problem : "");
    }
    const tn_status status = tn_device_gather(d, all + first, (size_t)own_rows * sizeof *all, all);
    if (status == TN_OK)
        take_over(d, s, rows, all);
    tn_free(all);
    return status;
}
