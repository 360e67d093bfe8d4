/* Pictures that were sent: what there is, and to be rid of it. */
#define _GNU_SOURCE /* O_DIRECTORY, O_NOFOLLOW */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../web/reply.h"
#include "../words.h"

enum { DEPTH = UPLOAD_PARTS + 2 };

typedef struct sum {
    int64_t files, bytes;
    int64_t used; /* of the quota */
} sum;

/* All files below a folder, which is closed: counted, and removed with their folders if that is wanted. False: some are left. */
static bool walk(int fd, int depth, bool removes, sum *all)
{
    DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
    bool whole = d != NULL;
    if (!d && fd >= 0)
        close(fd);
    for (const struct dirent *e; d && (e = readdir(d));) {
        struct stat s;
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        const bool known = fstatat(dirfd(d), e->d_name, &s, AT_SYMLINK_NOFOLLOW) == 0;
        const bool is_folder = known && S_ISDIR(s.st_mode);
        if (is_folder)
            whole =
                depth < DEPTH &&
                walk(openat(dirfd(d), e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC),
                     depth + 1, removes, all) &&
                whole;
        if (removes && unlinkat(dirfd(d), e->d_name, is_folder ? AT_REMOVEDIR : 0) != 0) {
            whole = false;
        } else if (known && S_ISREG(s.st_mode)) {
            all->files++;
            all->bytes += s.st_size;
            all->used += uploads_room(s.st_size);
        }
    }
    if (d)
        closedir(d);
    return whole;
}

/* No link is followed: what was sent did not go there. */
static int open_uploads(const server *s, const char *name)
{
    char path[JAIL_PATH];
    const int length = snprintf(path, sizeof path, "uploads%s%s", *name ? "/" : "", name);
    return length < (int)sizeof path
               ? jail_open_at(s->jail.root[0].fd, path, O_RDONLY | O_DIRECTORY)
               : -1;
}

static bool path_of(const server *s, const char *name, char path[JAIL_PATH])
{
    return snprintf(path, JAIL_PATH, "%s/uploads/%s", s->workspace, name) < JAIL_PATH;
}

/* GET /uploads: each folder, and what is made of it. */
static void list(server *s, const request *r, const char *const id[], answer *a)
{
    char path[JAIL_PATH], dataset[RUN_NAME + 1];
    const int fd = open_uploads(s, "");
    DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
    reply p;
    (void)r, (void)id;
    reply_begin(&p);
    if (p.j.to) {
        json_object(&p.j, NULL);
        json_count(&p.j, "used", s->uploads.used);
        json_count(&p.j, "quota", s->uploads.quota);
        json_array(&p.j, "uploads");
        for (const struct dirent *e; d && (e = readdir(d));) {
            sum all = {0};
            if (!run_name_is_good(e->d_name) || !path_of(s, e->d_name, path))
                continue;
            (void)walk(open_uploads(s, e->d_name), 0, false, &all);
            json_object(&p.j, NULL);
            json_text(&p.j, "id", e->d_name);
            json_count(&p.j, "files", all.files);
            json_count(&p.j, "bytes", all.bytes);
            json_text(&p.j, "dataset", words_dataset_in(s, path, dataset) ? dataset : NULL);
            json_end(&p.j, '}');
        }
        json_end(&p.j, ']');
        json_end(&p.j, '}');
    }
    if (d)
        closedir(d);
    reply_end(&p, a, 200);
}

/* Whoever is trained on it now, or measured by it. */
static bool find_run(server *s, const char *path, char name[RUN_NAME + 1])
{
    static const char *const members[] = {"data.path", "data.train.path", "data.val.path"};
    bool found = false;
    cache_lock(&s->cache);
    for (size_t i = 0; i < s->cache.count && !found; i++) {
        cached_run *r = &s->cache.run[i];
        const tn_fields *c = r->info->alive ? cache_config(r) : NULL;
        for (size_t k = 0; k < sizeof members / sizeof *members && !found; k++)
            found = words_meet(c ? tn_fields_text(c, members[k]) : NULL, path);
        if (found)
            snprintf(name, RUN_NAME + 1, "%s", r->name);
    }
    cache_unlock(&s->cache);
    return found;
}

/* DELETE /uploads/NAME: its files are gone. */
static void remove_it(server *s, const request *r, const char *const id[], answer *a)
{
    char path[JAIL_PATH], name[RUN_NAME + 1];
    sum all = {0};
    reply p;
    (void)r;
    const int fd = path_of(s, id[0], path) ? open_uploads(s, id[0]) : -1;
    const bool has_set = fd >= 0 && words_dataset_in(s, path, name),
               has_run = fd >= 0 && !has_set && find_run(s, path, name);
    if (fd < 0)
        reply_error(a, 404, NULL, "nothing was sent that is called %s", id[0]);
    else if (has_set || has_run)
        reply_error(a, 409, NULL, "uploads/%s: %s %s", id[0],
                    has_set ? "it is the pictures of the data set" : "it is what is trained on by",
                    name);
    if (fd < 0 || has_set || has_run) {
        if (fd >= 0)
            close(fd);
        return;
    }
    const bool whole = walk(fd, 0, true, &all) && rmdir(path) == 0;
    s->uploads.used -= all.used;
    if (!whole) {
        reply_error(a, 500, NULL, "uploads/%s: not all of it could be removed: %s", id[0],
                    strerror(errno));
        return;
    }
    reply_begin(&p);
    if (p.j.to) {
        json_object(&p.j, NULL);
        json_count(&p.j, "files", all.files);
        json_count(&p.j, "bytes", all.bytes);
        json_end(&p.j, '}');
    }
    reply_end(&p, a, 200);
}

const api api_stored = {.route = {{"GET", "/uploads", list, .is_long = api_always},
                                  {"DELETE", "/uploads/*", remove_it, .is_long = api_always}}};
