#define _GNU_SOURCE /* O_PATH */

/* Jobs about models, and the pictures that they are shown. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "models.h"
#include "web/reply.h"
#include "words.h"

bool model_inside(const server *s, const char *path)
{
    for (int i = 0; i < s->jail.roots; i++) {
        const char *rest = jail_below(&s->jail, i, path);
        const int fd = rest ? jail_open(&s->jail, i, rest, O_PATH) : -1;
        if (fd >= 0) {
            close(fd);
            return true;
        }
    }
    return false;
}

/* What its run was validated on, or trained. */
static bool own_data(server *s, const model_file *m, const char *part, char path[JAIL_PATH])
{
    char name[32];
    snprintf(name, sizeof name, "data.%s.path", part);
    cache_lock(&s->cache);
    cached_run *r = *m->run ? cache_find(&s->cache, m->run) : NULL;
    const tn_fields *c = r ? cache_config(r) : NULL;
    const char *own = c ? tn_fields_text(c, name) : NULL;
    const bool found = own && own[0] == '/' && strlen(own) < JAIL_PATH;
    if (found)
        snprintf(path, JAIL_PATH, "%s", own);
    cache_unlock(&s->cache);
    return found;
}

static bool of_dataset(server *s, const json_value *name, bool train, char path[JAIL_PATH],
                       char *exclude, answer *a)
{
    static words w; /* large, and the daemon has one thread */
    w.count = 0;
    if (!words_add_dataset(s, &w, json_string(name), a))
        return false;
    snprintf(path, JAIL_PATH, "%s", !train && w.val[0] ? w.val : w.data);
    if (exclude && strcmp(w.word[w.count - 1], w.list) == 0 && strlen(w.list) < JAIL_PATH)
        snprintf(exclude, JAIL_PATH, "%.*s", JAIL_PATH - 1, w.list);
    return true;
}

/* Of a folder that holds both the part. */
static void take_part(const char *part, char path[JAIL_PATH])
{
    struct stat st;
    const size_t length = strlen(path);
    snprintf(path + length, JAIL_PATH - length, "/%s", part);
    if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode))
        path[length] = '\0';
}

bool model_data(server *s, const json_value *data, const model_file *m, model_part want,
                char path[JAIL_PATH], char *exclude, answer *a)
{
    const char *part = want == MODEL_TRAIN ? "train" : "val";
    const json_value *dataset = json_member(data, "dataset");
    if (exclude)
        *exclude = '\0';
    if (dataset) {
        if (!of_dataset(s, dataset, want == MODEL_TRAIN, path, exclude, a))
            return false;
    } else if (data && !json_is_null(data)) {
        if (!(want == MODEL_PICTURES ? words_find : words_find_folder)(s, data, path)) {
            reply_error(a, 422, "data", "there are no such pictures here");
            return false;
        }
    } else if (!own_data(s, m, part, path)) {
        reply_error(a, 422, "data", "%s says of no pictures of its own: choose some", m->id);
        return false;
    }
    if (want != MODEL_PICTURES)
        take_part(part, path);
    if (model_inside(s, path))
        return true;
    reply_error(a, 422, "data", "%.200s lies outside of the folders that may be looked at (--data)",
                path);
    return false;
}

bool model_job_start(server *s, const job *j, const model_file *m, const char *const *facts,
                     const char *const *program, answer *a)
{
    const char *all[2 * MODEL_FACTS + 3] = {"stamp"};
    char stamp[MODEL_STAMP];
    reply p;
    all[1] = model_stamp(m, stamp);
    for (int i = 0; i < 2 * MODEL_FACTS && facts[i]; i++)
        all[2 + i] = facts[i];
    if (!job_start(s, j, m->id, all, program, a))
        return false;
    reply_begin(&p);
    if (p.j.to) {
        json_object(&p.j, NULL);
        json_text(&p.j, "id", j->id);
        json_end(&p.j, '}');
    }
    reply_end(&p, a, 202);
    return true;
}

bool model_job(server *s, const char *kind, const model_file *m, const char *const *facts,
               const char *const *program, answer *a)
{
    job j;
    return job_make(s, kind, &j, a) && model_job_start(s, &j, m, facts, program, a);
}
