/* A socket that listens: on an address of this machine, or in a file. */
#ifndef SERVE_LISTEN_H
#define SERVE_LISTEN_H

#include <stdbool.h>

/* On a port of an address, "127.0.0.1", "::1", "0.0.0.0"; port 0: any that is free, and *port says which. Ends the program, saying
 * why, if that cannot be. */
int listen_on(const char *address, int *port);

/* At a path, for this user alone; a socket there that nobody listens at is replaced. */
int listen_at(const char *path);

/* Is it one of this machine alone? */
bool listen_is_local(const char *address);

#endif
