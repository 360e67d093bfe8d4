#include "backends/cuda/libraries/open.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/cuda/libraries/libraries.h"

const char tn_cuda_name[] = "cuda";

typedef struct search {
    const char *file;
    void *library;
    char tried[640]; /* "FOLDER: why not; ..." */
} search;

/* Why the dynamic linker did not: what comes after the file's name, which is known. */
static const char *reason(const char *path)
{
    const char *text = dlerror();
    if (!text)
        return "no reason given";
    const size_t length = strlen(path);
    return strncmp(text, path, length) == 0 && text[length] == ':' ? text + length + 2 : text;
}

static bool look_in(search *s, const char *folder, size_t length)
{
    char path[512];
    snprintf(path, sizeof path, "%.*s%s%s", (int)length, folder, length ? "/" : "", s->file);
    s->library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (s->library)
        return true;
    const size_t used = strlen(s->tried);
    snprintf(s->tried + used, sizeof s->tried - used, "%s%.*s: %.160s", used ? "; " : "",
             length ? (int)length : 32, length ? folder : "where the linker looks", reason(path));
    return false;
}

static bool look(search *s)
{
    static const char *const usual[] = {"/usr/local/cuda/lib64", "/usr/lib/x86_64-linux-gnu",
                                        "/usr/lib/aarch64-linux-gnu", "/usr/lib64"};
    const char *folders = getenv("TENON_CUDA_LIBS");
    while (folders && *folders) {
        const size_t length = strcspn(folders, ":");
        if (length && look_in(s, folders, length))
            return true;
        folders += length + (folders[length] == ':');
    }
    if (look_in(s, "", 0))
        return true;
    for (size_t i = 0; i < TN_COUNT(usual); i++)
        if (look_in(s, usual[i], strlen(usual[i])))
            return true;
    return false;
}

tn_status tn_library_open(const char *file, const char *needed, const tn_library_entry *entries)
{
    search s = {.file = file};
    if (!look(&s))
        return tn_fail(TN_ERR_DEVICE,
                       "%s is needed, and no %s was found (folders may be named in "
                       "$TENON_CUDA_LIBS): %s",
                       needed, file, s.tried);
    for (const tn_library_entry *e = entries; e->name; e++) {
        /* dlsym() gives an object's address for a function's, which POSIX allows and C does not. */
        union {
            void *object;
            void (*function)(void);
        } entry = {dlsym(s.library, e->name)};
        if (!entry.object) {
            dlclose(s.library);
            return tn_fail(TN_ERR_DEVICE, "%s is needed: the %s that was found has no %s", needed,
                           file, e->name);
        }
        *e->function = entry.function;
    }
    return TN_OK;
}
