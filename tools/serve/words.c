#define _GNU_SOURCE /* O_PATH */

#include "words.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../nets/nets.h"
#include "models.h"
#include "web/reply.h"

void words_add(words *w, const char *option, const char *value)
{
    if (w->count + 2 > CHILD_WORDS) {
        wrong_add(&w->wrong, "recipe", "it says too much");
        return;
    }
    if (option)
        w->word[w->count++] = option;
    if (value)
        w->word[w->count++] = value;
}

/* ---- a recipe -------------------------------------------------------------------------------------- */

/* The options of tenon train that a page may say: what names a file is not among them. */
static const char *const recipe_options[] = {"--split",
                                             "--bad",
                                             "--max-bad",
                                             "--overfit",
                                             "--freeze",
                                             "--size",
                                             "--resize",
                                             "--augment",
                                             "--crop",
                                             "--no-flip",
                                             "--jitter",
                                             "--lighting",
                                             "--smoothing",
                                             "--mixup",
                                             "--input",
                                             "--mean",
                                             "--scale",
                                             "--order",
                                             "--epochs",
                                             "--steps",
                                             "--batch",
                                             "--accumulate",
                                             "--optim",
                                             "--rate",
                                             "--momentum",
                                             "--nesterov",
                                             "--beta2",
                                             "--epsilon",
                                             "--decay",
                                             "--clip",
                                             "--rate-at",
                                             "--rate-policy",
                                             "--rate-gamma",
                                             "--rate-power",
                                             "--rate-period",
                                             "--warmup",
                                             "--seed",
                                             "--ema",
                                             "--patience",
                                             "--on-divergence",
                                             "--stuck",
                                             "--max-steps",
                                             "--precision",
                                             "--first-step",
                                             "--save-every",
                                             "--save-steps",
                                             "--keep",
                                             "--log-every",
                                             NULL};

/* Those of them that have no value: true, or false. */
static const char *const flag_options[] = {"--overfit", "--no-flip", "--nesterov", NULL};

/* And those of them that tenon plan has. */
static const char *const plan_options[] = {"--batch",   "--size", "--optim", "--precision",
                                           "--input",   "--mean", "--scale", "--order",
                                           "--classes", NULL};

static const char *option_of(const char *const *options, const char *name)
{
    for (; name && *options; options++)
        if (strcmp(*options + 2, name) == 0)
            return *options;
    return NULL;
}

bool words_know(const char *name)
{
    return option_of(recipe_options, name) != NULL;
}

/* What would name a file, where the program takes one, too: here it does not. */
static bool is_file(const char *name, const char *value)
{
    return *value == '/' ||
           (strcmp(name, "mean") == 0 && value[strspn(value, "0123456789.,+-eE ")] != '\0');
}

static void add_member(words *w, const char *option, const json_value *m)
{
    const char *name = json_name(m), *text = json_string(m);
    double number;
    bool is = false;
    if (json_is_null(m))
        return;
    const bool truth = json_truth(m, &is), flag = option_of(flag_options, name) != NULL;
    if (truth && flag) {
        words_add(w, is ? option : NULL, NULL);
        return;
    }
    if (flag) { /* its value would be the next word of the program */
        wrong_add(&w->wrong, name, "%.40s is true or false", name);
        return;
    }
    if (json_number(m, &number) && w->count + 2 <= CHILD_WORDS) {
        char *own = w->own[w->count];
        snprintf(own, WORDS_NUMBER, "%.10g", number);
        text = own;
    }
    if (!text || !*text) /* true, too: it would take the next word for one */
        wrong_add(&w->wrong, name, "%.40s has no value", name);
    else if (is_file(name, text))
        wrong_add(&w->wrong, name, "%.40s names no file here", name);
    else
        words_add(w, option, text);
}

void words_add_recipe(words *w, const json_value *recipe)
{
    for (const json_value *m = json_first(recipe); m; m = json_next(m)) {
        const char *name = json_name(m), *option = option_of(recipe_options, name);
        if (option)
            add_member(w, option, m);
        else
            wrong_add(&w->wrong, name, "%.40s is nothing that a recipe says here",
                      name ? name : "recipe");
    }
}

void words_add_plan(words *w, const json_value *ask)
{
    for (const json_value *m = json_first(ask); m; m = json_next(m)) {
        const char *option = option_of(plan_options, json_name(m));
        if (option)
            add_member(w, option, m);
    }
}

void words_add_device(words *w, const json_value *ask, const char *without)
{
    const char *device = json_string(json_member(ask, "device"));
    if (device && strchr(device, '/'))
        wrong_add(&w->wrong, "device", "device names no file here");
    else
        words_add(w,
                  device && *device ? "--device"
                  : without         ? "--device"
                                    : NULL,
                  device && *device ? device : without);
}

/* ---- where numbers come from ----------------------------------------------------------------------- */

static bool find(const server *s, const json_value *data, int flags, char path[JAIL_PATH])
{
    double root = 0;
    const char *given = json_string(json_member(data, "path"));
    const bool has_root = json_number(json_member(data, "root"), &root);
    int fd = -1;
    path[0] = '\0';
    if (given && *given == '/' && !has_root)
        fd = jail_open_path(&s->jail, given, flags);
    else if (given && root >= 0 && root < JAIL_ROOTS)
        fd = jail_open(&s->jail, (int)root, given, flags);
    const bool found = fd >= 0 && jail_path(fd, path);
    if (fd >= 0)
        close(fd);
    return found;
}

bool words_find(const server *s, const json_value *data, char path[JAIL_PATH])
{
    return find(s, data, O_PATH, path);
}

bool words_find_folder(const server *s, const json_value *data, char path[JAIL_PATH])
{
    return find(s, data, O_PATH | O_DIRECTORY, path);
}

/* dataset.json of one, which is the workspace's own; NULL: there is none. */
static json_value *read_record(const server *s, const char *name)
{
    enum { MOST = 1 << 16 };
    char path[JAIL_PATH + RUN_NAME + 64];
    snprintf(path, sizeof path, "%s/datasets/%s/dataset.json", s->workspace, name);
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    char *text = calloc(1, MOST + 1);
    const ssize_t got = text && fd >= 0 ? read(fd, text, MOST) : -1;
    if (fd >= 0)
        close(fd);
    json_value *record = got > 0 ? json_parse(text) : NULL;
    free(text);
    return record;
}

static bool is_in(const char *path, const char *folder)
{
    const size_t length = strlen(folder);
    return strncmp(path, folder, length) == 0 && (path[length] == '/' || path[length] == '\0');
}

bool words_meet(const char *a, const char *b)
{
    return a && b && (is_in(a, b) || is_in(b, a));
}

bool words_dataset_in(const server *s, const char *folder, char name[RUN_NAME + 1])
{
    static const char *const members[] = {"path", "val", "given"};
    bool found = false;
    const int fd = jail_open(&s->jail, 0, "datasets", O_RDONLY | O_DIRECTORY);
    DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
    for (const struct dirent *e; d && !found && (e = readdir(d));) {
        json_value *record = run_name_is_good(e->d_name) ? read_record(s, e->d_name) : NULL;
        for (size_t i = 0; i < sizeof members / sizeof *members && !found; i++)
            found = words_meet(json_string(json_member(record, members[i])), folder);
        if (found)
            snprintf(name, RUN_NAME + 1, "%.*s", RUN_NAME, e->d_name);
        json_free(record);
    }
    if (d)
        closedir(d);
    return found;
}

static bool add_dataset(const server *s, words *w, const char *name)
{
    json_value *record = name && run_name_is_good(name) ? read_record(s, name) : NULL;
    const char *path = json_string(json_member(record, "path")),
               *val = json_string(json_member(record, "val"));
    const bool found = path && strlen(path) < sizeof w->data && strlen(val ? val : "") < JAIL_PATH;
    if (found) {
        snprintf(w->data, sizeof w->data, "%s", path);
        snprintf(w->val, sizeof w->val, "%s", val ? val : "");
        snprintf(w->list, sizeof w->list, "%s/datasets/%s/exclude.txt", s->workspace, name);
        words_add(w, NULL, w->data);
        if (val)
            words_add(w, "--val", w->val);
        if (access(w->list, F_OK) == 0)
            words_add(w, "--exclude", w->list);
        w->size = 224;
        (void)json_number(json_member(record, "size"), &w->size);
    }
    json_free(record);
    return found;
}

bool words_add_dataset(server *s, words *w, const char *name, answer *a)
{
    const bool found = add_dataset(s, w, name);
    if (!found)
        reply_error(a, 404, "dataset", "there is no dataset %.64s", name);
    return found;
}

void words_add_data(server *s, words *w, const json_value *ask)
{
    const json_value *data = json_member(ask, "data"), *dataset = json_member(data, "dataset");
    const char *path = json_string(json_member(data, "path")), *name = json_string(dataset);
    if (dataset) {
        if (!add_dataset(s, w, name))
            wrong_add(&w->wrong, "data", "there is no dataset %.64s", name ? name : "");
    } else if (!path) {
        wrong_add(&w->wrong, "data", "which pictures?");
    } else if (!words_find_folder(s, data, w->data)) {
        wrong_add(&w->wrong, "data", "there is no folder %.200s here", path);
    } else {
        words_add(w, NULL, w->data);
    }
}

/* A text that was pasted becomes WORKSPACE/nets/NAME.net; it is read by a program that can be killed by it. */
static bool keep_text(server *s, words *w, const char *name, const char *text)
{
    char folder[JAIL_PATH];
    const size_t size = strlen(text);
    /* What it is, its first bytes say; a prototxt needs no other name. */
    if (snprintf(folder, sizeof folder, "%s/nets", s->workspace) >= (int)sizeof folder ||
        snprintf(w->file, sizeof w->file, "%s/%s.net", folder, name) >= (int)sizeof w->file)
        return false;
    (void)mkdir(folder, 0777);
    const int fd = open(w->file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666);
    bool done = fd >= 0 && write(fd, text, size) == (ssize_t)size;
    if (fd >= 0)
        done = close(fd) == 0 && done;
    return done;
}

void words_add_net(server *s, words *w, const char *name, const json_value *ask, const char *option)
{
    const char *known = json_string(json_member(ask, "net"));
    const char *text = json_string(json_member(ask, "text"));
    w->file[0] = '\0';
    if (known && *known && !net_find(known)) {
        wrong_add(&w->wrong, "net", "there is no net %.60s: %s", known, net_names());
    } else if (text && strlen(text) > WORDS_TEXT) {
        wrong_add(&w->wrong, "text", "more than %d bytes", WORDS_TEXT);
    } else if (text && *text) {
        if (keep_text(s, w, name, text))
            words_add(w, option, w->file);
        else
            wrong_add(&w->wrong, "text", "nets/%s.net cannot be written: %s", name,
                      strerror(errno));
    } else if (known && *known) {
        words_add(w, option, known);
    }
}

void words_add_init(server *s, words *w, const json_value *ask, const char *option)
{
    const char *init = json_string(json_member(ask, "init"));
    model_file m;
    answer none = {0};
    if (!init || !*init)
        return;
    if (run_name_is_good(init) && model_find(s, init, &m, &none)) {
        memcpy(w->init, m.path, sizeof w->init);
        words_add(w, option, w->init);
    } else {
        wrong_add(&w->wrong, "init", "there is no model %.64s", init);
    }
    free(none.text);
}

bool words_end(words *w, answer *a)
{
    if (w->wrong.count)
        wrong_tell(&w->wrong, a);
    w->word[w->count] = NULL;
    return w->wrong.count == 0;
}
