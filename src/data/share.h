/*
 * A batch that several ranks make together: each fills its rows, and all know what came of every one.
 */
#ifndef TN_DATA_SHARE_H
#define TN_DATA_SHARE_H

#include "data/queue.h"

/* Is this row, of so many, for this rank to fill? */
bool tn_share_fills(const tn_device *d, int rows, int row);

/* Rows that other ranks could not fill become such here too: status, problem, no sample. */
tn_status tn_share_verdicts(tn_device *d, tn_slot *s, int rows);

#endif
