/*
 * path: where a file is that another one names.
 */
#define _POSIX_C_SOURCE 200809L /* access */

#include <string.h>
#include <unistd.h>

#include "caffe/import.h"

enum { MOST_FOLDERS = 16 };

tn_status tn_caffe_beside(tn_caffe *c, const char *named, char **path)
{
    const char *own = c->m->path;
    size_t folder = strlen(own);
    *path = tn_copy_text(named);
    for (int i = 0; *path && access(*path, R_OK) != 0; i++) {
        tn_free(*path);
        *path = NULL;
        if (named[0] == '/' || i == MOST_FOLDERS || (i > 0 && folder == 0))
            return TN_OK;
        while (folder > 0 && own[folder - 1] != '/') /* the name, then a folder more each time */
            folder--;
        *path = tn_format("%.*s%s", (int)folder, own, named);
        folder -= folder > 1;
    }
    return *path ? TN_OK : tn_no_memory("a path", strlen(named));
}
