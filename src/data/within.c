/*
 * Which files links may lead to: those below the folders of TENON_WITHIN, a line each; without it any. For whoever opens folders
 * that others name (tenon serve): a link in such a folder must not show what lies elsewhere.
 */
#define _XOPEN_SOURCE 700 /* realpath, PATH_MAX */

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <tenon/data.h>

#include "base/base.h"

static bool is_below(const char *path, const char *folder, size_t length)
{
    while (length > 0 && folder[length - 1] == '/')
        length--;
    return strncmp(path, folder, length) == 0 && (path[length] == '/' || path[length] == '\0');
}

tn_status tn_path_within(const char *path)
{
    char real[PATH_MAX];
    TN_NEED(path, "path");
    const char *folders = getenv("TENON_WITHIN");
    if (!folders || !*folders)
        return TN_OK;
    if (!realpath(path, real))
        return tn_fail(TN_ERR_IO, "%s: %s", path, strerror(errno));
    for (const char *at = folders; *at;) {
        const size_t length = strcspn(at, "\n");
        if (length > 0 && is_below(real, at, length))
            return TN_OK;
        at += length + (at[length] == '\n');
    }
    return tn_fail(TN_ERR_ARGUMENT,
                   "%s: leads to %s, outside of the folders that may be read (TENON_WITHIN; --data "
                   "of tenon serve)",
                   path, real);
}
