/* Files of models that are sent, and that go to the trash: WORKSPACE/models. */
#define _GNU_SOURCE /* O_TMPFILE, linkat */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../models.h"
#include "../web/reply.h"

enum { ROOM = JAIL_PATH + RUN_NAME + 32 };

static void path_of(const server *s, const char *name, char path[ROOM])
{
    snprintf(path, ROOM, "%s/models%s%s", s->workspace, *name ? "/" : "", name);
}

/* Bytes of all files that are there. */
static int64_t used(const server *s)
{
    char folder[ROOM];
    int64_t bytes = 0;
    struct stat st;
    path_of(s, "", folder);
    DIR *d = opendir(folder);
    for (const struct dirent *e; d && (e = readdir(d));)
        if (fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode))
            bytes += (int64_t)st.st_size;
    if (d)
        closedir(d);
    return bytes;
}

/* Its bytes go to a file without a name. */
static bool take_model(server *s, const request *r, const char *const id[], http_place *p,
                       answer *a)
{
    char folder[ROOM];
    if (!model_format(id[0])) {
        reply_error(a, 422, "name",
                    "%s: a model's file ends in .safetensors, .onnx, .plan or .caffemodel", id[0]);
        return false;
    }
    if (!uploads_reserve(&s->uploads, used(s), http_header(r, "Content-Length"), p, a))
        return false;
    path_of(s, "", folder);
    (void)mkdir(folder, 0777);
    p->file = open(folder, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666);
    if (p->file > 0)
        return true;
    p->file = 0;
    reply_error(a, 500, NULL, "%.200s cannot be written to: %s", folder, strerror(errno));
    return false;
}

static void tell_id(answer *a, unsigned status, const char *id)
{
    reply p;
    reply_begin(&p);
    if (p.j.to) {
        json_object(&p.j, NULL);
        json_text(&p.j, "id", id);
        json_end(&p.j, '}');
    }
    reply_end(&p, a, status);
}

/* PUT /models/NAME: there when all of it is; nothing takes the place of what is there. */
static void put_model(server *s, const request *r, const char *const id[], answer *a)
{
    char path[ROOM], from[64];
    if (!r->file || r->size == 0) {
        reply_error(a, 422, NULL, "no file was sent");
        return;
    }
    path_of(s, id[0], path);
    snprintf(from, sizeof from, "/proc/self/fd/%d", r->file);
    if (linkat(AT_FDCWD, from, AT_FDCWD, path, AT_SYMLINK_FOLLOW) == 0)
        tell_id(a, 201, id[0]);
    else if (errno == EEXIST)
        reply_error(a, 409, "name", "there is a model %s already", id[0]);
    else
        reply_error(a, 500, NULL, "%.200s cannot be written: %s", path, strerror(errno));
}

/* DELETE /models/NAME: to the workspace's trash. Models of runs go with their runs. */
static void remove_model(server *s, const request *r, const char *const id[], answer *a)
{
    model_file m;
    char from[ROOM], to[ROOM + 16];
    int n = 0;
    (void)r;
    if (!model_find(s, id[0], &m, a))
        return;
    if (*m.run) {
        reply_error(a, 409, NULL, "%s is a run's: it goes with it", id[0]);
        return;
    }
    path_of(s, id[0], from);
    snprintf(to, sizeof to, "%s/trash", s->workspace);
    (void)mkdir(to, 0777);
    do
        snprintf(to, sizeof to, "%s/trash/%s%s%.0d", s->workspace, id[0], n ? "." : "", n);
    while (access(to, F_OK) == 0 && n++ < 1000);
    if (rename(from, to) == 0)
        tell_id(a, 200, id[0]);
    else
        reply_error(a, 500, NULL, "%s cannot be moved to the trash: %s", id[0], strerror(errno));
}

const api api_models_sent = {.route = {
                                 {"PUT", "/models/*", put_model, take_model},
                                 {"DELETE", "/models/*", remove_model},
                             }};
