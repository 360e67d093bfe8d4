/*
 * module: finds and loads tenon_<name>.so.
 *
 * Looked for in the folders of $TENON_MODULES, then near what this code is part of, libtenon.so or the
 * program: beside it, in tenon/ beside it, one folder up, and where an installation has it from bin/.
 */
#define _GNU_SOURCE /* dladdr */

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "devices/devices.h"

enum { MAX_MODULES = 4, MAX_PATH = 1024 };

static struct {
    char name[16];
    const void *table;
} loaded[MAX_MODULES];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static tn_status fail_with(tn_status status, const char *text)
{
    return tn_fail(status, "%s", text);
}

static const tn_host host = {
    .abi = TN_MODULE_ABI,
    .version = TENON_VERSION,
    .fail = fail_with,
    .error = tn_error,
    .alloc = tn_alloc,
    .alloc_aligned = tn_alloc_aligned,
    .free = tn_free,
};

/* ---- finding ------------------------------------------------------------------------------ */

typedef struct search {
    const char *name;
    char path[MAX_PATH]; /* of the file, once found */
    char *looked;
    size_t size;
} search;

static bool look_in(search *s, const char *folder, size_t length)
{
    snprintf(s->path, sizeof s->path, "%.*s/tenon_%s.so", (int)length, folder, s->name);
    const size_t used = strlen(s->looked);
    snprintf(s->looked + used, s->size - used, "%s%.*s", used ? ", " : "", (int)length, folder);
    return access(s->path, R_OK) == 0;
}

static bool look_in_list(search *s, const char *folders)
{
    while (folders && *folders) {
        const size_t length = strcspn(folders, ":");
        if (length && look_in(s, folders, length))
            return true;
        folders += length + (folders[length] == ':');
    }
    return false;
}

/* Near the file that this function is in. */
static bool look_nearby(search *s)
{
    static const char *const near[] = {"", "/tenon", "/..", "/../" TENON_LIBDIR "/tenon"};
    Dl_info info;
    union {
        bool (*function)(search *);
        void *object;
    } here = {look_nearby};
    char path[MAX_PATH], folder[MAX_PATH + 64];
    if (!dladdr(here.object, &info) || !info.dli_fname || !realpath(info.dli_fname, path)) {
        const ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
        path[length > 0 ? length : 0] = 0;
    }
    char *slash = strrchr(path, '/');
    if (!slash)
        return false;
    *slash = 0;
    for (size_t i = 0; i < TN_COUNT(near); i++) {
        snprintf(folder, sizeof folder, "%s%s", path, near[i]);
        if (look_in(s, folder, strlen(folder)))
            return true;
    }
    return false;
}

/* ---- loading ------------------------------------------------------------------------------ */

static tn_status load(const char *path, const void **out)
{
    void *file = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!file)
        return tn_fail(TN_ERR_DEVICE, "%s cannot be loaded: %s", path, dlerror());
    union {
        void *object;
        tn_module_entry *function;
    } entry = {dlsym(file, TN_MODULE_ENTRY)};
    if (!entry.object) {
        dlclose(file);
        return tn_fail(TN_ERR_DEVICE, "%s is no module of Tenon's: it has no %s", path,
                       TN_MODULE_ENTRY);
    }
    *out = entry.function(&host);
    return *out ? TN_OK : tn_fail(TN_ERR_DEVICE, "%s: %s", path, tn_error());
}

static tn_status find_and_load(const char *name, const void **out, char *looked, size_t size)
{
    search s = {.name = name, .looked = looked, .size = size};
    size_t slot = 0;
    for (; slot < MAX_MODULES && loaded[slot].table; slot++)
        if (strcmp(loaded[slot].name, name) == 0) {
            *out = loaded[slot].table;
            return TN_OK;
        }
    if (!look_in_list(&s, getenv("TENON_MODULES")) && !look_nearby(&s))
        return TN_OK;
    if (slot == MAX_MODULES)
        return tn_fail(TN_ERR_UNSUPPORTED, "%s: %d modules are loaded already", name, MAX_MODULES);
    TN_TRY(load(s.path, out));
    snprintf(loaded[slot].name, sizeof loaded[slot].name, "%s", name);
    loaded[slot].table = *out;
    return TN_OK;
}

tn_status tn_module_load(const char *name, const void **out, char *looked, size_t size)
{
    *out = NULL;
    *looked = 0;
    pthread_mutex_lock(&lock);
    const tn_status status = find_and_load(name, out, looked, size);
    pthread_mutex_unlock(&lock);
    return status;
}
