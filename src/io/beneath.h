/*
 * Files that a file names: they lie in its folder or below, and no symbolic link leads to them.
 */
#ifndef TN_BENEATH_H
#define TN_BENEATH_H

#include "io/mapped.h"

/* The whole of the file `name` of the folder that `beside` lies in. TN_ERR_FORMAT: the name leads out of the folder, or the
 * file has another name elsewhere (a hard link); TN_ERR_IO as tn_map(). */
tn_status tn_map_beneath(tn_mapped *out, const char *beside, const char *name);

#endif
