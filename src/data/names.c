#include "data/names.h"

#include <string.h>
#include <strings.h>

#include "base/base.h"

/* TGA and those behind it are not read: whoever has files named so is told by their decoder. */
static const char *const endings[] = {"jpg", "jpeg", "jpe", "jfif", "png", "webp",
                                      "bmp", "dib",  "gif", "ppm",  "pgm", "pbm",
                                      "pnm", "tga",  "psd", "hdr",  "pic"};

/* Of Synology, QNAP, macOS, Windows, Linux (fsck), and programs. Names that begin with a dot (.thumbnails,
 * .ipynb_checkpoints, ._name.jpg) are hidden anyway. */
static const char *const of_systems[] = {"@eaDir",
                                         "#recycle",
                                         "#snapshot",
                                         "@tmp",
                                         "@Recycle",
                                         "@Recently-Snapshot",
                                         "__MACOSX",
                                         "Network Trash Folder",
                                         "Temporary Items",
                                         "$RECYCLE.BIN",
                                         "RECYCLER",
                                         "System Volume Information",
                                         "found.000",
                                         "lost+found",
                                         "_vti_cnf",
                                         "__pycache__",
                                         "CVS"};

static const char *const train[] = {"train", "training"};
static const char *const test[] = {"val", "valid", "validation", "test", "testing", "eval"};

static bool is_among(const char *name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcasecmp(name, names[i]) == 0)
            return true;
    return false;
}

bool tn_name_is_image(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot && is_among(dot + 1, endings, TN_COUNT(endings));
}

bool tn_name_is_of_system(const char *name)
{
    return is_among(name, of_systems, TN_COUNT(of_systems));
}

bool tn_name_is_train(const char *name)
{
    return is_among(name, train, TN_COUNT(train));
}

bool tn_name_is_test(const char *name)
{
    return is_among(name, test, TN_COUNT(test));
}
