#include "backends/options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_TEXT = 512 };

/* Adds to a text what may follow an option's name. */
static void add_values(const tn_option *o, char *text, size_t size)
{
    const size_t used = strlen(text);
    char *to = text + used;
    size -= used;
    if (o->kind == TN_OPTION_SWITCH)
        snprintf(to, size, "on|off");
    else if (o->kind == TN_OPTION_NUMBER)
        snprintf(to, size, "%lld...%lld%s%s", (long long)o->min, (long long)o->max,
                 o->words ? " " : "", o->words ? o->words : "");
    else
        snprintf(to, size, "%s", o->words);
}

static tn_status unknown(const char *backend, const tn_option *table, const char *word)
{
    char known[MOST_TEXT] = "";
    for (const tn_option *o = table; o->name; o++) {
        const size_t used = strlen(known);
        snprintf(known + used, sizeof known - used, "%s%s=", used ? ", " : "", o->name);
        add_values(o, known, sizeof known);
    }
    return tn_fail(TN_ERR_ARGUMENT, "%s: option \"%s\" is none of %s", backend, word, known);
}

static tn_status wrong(const char *backend, const tn_option *o, const char *value)
{
    char wanted[MOST_TEXT] = "";
    add_values(o, wanted, sizeof wanted);
    return tn_fail(TN_ERR_ARGUMENT, "%s: option %s%s%s: %s is wanted", backend, o->name,
                   value ? "=" : "", value ? value : " has no value", wanted);
}

static bool read_number(const tn_option *o, const char *value, int64_t *out)
{
    char *end;
    errno = 0;
    *out = strtoll(value, &end, 10);
    return *value >= '0' && *value <= '9' && !*end && !errno && *out >= o->min && *out <= o->max;
}

/* Which of the words it is; -1: none. */
static int find_word(const char *words, const char *value)
{
    const size_t length = strlen(value);
    int index = 0;
    for (const char *w = words; *w; w += strcspn(w, "|"), w += *w == '|', index++)
        if (length > 0 && strcspn(w, "|") == length && strncmp(w, value, length) == 0)
            return index;
    return -1;
}

/* False: it is no such value. `value` is NULL where there is no "=". */
static bool set(const tn_option *o, const char *value, void *to)
{
    int word = -1;
    int64_t number;
    switch (o->kind) {
    case TN_OPTION_SWITCH:
        word = value ? find_word("off|on", value) : 1;
        if (word >= 0)
            *(bool *)to = word == 1;
        return word >= 0;
    case TN_OPTION_NUMBER:
        if (!value || !read_number(o, value, &number))
            return false;
        *(int64_t *)to = number;
        return true;
    case TN_OPTION_CHOICE:
        word = value ? find_word(o->words, value) : -1;
        if (word >= 0)
            *(int *)to = word;
        return word >= 0;
    case TN_OPTION_TEXT:
        if (!value || !*value || strlen(value) >= (size_t)o->max)
            return false;
        memcpy(to, value, strlen(value) + 1);
        return true;
    }
    return false;
}

static tn_status read_word(const char *backend, const tn_option *table, char *word, void *opts,
                           unsigned *given)
{
    char *equals = strchr(word, '=');
    const size_t length = equals ? (size_t)(equals - word) : strlen(word);
    for (int i = 0; table[i].name; i++) {
        const tn_option *o = &table[i];
        if (strlen(o->name) != length || strncmp(word, o->name, length) != 0)
            continue;
        if (*given & 1U << i)
            return tn_fail(TN_ERR_ARGUMENT, "%s: option %s is there twice", backend, o->name);
        *given |= 1U << i;
        return set(o, equals ? equals + 1 : NULL, (char *)opts + o->at)
                   ? TN_OK
                   : wrong(backend, o, equals ? equals + 1 : NULL);
    }
    return unknown(backend, table, word);
}

tn_status tn_options_read(const char *backend, const tn_option *table, const char *text, void *opts,
                          unsigned *given)
{
    *given = 0;
    while (*text) {
        char word[MOST_TEXT];
        const size_t length = strcspn(text, ",");
        if (length >= sizeof word)
            return tn_fail(TN_ERR_ARGUMENT, "%s: an option has %zu characters, more than %zu: %s",
                           backend, length, sizeof word - 1, text);
        memcpy(word, text, length);
        word[length] = 0;
        TN_TRY(read_word(backend, table, word, opts, given));
        text += length;
        if (text[0] == ',' && !text[1])
            return tn_fail(TN_ERR_ARGUMENT, "%s: no option follows the last comma", backend);
        text += *text == ',';
    }
    return TN_OK;
}
