/* A net of another program that takes numbers becomes a model that takes pictures. */
#define _GNU_SOURCE /* O_NOFOLLOW */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../child.h"
#include "../models.h"
#include "../web/reply.h"

enum { SECONDS = 120, VALUE = 256, CLASSES = 1 << 20, PATH = JAIL_PATH + RUN_NAME + 32 };

/* What may be said, and of which letters: no value is ever a path or an option. */
static const struct {
    const char *name, *option, *letters;
} says[] = {
    {"mean", "--mean", "0123456789.,-e"},
    {"scale", "--scale", "0123456789.,-e"},
    {"order", "--order", "rgbey"},
    {"input", "--input", "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.:=,*"},
    {"resize", "--resize", "0123456789"},
};
enum { SAYS = sizeof says / sizeof *says };

typedef struct prepared {
    char id[RUN_NAME + 1], path[PATH], names[PATH]; /* names: the file of the classes; "" */
} prepared;

/* "tenon-model convert: --mean ...": which field is wrong. */
static void refuse(answer *a, const char *error)
{
    char text[900];
    const char *line = strstr(error, ": "), *field = NULL;
    snprintf(text, sizeof text, "%s", line ? line + 2 : *error ? error : "it did not say why");
    text[strcspn(text, "\n")] = '\0';
    for (int i = 0; i < SAYS; i++)
        if (strncmp(text, says[i].option, strlen(says[i].option)) == 0)
            field = says[i].name;
    reply_error(a, 422, field, "%s", text);
}

static void tell_prepared(void *with, const child_said *said, answer *a)
{
    const prepared *k = with;
    reply p;
    if (*k->names)
        (void)unlink(k->names);
    if (said->status != 0) {
        refuse(a, said->error);
        return;
    }
    reply_begin(&p);
    if (p.j.to) {
        json_object(&p.j, NULL);
        json_text(&p.j, "id", k->id);
        json_end(&p.j, '}');
    }
    reply_end(&p, a, 201);
}

static bool write_names(prepared *k, const char *text)
{
    const size_t size = strlen(text);
    const int fd = open(k->names, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666);
    const bool done = fd >= 0 && size < CLASSES && write(fd, text, size) == (ssize_t)size;
    if (fd >= 0)
        close(fd);
    return done;
}

/* Its name without an ending, and with the new one. */
static bool name_it(server *s, const json_value *given, const model_file *m, prepared *k, answer *a)
{
    const char *name = json_string(json_member(given, "name"));
    const char *stem = name && *name ? name : m->id, *dot = strrchr(stem, '.');
    const size_t length = dot && model_format(stem) ? (size_t)(dot - stem) : strlen(stem);
    const int all = snprintf(k->id, sizeof k->id, "%.*s-pictures.safetensors", (int)length, stem);
    if (name && *name)
        snprintf(k->id, sizeof k->id, "%.*s.safetensors", (int)length, stem);
    if (all > RUN_NAME || !run_name_is_good(k->id)) {
        reply_error(a, 422, "name", "%.64s cannot be the name of a file of the models folder",
                    stem);
        return false;
    }
    snprintf(k->path, sizeof k->path, "%s/models", s->workspace);
    (void)mkdir(k->path, 0777);
    snprintf(k->path, sizeof k->path, "%s/models/%s", s->workspace, k->id);
    if (access(k->path, F_OK) != 0)
        return true;
    reply_error(a, 422, "name", "there is a model %s already", k->id);
    return false;
}

/* What is given, behind the words that are there; its values are the JSON's. */
static bool add_options(const json_value *given, const char **word, int *count, answer *a)
{
    for (int i = 0; i < SAYS; i++) {
        const char *value = json_string(json_member(given, says[i].name));
        if (!value || !*value)
            continue;
        if (strlen(value) > VALUE || value[strspn(value, says[i].letters)] || value[0] == '-') {
            reply_error(a, 422, says[i].name, "%s: \"%.60s\" cannot be", says[i].name, value);
            return false;
        }
        word[(*count)++] = says[i].option;
        word[(*count)++] = value;
    }
    return true;
}

/* POST /models/ID/prepare {mean, scale, order, input, resize, classes, name}: all texts. */
static void prepare(server *s, const request *r, const char *const id[], answer *a)
{
    const char *word[CHILD_WORDS] = {"tenon-model", "convert"};
    int count = 4;
    model_file m;
    prepared *k = calloc(1, sizeof *k);
    json_value *given = k ? api_body(r, a) : NULL;
    const char *classes = json_string(json_member(given, "classes"));
    if (!given || !model_find(s, id[0], &m, a) || !name_it(s, given, &m, k, a) ||
        !add_options(given, word, &count, a)) {
        free(k);
        json_free(given);
        return;
    }
    word[2] = m.path;
    word[3] = k->path;
    word[count++] = "--json";
    if (classes && *classes) {
        snprintf(k->names, sizeof k->names, "%s/models/.%s.classes", s->workspace, k->id);
        word[count++] = "--classes";
        word[count++] = k->names;
    }
    if (classes && *classes && !write_names(k, classes)) {
        reply_error(a, 422, "classes", "the names of classes cannot be kept");
        free(k);
    } else {
        child_ask(r, a, word, SECONDS, tell_prepared, k);
    }
    json_free(given);
}

const api api_models_prepare = {.route = {{"POST", "/models/*/prepare", prepare}}};
