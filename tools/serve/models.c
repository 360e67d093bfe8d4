#define _GNU_SOURCE /* O_PATH, O_DIRECTORY */

#include "models.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "web/reply.h"

const char *model_format(const char *id)
{
    static const char *const formats[][2] = {{".safetensors", "safetensors"},
                                             {".onnx", "onnx"},
                                             {".plan", "engine"},
                                             {".caffemodel", "caffe"}};
    const char *dot = strrchr(id, '.');
    for (size_t i = 0; dot && i < sizeof formats / sizeof *formats; i++)
        if (strcmp(dot, formats[i][0]) == 0)
            return formats[i][1];
    return NULL;
}

const char *model_stamp(const model_file *m, char text[MODEL_STAMP])
{
    snprintf(text, MODEL_STAMP, "%.9f-%lld", m->changed, (long long)m->bytes);
    return text;
}

/* What lies there, if it is a file. */
static bool look(model_file *m)
{
    struct stat s;
    if (lstat(m->path, &s) != 0 || !S_ISREG(s.st_mode))
        return false;
    m->bytes = (int64_t)s.st_size;
    m->changed = (double)s.st_mtim.tv_sec + 1e-9 * (double)s.st_mtim.tv_nsec;
    return true;
}

static void name(char to[RUN_NAME + 1], const char *text)
{
    snprintf(to, RUN_NAME + 1, "%.*s", RUN_NAME, text);
}

/* A checkpoint of a run that is there. */
static bool of_run(model_file *m, const cached_run *r, const char *id, const char *file)
{
    const int length =
        snprintf(m->path, sizeof m->path, "%s/checkpoints/%s.safetensors", r->folder, file);
    name(m->id, id);
    name(m->run, r->name);
    m->step = strcmp(file, "best") == 0 ? -1 : strtoll(file + strlen("step-"), NULL, 10);
    return length < (int)sizeof m->path && look(m);
}

/* The checkpoint that one without a best one would go on from. */
static bool last_of_run(model_file *m, const cached_run *r)
{
    char id[RUN_PATH], file[64] = "";
    const char *slash = r->info->checkpoint ? strrchr(r->info->checkpoint, '/') : NULL;
    snprintf(file, sizeof file, "%s", slash ? slash + 1 : "");
    char *dot = strrchr(file, '.');
    if (!dot || strncmp(file, "step-", 5) != 0)
        return false;
    *dot = '\0';
    return snprintf(id, sizeof id, "%s.%s", r->name, file) <= RUN_NAME && of_run(m, r, id, file);
}

/* "flowers.step-00006650" */
static bool find_step(server *s, const char *id, model_file *m)
{
    const char *step = strstr(id, ".step-");
    char run[RUN_NAME + 1];
    while (step && strstr(step + 1, ".step-"))
        step = strstr(step + 1, ".step-");
    if (!step || step[6 + strspn(step + 6, "0123456789")] || !step[6])
        return false;
    snprintf(run, sizeof run, "%.*s", (int)(step - id), id);
    cache_lock(&s->cache);
    const cached_run *r = cache_find(&s->cache, run);
    const bool found = r && of_run(m, r, id, step + 1);
    cache_unlock(&s->cache);
    return found;
}

/* A link is followed as far as it stays below a root. */
static bool find_file(const server *s, const char *id, model_file *m)
{
    char path[sizeof "models/" + RUN_NAME];
    snprintf(path, sizeof path, "models/%.*s", RUN_NAME, id);
    const int fd = model_format(id) ? jail_open(&s->jail, 0, path, O_PATH) : -1;
    const bool found = fd >= 0 && jail_path(fd, m->path) && look(m);
    if (fd >= 0)
        close(fd);
    name(m->id, id);
    m->run[0] = '\0';
    m->step = -1;
    return found;
}

bool model_find(server *s, const char *id, model_file *m, answer *a)
{
    cache_lock(&s->cache);
    const cached_run *r = cache_find(&s->cache, id);
    const bool is_run = r != NULL, found = r && of_run(m, r, id, "best");
    cache_unlock(&s->cache);
    if (found || (!is_run && (find_step(s, id, m) || find_file(s, id, m))))
        return true;
    reply_error(a, 404, NULL, is_run ? "the run %s has no best checkpoint" : "there is no model %s",
                id);
    return false;
}

static int newest_first(const void *a, const void *b)
{
    const model_file *x = a, *y = b;
    return x->changed < y->changed ? 1 : x->changed > y->changed ? -1 : strcmp(x->id, y->id);
}

/* Room for one more; false: there is no memory. */
static bool grow(model_file **list, size_t count, size_t *room)
{
    if (count < *room)
        return true;
    model_file *more = realloc(*list, 2 * *room * sizeof *more);
    if (!more)
        return false;
    *list = more;
    *room *= 2;
    return true;
}

/* The files of models/ behind those of runs; a run of the same name goes before. */
static size_t add_files(server *s, model_file **list, size_t count, size_t room, size_t *others)
{
    const int fd = jail_open(&s->jail, 0, "models", O_RDONLY | O_DIRECTORY);
    const size_t runs = count;
    DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
    for (const struct dirent *e; d && (e = readdir(d));) {
        bool taken = !run_name_is_good(e->d_name);
        if (e->d_name[0] == '.' || !model_format(e->d_name))
            continue;
        for (size_t i = 0; i < runs && !taken; i++)
            taken = strcmp((*list)[i].id, e->d_name) == 0;
        if (!taken && grow(list, count, &room) && find_file(s, e->d_name, &(*list)[count]))
            count++;
        else
            (*others)++;
    }
    if (d)
        closedir(d);
    else if (fd >= 0)
        close(fd);
    return count;
}

model_file *model_list(server *s, size_t *count, size_t *others)
{
    enum { FILES = 64 };
    cache_lock(&s->cache);
    const size_t room = s->cache.count + FILES;
    model_file *list = malloc(room * sizeof *list);
    *count = *others = 0;
    for (size_t i = 0; list && i < s->cache.count; i++) {
        const cached_run *r = &s->cache.run[i];
        *count += of_run(&list[*count], r, r->name, "best") || last_of_run(&list[*count], r);
    }
    cache_unlock(&s->cache);
    if (!list)
        return NULL;
    *count = add_files(s, &list, *count, room, others);
    qsort(list, *count, sizeof *list, newest_first);
    return list;
}
