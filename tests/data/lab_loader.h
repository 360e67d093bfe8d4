/*
 * Loaders for tests.
 */
#ifndef TN_LAB_LOADER_H
#define TN_LAB_LOADER_H

#include <tenon/data.h>

/* Batches of 4, 20 x 16 pixels; everything that may be chosen at random is. */
tn_loader_opts lab_augmented(void);
tn_loader *lab_open_loader(const tn_dataset *from, const tn_loader_opts *opts);

#endif
