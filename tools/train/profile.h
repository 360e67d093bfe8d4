/*
 * A profile that a program took of itself (<tenon/profile.h>), as a file and as a table.
 */
#ifndef TRAIN_PROFILE_H
#define TRAIN_PROFILE_H

#include <tenon/tenon.h>

/* Stops it, writes the file, whole or not at all, and prints what each layer took, beside what the device reaches in a product of
 * matrices and of its memory, which is measured then. `steps`: how many it is of; `force`: over
 * a file that is there. Ends the program with status 1 if it cannot. */
void profile_finish(tn_profile *profile, tn_device *device, tn_precision precision, int64_t steps,
                    const char *path, bool force);

#endif
