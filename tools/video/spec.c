/* Inputs as they are asked for: words with their options behind, and a file of JSON that says the same. */
#define _POSIX_C_SOURCE 200809L /* strdup */

#include <stdlib.h>
#include <string.h>

#include "../common/args.h"
#include "../common/args_json.h"
#include "../common/text.h"
#include "video.h"

/* For a text of that length. */
static char *room_for(size_t length)
{
    char *text = calloc(length + 1, 1);
    if (!text)
        run_fail("no memory for the names of inputs");
    return text;
}

static char *copy_of(const char *text)
{
    return strcpy(room_for(strlen(text)), text);
}

static void set_text(char **to, const char *text)
{
    free(*to);
    *to = copy_of(text);
}

static void set_every(spec *s, const char *text)
{
    char *end;
    const long every = strtol(text, &end, 10);
    if (end == text || *end || every < 1 || every > 1000000)
        args_fail("%s: every=%s is no number from 1 to 1000000", s->url ? s->url : "an input",
                  text);
    s->every = every;
}

/* "KEY=VALUE" for FFmpeg, one more. */
static void add_option(spec *s, const char *text)
{
    const size_t have = s->options ? strlen(s->options) + 1 : 0;
    char *both = room_for(have + strlen(text));
    if (have)
        strcat(strcpy(both, s->options), "\n");
    strcat(both, text);
    free(s->options);
    s->options = both;
}

/* What stands behind a comma. False: it is no option, so part of the URL. */
static bool take_option(spec *s, const char *word)
{
    if (strncmp(word, "every=", 6) == 0)
        set_every(s, word + 6);
    else if (strncmp(word, "name=", 5) == 0 && word[5])
        set_text(&s->name, word + 5);
    else if (strcmp(word, "loop") == 0)
        s->loop = true;
    else if (strcmp(word, "live") == 0)
        s->live = true;
    else if (strncmp(word, "av.", 3) == 0 && strchr(word, '='))
        add_option(s, word + 3);
    else
        return false;
    return true;
}

/* What neither waits nor can be read a second time. */
static bool is_live(const char *url)
{
    static const char *const live[] = {"rtsp:", "rtsps:", "rtp:",  "rtmp:", "rtmps:", "srt:",
                                       "tcp:",  "udp:",   "sctp:", "v4l2:", "tls:"};
    for (size_t i = 0; i < sizeof live / sizeof live[0]; i++)
        if (strncmp(url, live[i], strlen(live[i])) == 0)
            return true;
    return false;
}

static void complete(spec *s)
{
    if (!s->url || !*s->url)
        args_fail("an input without a path or URL");
    s->live |= is_live(s->url);
    if (s->loop && (s->live || strcmp(s->url, "-") == 0))
        args_fail("%s: loop is for files, which can be read again", s->url);
}

void spec_read(spec *to, const char *word)
{
    char *text = copy_of(word);
    *to = (spec){0};
    for (char *comma; (comma = strrchr(text, ',')) && take_option(to, comma + 1);)
        *comma = '\0';
    to->url = text;
    complete(to);
}

/* ---- a file ----------------------------------------------------------------------------------- */

static void read_input(spec *to, const json_value *v, const char *path)
{
    *to = (spec){0};
    for (const json_value *m = json_first(v); m; m = json_next(m)) {
        const char *name = json_name(m), *text = json_string(m);
        double number = 0;
        if (strcmp(name, "url") == 0 && text)
            set_text(&to->url, text);
        else if (strcmp(name, "name") == 0 && text && *text)
            set_text(&to->name, text);
        else if (strcmp(name, "every") == 0 && json_number(m, &number) && number >= 1 &&
                 number <= 1e6 && (double)(int64_t)number == number)
            to->every = (int64_t)number;
        else if (strncmp(name, "av.", 3) == 0 && text) {
            char *option = room_for(strlen(name) + strlen(text));
            strcat(strcat(strcpy(option, name + 3), "="), text);
            add_option(to, option);
            free(option);
        } else if (!(strcmp(name, "loop") == 0 && json_truth(m, &to->loop)) &&
                   !(strcmp(name, "live") == 0 && json_truth(m, &to->live)))
            args_fail("%s: what it says of an input's \"%s\" cannot be", path, name);
    }
    complete(to);
}

int spec_config(const question *q, const arg *options, int count, spec **to, int words)
{
    static json_value *root; /* whose texts options borrow */
    size_t size;
    char *text = text_read(q->config, &size);
    root = json_parse(text);
    free(text);
    if (!root)
        args_fail("%s: is no JSON", q->config);
    const json_value *inputs = json_member(root, "inputs"), *set = json_member(root, "options");
    for (const json_value *m = json_first(root); m; m = json_next(m))
        if (m != inputs && m != set)
            args_fail("%s: says \"%s\"; it has inputs and options", q->config,
                      json_name(m) ? json_name(m) : "?");
    args_read(set, q->config, options, count);
    int found = 0;
    for (const json_value *i = json_first(inputs); i; i = json_next(i))
        found++;
    spec *all = realloc(*to, (size_t)(words + found + 1) * sizeof *all);
    if (!all)
        run_fail("no memory for %d inputs", words + found);
    found = 0;
    for (const json_value *i = json_first(inputs); i; i = json_next(i))
        read_input(&all[words + found++], i, q->config);
    *to = all;
    return words + found;
}

/* ---- names ------------------------------------------------------------------------------------ */

static bool is_taken(const spec *s, int count, const char *name)
{
    for (int i = 0; i < count; i++)
        if (s[i].name && strcmp(s[i].name, name) == 0)
            return true;
    return false;
}

/* "clip" of "a/clip.mp4"; of what is no file "input-1". */
static void name_one(spec *all, int count, int i)
{
    char name[128], tried[160];
    const char *slash = strrchr(all[i].url, '/'), *base = slash ? slash + 1 : all[i].url;
    const char *dot = strrchr(base, '.');
    const int length = dot && dot != base ? (int)(dot - base) : (int)strlen(base);
    if (all[i].live || strcmp(base, "-") == 0 || length == 0)
        snprintf(name, sizeof name, "input-%d", i + 1);
    else
        snprintf(name, sizeof name, "%.*s", length < 100 ? length : 100, base);
    snprintf(tried, sizeof tried, "%s", name);
    for (int k = 2; is_taken(all, count, tried); k++)
        snprintf(tried, sizeof tried, "%s-%d", name, k);
    set_text(&all[i].name, tried);
}

void spec_names(spec *s, int count)
{
    for (int i = 0; i < count; i++)
        if (s[i].name && is_taken(s, i, s[i].name))
            args_fail("two inputs have the name \"%s\"", s[i].name);
    for (int i = 0; i < count; i++)
        if (!s[i].name)
            name_one(s, count, i);
}

void spec_free(spec *s)
{
    free(s->url);
    free(s->name);
    free(s->options);
}
