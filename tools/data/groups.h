/*
 * Which pictures of a set belong together because they are the same or look alike: what tenon data check finds as conflict,
 * leak, same and alike.
 */
#ifndef TOOLS_DATA_GROUPS_H
#define TOOLS_DATA_GROUPS_H

#include <stdbool.h>
#include <stdint.h>

#include <tenon/tenon.h>

/* A number for each image, that of its group, or -1 for one that is alone: free() it. *groups is how many there are. Looks
 * at every picture; shows how far it is unless it is to be quiet. */
int64_t *groups_of_set(const tn_dataset *set, int threads, bool quiet, int64_t *groups);

/* The same from what `tenon data check --json` wrote of this set to a file. Ends the program with status 2 if the file is
 * something else, or none of its pictures is in the set; some may be left out. */
int64_t *groups_of_report(const tn_dataset *set, const char *path, int64_t *groups);

#endif
