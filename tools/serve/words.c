#define _GNU_SOURCE /* O_PATH */

#include "words.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../nets/nets.h"
#include "reply.h"

void words_add(words *w, const char *option, const char *value)
{
    if (w->count + 2 > CHILD_WORDS)
        return;
    if (option)
        w->word[w->count++] = option;
    if (value)
        w->word[w->count++] = value;
}

/* The options of a recipe that a page may say; what their values may be, the program knows. */
static const struct {
    const char *name, *option;
} recipe_options[] = {
    {"val", NULL}, /* a folder: by `split` alone here */
    {"split", "--split"},
    {"size", "--size"},
    {"resize", "--resize"},
    {"augment", "--augment"},
    {"epochs", "--epochs"},
    {"batch", "--batch"},
    {"accumulate", "--accumulate"},
    {"optim", "--optim"},
    {"rate", "--rate"},
    {"momentum", "--momentum"},
    {"decay", "--decay"},
    {"clip", "--clip"},
    {"policy", "--rate-policy"},
    {"gamma", "--rate-gamma"},
    {"period", "--rate-period"},
    {"warmup", "--warmup"},
    {"seed", "--seed"},
    {"smoothing", "--smoothing"},
    {"mixup", "--mixup"},
    {"ema", "--ema"},
    {"patience", "--patience"},
    {"freeze", "--freeze"},
    {"precision", "--precision"},
};

static const char *option_of(const char *name)
{
    for (size_t i = 0; name && i < sizeof recipe_options / sizeof *recipe_options; i++)
        if (strcmp(name, recipe_options[i].name) == 0)
            return recipe_options[i].option;
    return NULL;
}

bool words_add_recipe(words *w, const json_value *recipe, answer *a)
{
    for (const json_value *m = json_first(recipe); m; m = json_next(m)) {
        const char *option = option_of(json_name(m)), *text = json_string(m);
        double number;
        if (!option) {
            reply_error(a, 422, json_name(m), "%.40s is nothing that a recipe says here",
                        json_name(m) ? json_name(m) : "recipe");
            return false;
        }
        if (w->count + 2 > CHILD_WORDS) {
            reply_error(a, 422, "recipe", "it says too much");
            return false;
        }
        if (json_number(m, &number)) {
            snprintf(w->own[w->count], WORDS_NUMBER, "%.10g", number);
            text = w->own[w->count];
        }
        if (!text || !*text) {
            reply_error(a, 422, json_name(m), "%.40s has no value", json_name(m));
            return false;
        }
        words_add(w, option, text);
    }
    return true;
}

bool words_find(const server *s, const json_value *data, char path[JAIL_PATH])
{
    double root = 0;
    const char *given = json_string(json_member(data, "path"));
    path[0] = '\0';
    (void)json_number(json_member(data, "root"), &root);
    const int fd = given && root >= 0 && root < JAIL_ROOTS
                       ? jail_open(&s->jail, (int)root, given, O_PATH)
                       : -1;
    const bool found = fd >= 0 && jail_path(fd, path);
    if (fd >= 0)
        close(fd);
    return found;
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

bool words_add_dataset(server *s, words *w, const char *name, answer *a)
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
    } else {
        reply_error(a, 404, "dataset", "there is no dataset %.64s", name ? name : "");
    }
    json_free(record);
    return found;
}

/* data: {root, path} or {dataset} */
bool words_add_data(server *s, words *w, const json_value *ask, answer *a)
{
    const json_value *data = json_member(ask, "data"), *name = json_member(data, "dataset");
    struct stat st;
    if (name) {
        if (words_add_dataset(s, w, json_string(name), a))
            return true;
        reply_error(a, 422, "data", "there is no dataset %.64s",
                    json_string(name) ? json_string(name) : "");
        return false;
    }
    if (!words_find(s, data, w->data) || stat(w->data, &st) != 0 || !S_ISDIR(st.st_mode)) {
        const char *path = json_string(json_member(data, "path"));
        reply_error(a, 422, "data", "there is no folder %.200s here", path ? path : "");
        return false;
    }
    words_add(w, NULL, w->data);
    return true;
}

/* A text that was pasted becomes WORKSPACE/nets/NAME.net; it is read by a program that can be killed by it. */
static bool keep_text(server *s, words *w, const char *name, const char *text, answer *a)
{
    char folder[JAIL_PATH];
    const size_t size = strlen(text);
    /* What it is, its first bytes say; a prototxt needs no other name. */
    if (snprintf(folder, sizeof folder, "%s/nets", s->workspace) >= (int)sizeof folder ||
        snprintf(w->file, sizeof w->file, "%s/%s.net", folder, name) >= (int)sizeof w->file) {
        reply_error(a, 500, NULL, "the workspace's path is too long");
        return false;
    }
    (void)mkdir(folder, 0777);
    const int fd = open(w->file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666);
    const bool done = fd >= 0 && write(fd, text, size) == (ssize_t)size;
    const int error = errno;
    if (fd >= 0)
        close(fd);
    if (!done)
        reply_error(a, 500, NULL, "%.200s cannot be written: %s", w->file, strerror(error));
    return done;
}

/* net: a name, text: pasted; init: a run. */
bool words_add_net(server *s, words *w, const char *name, const json_value *ask, const char *option,
                   answer *a)
{
    const char *known = json_string(json_member(ask, "net"));
    const char *text = json_string(json_member(ask, "text"));
    if (known && *known && !net_find(known)) {
        reply_error(a, 422, "net", "there is no net %.60s: %s", known, net_names());
        return false;
    }
    if (text && *text && strlen(text) > WORDS_TEXT) {
        reply_error(a, 422, "text", "more than %d bytes", WORDS_TEXT);
        return false;
    }
    if (text && *text) {
        if (!keep_text(s, w, name, text, a))
            return false;
        known = w->file;
    }
    if (known && *known)
        words_add(w, option, known);
    return true;
}

void words_add_number(words *w, const json_value *ask, const char *name, const char *option)
{
    double number;
    if (!json_number(json_member(ask, name), &number))
        return;
    snprintf(w->own[w->count], WORDS_NUMBER, "%.0f", number);
    words_add(w, option, w->own[w->count]);
}
