/* New runs: what they can be made of, and their beginning, by tenon-train. */
#define _GNU_SOURCE /* O_DIRECTORY */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../../nets/nets.h"
#include "../../common/workspace.h"
#include "../web/reply.h"
#include "../words.h"

enum {
    LISTED = 500,
    LOOKED = 20000,
    BEGINNERS = 32,
    PLANS = 64,
    BEGIN_SECONDS = 120,
    PLAN_SECONDS = 20
};
static const char NO_NAME[] = ".none"; /* the text of a net of a run that cannot be */

/* GET /nets: those that are known by a name. */
static void get_nets(server *s, const request *r, const char *const id[], answer *a)
{
    const char *name;
    reply p;
    (void)s, (void)r, (void)id;
    reply_begin(&p);
    if (p.j.to) {
        json_array(&p.j, NULL);
        for (int i = 0; (name = net_name(i)); i++) {
            const net *n = net_find(name);
            json_object(&p.j, NULL);
            json_text(&p.j, "name", name);
            json_text(&p.j, "about", n->about);
            json_count(&p.j, "size", n->size);
            json_bool(&p.j, "pixels", n->pixels);
            json_end(&p.j, '}');
        }
        json_end(&p.j, ']');
    }
    reply_end(&p, a, 200);
}

/* ---- folders ---------------------------------------------------------------------------------------- */

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The folders in a folder whose names have that in them, by name; those that begin with a dot are not shown. */
static void tell_folders(json *j, int fd, const char *find)
{
    char *name[LISTED];
    size_t count = 0;
    int looked = 0;
    bool all = true;
    DIR *d = fdopendir(fd);
    for (const struct dirent *e; d && (e = readdir(d));) {
        struct stat s;
        all = looked++ < LOOKED;
        if (!all)
            break;
        const bool may_be = e->d_type == DT_LNK || e->d_type == DT_UNKNOWN;
        if (e->d_name[0] == '.' || !strstr(e->d_name, find) || (e->d_type != DT_DIR && !may_be) ||
            (may_be && (fstatat(dirfd(d), e->d_name, &s, 0) != 0 || !S_ISDIR(s.st_mode))))
            continue;
        all = count < LISTED;
        if (!all || !(name[count] = strdup(e->d_name)))
            break;
        count++;
    }
    if (d)
        closedir(d);
    else
        close(fd);
    qsort(name, count, sizeof *name, by_text);
    json_array(j, "folders");
    for (size_t i = 0; i < count; i++) {
        json_text(j, NULL, name[i]);
        free(name[i]);
    }
    json_end(j, ']');
    json_bool(j, "all", all);
}

/* GET /browse?root&path&find: the roots, and what folders there are below one. */
static void get_browse(server *s, const request *r, const char *const id[], answer *a)
{
    double root = 0;
    const char *path = http_query(r, "path"), *find = http_query(r, "find");
    reply p;
    (void)id;
    if (!api_number(r, "root", 0, JAIL_ROOTS, &root, a))
        return;
    const int fd = jail_open(&s->jail, (int)root, path ? path : "", O_RDONLY | O_DIRECTORY);
    if (fd < 0) {
        reply_error(a, 404, "path", "there is no folder %.200s here", path ? path : "");
        return;
    }
    reply_begin(&p);
    if (p.j.to) {
        json_object(&p.j, NULL);
        json_array(&p.j, "roots");
        for (int i = 0; i < s->jail.roots; i++)
            json_text(&p.j, NULL, s->jail.root[i].path);
        json_end(&p.j, ']');
        tell_folders(&p.j, fd, find ? find : "");
        json_end(&p.j, '}');
    } else {
        close(fd);
    }
    reply_end(&p, a, 200);
}

/* ---- beginning ---------------------------------------------------------------------------------------- */

/* Names of runs that are being begun and that nobody can see yet. */
static struct {
    pthread_mutex_t lock;
    char name[BEGINNERS][RUN_NAME + 1];
} begins = {.lock = PTHREAD_MUTEX_INITIALIZER};

static bool take_name(const char *name)
{
    int at = -1;
    bool is_there = false;
    pthread_mutex_lock(&begins.lock);
    for (int i = 0; i < BEGINNERS; i++) {
        is_there = is_there || strcmp(begins.name[i], name) == 0;
        at = begins.name[i][0] ? at : i;
    }
    if (!is_there && at >= 0)
        snprintf(begins.name[at], sizeof begins.name[at], "%s", name);
    pthread_mutex_unlock(&begins.lock);
    return !is_there && at >= 0;
}

static void give_name_back(const char *name)
{
    pthread_mutex_lock(&begins.lock);
    for (int i = 0; i < BEGINNERS; i++)
        if (strcmp(begins.name[i], name) == 0)
            begins.name[i][0] = '\0';
    pthread_mutex_unlock(&begins.lock);
}

/* A run that is being begun. */
typedef struct begun {
    server *s;
    char name[RUN_NAME + 1];
    char file[JAIL_PATH]; /* the text of its net */
} begun;

static void tell_begun(void *with, const child_said *said, answer *a)
{
    const begun *b = with;
    reply p;
    give_name_back(b->name);
    if (said->status > 0) {
        wrong is = {0};
        wrong_add_said(&is, said->out, b->file);
        wrong_tell(&is, a);
        return;
    }
    if (said->status < 0 && said->error) {
        reply_error(a, 500, NULL, "tenon-train: %s", said->error);
        return;
    }
    cache_look(&b->s->cache); /* so that who asks for it now finds it */
    reply_begin(&p);
    if (p.j.to) {
        json_object(&p.j, NULL);
        json_text(&p.j, "id", b->name);
        json_end(&p.j, '}');
    }
    reply_end(&p, a, 201);
}

/* NULL where it cannot be a name; else for give_name_back(). */
static const char *read_name(server *s, words *w, const json_value *ask)
{
    const char *name = json_string(json_member(ask, "name"));
    if (!name || !run_name_is_good(name)) {
        wrong_add(&w->wrong, "name",
                  "a name is of small letters, digits, '.', '_' and '-', begins with a letter or a "
                  "digit, and has at most %d",
                  RUN_NAME);
        return NULL;
    }
    cache_lock(&s->cache);
    const bool is_there = cache_find(&s->cache, name) != NULL;
    cache_unlock(&s->cache);
    const bool is_free = !is_there && take_name(name);
    if (is_there)
        wrong_add(&w->wrong, "name", "there is a run %s already", name);
    else if (!is_free)
        wrong_add(&w->wrong, "name", "a run %s is being begun", name);
    return is_free ? name : NULL;
}

static void begin(server *s, const request *r, const words *w, const char *name, answer *a)
{
    char output[RUN_PATH], state[RUN_PATH];
    begun *b = malloc(sizeof *b);
    if (b) {
        b->s = s;
        snprintf(b->name, sizeof b->name, "%s", name);
        memcpy(b->file, w->file, sizeof b->file);
    }
    snprintf(output, sizeof output, "%s/%s.output", s->cache.folder, name);
    snprintf(state, sizeof state, "%s/%s/state.json", s->cache.folder, name);
    (void)mkdir(s->cache.folder, 0777);
    child_begin(r, a, w->word, output, state, BEGIN_SECONDS, tell_begun, b);
}

/* POST /runs {name, data: {root, path}, net or text, init, recipe: {...}, device, queue} */
static void post_runs(server *s, const request *r, const char *const id[], answer *a)
{
    static words w; /* large, and the daemon has one thread */
    json_value *ask = api_body(r, a);
    (void)id;
    if (!ask)
        return;
    bool queue = false;
    w = (words){0};
    words_add(&w, "tenon-train", NULL);
    const char *name = read_name(s, &w, ask); /* taken before the text of a net goes by it */
    words_add_data(s, &w, ask);
    words_add_net(s, &w, name ? name : NO_NAME, ask, "--net");
    words_add_init(s, &w, ask, "--init");
    words_add_recipe(&w, json_member(ask, "recipe"));
    words_add_device(&w, ask, NULL);
    if (json_truth(json_member(ask, "queue"), &queue) && queue)
        words_add(&w, "--queue", NULL);
    words_add(&w, "--workspace", s->workspace);
    words_add(&w, "--run", name);
    if (words_end(&w, a))
        begin(s, r, &w, name, a);
    if (name && !a->later)
        give_name_back(name);
    json_free(ask);
}

/* ---- what it would take -------------------------------------------------------------------------------- */

static void tell_plan(void *with, const child_said *said, answer *a)
{
    const char *file = with;
    char *text = said->status == 0 ? malloc(said->size + 1) : NULL;
    if (text) {
        memcpy(text, said->out, said->size);
        reply_text(a, 200, text, said->size);
    } else if (said->status > 0 && said->status < 128) {
        wrong is = {0};
        wrong_add_said(&is, said->error, file);
        wrong_tell(&is, a);
    } else {
        reply_error(a, 504, NULL, "%s", said->status < 0 ? said->error : "it was killed");
    }
}

/* POST /plan {net, text or init, batch, size, classes, device, optim, precision, ...}: as tenon-plan --json. */
static void post_plan(server *s, const request *r, const char *const id[], answer *a)
{
    static words w;
    static unsigned number;
    json_value *ask = api_body(r, a);
    char name[32]; /* more than there are plans at once */
    (void)id;
    if (!ask)
        return;
    snprintf(name, sizeof name, ".plan-%u", number++ % PLANS);
    w = (words){0};
    words_add(&w, "tenon-plan", "--json");
    words_add_net(s, &w, name, ask, NULL);
    if (w.count == 2)
        words_add_init(s, &w, ask, NULL);
    if (w.count == 2)
        wrong_add(&w.wrong, "net", "which net?");
    words_add_plan(&w, ask);
    words_add_device(&w, ask, "cpu");
    if (words_end(&w, a))
        child_ask(r, a, w.word, PLAN_SECONDS, tell_plan, strdup(w.file));
    json_free(ask);
}

/* POST /rate {recipe: {...}}: as tenon-train --rates. */
static void post_rate(server *s, const request *r, const char *const id[], answer *a)
{
    static words w;
    json_value *ask = api_body(r, a);
    (void)id, (void)s;
    if (!ask)
        return;
    w = (words){0};
    words_add(&w, "tenon-train", "--rates");
    words_add_recipe(&w, json_member(ask, "recipe"));
    if (words_end(&w, a))
        child_ask(r, a, w.word, PLAN_SECONDS, tell_plan, strdup(""));
    json_free(ask);
}

const api api_new = {{
    {"GET", "/nets", get_nets},
    {"GET", "/browse", get_browse},
    {"POST", "/plan", post_plan},
    {"POST", "/rate", post_rate},
    {"POST", "/runs", post_runs},
}};
