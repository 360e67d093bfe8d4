/* The runs of a folder, and what repeats one. */
#define _POSIX_C_SOURCE 200809L /* openat */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runs/read.h"

struct tn_runs {
    tn_run_info **run;
    size_t count, capacity;
};

int64_t tn_runs_count(const tn_runs *runs)
{
    return runs ? (int64_t)runs->count : 0;
}

const tn_run_info *tn_runs_at(const tn_runs *runs, int64_t index)
{
    return index >= 0 && index < tn_runs_count(runs) ? runs->run[index] : NULL;
}

void tn_runs_close(tn_runs *runs)
{
    if (!runs)
        return;
    for (size_t i = 0; i < runs->count; i++)
        tn_run_info_close(runs->run[i]);
    tn_free(runs->run);
    tn_free(runs);
}

static int by_name(const void *a, const void *b)
{
    return strcmp((*(tn_run_info *const *)a)->name, (*(tn_run_info *const *)b)->name);
}

/* What is no folder, or is gone by now, or is no run, is passed over. */
static tn_status add(tn_runs *runs, int at, const char *name, const char *path)
{
    struct stat s;
    if (fstatat(at, name, &s, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISDIR(s.st_mode))
        return TN_OK;
    TN_TRY(tn_grow((void **)&runs->run, runs->count, &runs->capacity, sizeof *runs->run, "runs"));
    char *whole = tn_format("%s/%s", path, name);
    if (!whole)
        return tn_no_memory("path of a run", strlen(path) + strlen(name));
    tn_error_kept kept;
    tn_error_keep(&kept);
    tn_status status = tn_run_read_at(&runs->run[runs->count], at, name, whole);
    tn_free(whole);
    if (status == TN_OK)
        runs->count++;
    else if (status != TN_ERR_MEMORY) {
        tn_error_put_back(&kept);
        status = TN_OK;
    }
    return status;
}

static tn_status add_all(tn_runs *runs, DIR *d, const char *path)
{
    const struct dirent *e;
    errno = 0;
    while ((e = readdir(d))) {
        if (e->d_name[0] != '.')
            TN_TRY(add(runs, dirfd(d), e->d_name, path));
        errno = 0;
    }
    return errno == 0 ? TN_OK : tn_fail(TN_ERR_IO, "%s: %s", path, strerror(errno));
}

/* The folder, or its `runs`, unless that is a run of this name. */
static tn_status open_folder(DIR **out, char **path, const char *folder)
{
    int fd, inner = -1;
    struct stat lock;
    TN_TRY(tn_runs_open_folder(&fd, AT_FDCWD, folder, folder));
    inner = openat(fd, "runs", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (inner >= 0 && fstatat(inner, "lock", &lock, AT_SYMLINK_NOFOLLOW) == 0) {
        close(inner);
        inner = -1;
    }
    if (inner >= 0) {
        close(fd);
        fd = inner;
    }
    *path = inner >= 0 ? tn_format("%s/runs", folder) : tn_copy_text(folder);
    if (*path && (*out = fdopendir(fd)))
        return TN_OK;
    const tn_status status = *path ? tn_fail(TN_ERR_IO, "%s: %s", *path, strerror(errno))
                                   : tn_no_memory("path of runs", strlen(folder));
    close(fd);
    return status;
}

tn_status tn_runs_list(tn_runs **out, const char *folder)
{
    TN_NEED(out, "out");
    TN_NEED(folder, "folder");
    char *path = NULL;
    DIR *d = NULL;
    tn_runs *runs = NULL;
    tn_status status = open_folder(&d, &path, folder);
    if (status == TN_OK)
        status = (runs = tn_alloc(1, sizeof *runs)) ? add_all(runs, d, path)
                                                    : tn_no_memory("runs", sizeof *runs);
    if (d)
        closedir(d);
    tn_free(path);
    if (status != TN_OK) {
        tn_runs_close(runs);
        return status;
    }
    if (runs->count > 1)
        qsort(runs->run, runs->count, sizeof *runs->run, by_name);
    *out = runs;
    return TN_OK;
}

tn_status tn_run_config_fields(tn_fields **out, const char *folder)
{
    TN_NEED(out, "out");
    TN_NEED(folder, "folder");
    int fd;
    char *text = NULL;
    size_t size = 0;
    TN_TRY(tn_runs_open_folder(&fd, AT_FDCWD, folder, folder));
    tn_status status =
        tn_runs_read_whole(&text, &size, fd, folder, "config.json", TN_RUN_CONFIG_MOST);
    close(fd);
    if (status == TN_END)
        return tn_fail(TN_ERR_IO, "%s: has no config.json", folder);
    if (status != TN_OK)
        return status;
    cJSON *object = tn_json_object(text, size);
    status = object ? tn_fields_of(out, object, "config.json")
                    : tn_fail(TN_ERR_FORMAT, "%s/config.json: is not a JSON object", folder);
    cJSON_Delete(object);
    tn_free(text);
    return status;
}
