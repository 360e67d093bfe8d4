/* Folders that users may name: those below roots that were declared when the server began. */
#ifndef SERVE_JAIL_H
#define SERVE_JAIL_H

#include <stdbool.h>
#include <stddef.h>

enum { JAIL_ROOTS = 16, JAIL_PATH = 4096 };

typedef struct jail {
    struct {
        char *path; /* its real one */
        int fd;
    } root[JAIL_ROOTS];
    int roots;
} jail;

/* Ends the program if it is no folder. */
void jail_add(jail *j, const char *path);

/* What of a path from the root of the file system lies below root number `root`: "" is that itself; NULL: it lies elsewhere. */
const char *jail_below(const jail *j, int root, const char *path);

/* Opens a folder or a file below root number `root`, following links that stay below it or lead below another root. @return the open file; -1, and errno:
 * EXDEV is said of whatever leads outside. */
int jail_open(const jail *j, int root, const char *path, int flags);

/* A file in an open folder, which no link leads to. */
int jail_open_at(int folder, const char *name, int flags);

/* The real path of an open file. */
bool jail_path(int fd, char path[JAIL_PATH]);

/* By a path from the root of the file system: below the root that it names first. */
int jail_open_path(const jail *j, const char *path, int flags);

#endif
