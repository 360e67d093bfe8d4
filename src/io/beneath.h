/*
 * Files that a file names: they lie in its folder or below, and no symbolic link leads to them.
 */
#ifndef TN_BENEATH_H
#define TN_BENEATH_H

#include <tenon/status.h>

/* Opens the file `name` of the folder that `beside` lies in, to be read. TN_ERR_FORMAT: the name leads out of the folder, or the
 * file has another name elsewhere (a hard link); TN_ERR_IO: it cannot be opened. */
tn_status tn_open_beneath(int *out, const char *beside, const char *name);

#endif
