#define _POSIX_C_SOURCE 200809L /* isatty, fileno */

#include "set.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../common/args.h"
#include "../common/progress.h"

enum { EACH = 2 /* seconds, between two lines */ };

tn_dataset *set_open(const char *path, const tn_dataset *classes, const char *exclude, bool quiet)
{
    tn_dataset *set = NULL;
    const tn_dataset_opts opts = {.path = path, .classes_of = classes, .exclude = exclude};
    if (tn_dataset_open(&set, &opts) != TN_OK)
        args_fail("%s", tn_error());
    for (int i = 0; i < tn_dataset_num_notices(set) && !quiet; i++)
        args_warn("note: %s", tn_dataset_notice(set, i));
    return set;
}

set_line set_line_begin(bool quiet, bool plain)
{
    const double now = seconds();
    return (set_line){.shown = !plain && !quiet && isatty(fileno(stderr)),
                      .plain = plain,
                      .began = now,
                      .said = now - EACH};
}

void set_line_show(void *line, int64_t done, int64_t of)
{
    set_line *l = line;
    const double now = seconds(), time = now - l->began;
    const bool due = l->plain ? now - l->said >= EACH : l->shown && (done % 16 == 0 || done == of);
    if (!due)
        return;
    const double rate = time > 0 ? (double)done / time : 0;
    l->said = now;
    fputs(l->plain ? "" : "\r\033[K", stderr);
    fprintf(stderr, "%lld of %lld images, %.0f a second, %.0f s left%s", (long long)done,
            (long long)of, rate, rate > 0 ? (double)(of - done) / rate : 0, l->plain ? "\n" : "");
}

void set_line_clear(const set_line *line)
{
    if (line->shown)
        fputs("\r\033[K", stderr);
}

/* The last name of a path, without slashes behind it. */
static int last_name(const char *path, const char **name)
{
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/')
        length--;
    size_t first = length;
    while (first > 0 && path[first - 1] != '/')
        first--;
    *name = path + first;
    return (int)(length - first);
}

char *set_list_name(const char *root, const char *other, const char *path, bool packed)
{
    const char *own, *others = "";
    const int length = last_name(root, &own), other_length = other ? last_name(other, &others) : 0;
    const size_t up_to = (size_t)(own - root) + (size_t)length;
    const bool alone = length != other_length || strncmp(own, others, (size_t)length) != 0;
    const bool named = own[0] != '.' && own[0] != '/' && length > 0 && alone;
    const bool within = strncmp(path, root, up_to) == 0 && path[up_to] == '/';
    const size_t room = strlen(path) + (size_t)length + 2;
    char *name = malloc(room);
    if (!name)
        run_fail("no memory for what to leave out");
    if (named && packed)
        snprintf(name, room, "%.*s/%s", length, own, path);
    else
        snprintf(name, room, "%s", named && within ? path + (own - root) : path);
    return name;
}
