/*
 * Taking a run away: only a folder that is a run, and that nobody holds the lock of while it goes. Links are never followed:
 * one in the folder goes, what it names stays.
 */
#ifndef TOOLS_REMOVE_H
#define TOOLS_REMOVE_H

#include "../common/workspace.h"

typedef struct removal {
    char path[RUN_PATH];   /* of the folder, without a / at its end */
    char parent[RUN_PATH]; /* that it lies in */
    const char *name;      /* in there; within path */
    int folder, lock;      /* open; the lock is held */
    char trash[RUN_PATH];  /* the folder for it; then, where it was moved to */
} removal;

/* Opens and locks it. Ends the program with status 2 if it is a link or no run, or if it is alive, or if there is no trash
 * for it and it is to go there. */
void removal_begin(removal *r, const char *path, bool to_trash);

/* To trash/ beside the folder `runs` that it lies in, under its name or one with a number behind. Ends the program with
 * status 1 if that fails. */
void removal_move(removal *r);

/* For good. What is not removed if it fails (status 1) is still a run, and may be removed again. */
void removal_delete(removal *r);

void removal_end(removal *r);

#endif
