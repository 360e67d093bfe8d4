#define _POSIX_C_SOURCE 200809L /* isatty, fileno */

#include "set.h"

#include <stdio.h>
#include <unistd.h>

#include "../common/args.h"
#include "../common/progress.h"

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

set_line set_line_begin(bool quiet)
{
    return (set_line){.shown = !quiet && isatty(fileno(stderr)), .began = seconds()};
}

void set_line_show(void *line, int64_t done, int64_t of)
{
    const set_line *l = line;
    if (!l->shown || (done % 16 && done != of))
        return;
    const double time = seconds() - l->began, rate = time > 0 ? (double)done / time : 0;
    fprintf(stderr, "\r\033[K%lld of %lld images, %.0f a second, %.0f s left", (long long)done,
            (long long)of, rate, rate > 0 ? (double)(of - done) / rate : 0);
}

void set_line_clear(const set_line *line)
{
    if (line->shown)
        fputs("\r\033[K", stderr);
}
