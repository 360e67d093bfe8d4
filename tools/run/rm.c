/* tenon-run rm: takes runs away, to the trash or for good. */
#include <stdio.h>
#include <stdlib.h>

#include "../common/args.h"
#include "remove.h"
#include "run.h"

static struct {
    const char *workspace;
    bool gone, json;
} flags;

static const char about[] = "Moves runs to trash/ of their workspace, or deletes them. Only a "
                            "folder that is a run, and none that lives: all are\n"
                            "looked at before the first is touched. Links are not followed.";

static const arg options[] = {
    ARG_WORKSPACE(&flags.workspace),
    {ARG_FLAG, "delete", NULL, "for good", &flags.gone, 0, 0},
    {ARG_FLAG, "json", NULL, "an array of what was done", &flags.json, 0, 0},
};

static void tell(json *j, const removal *r)
{
    if (!flags.json) {
        printf("%s %s%s\n", run_text(r->path), flags.gone ? "deleted" : "is now ",
               flags.gone ? "" : run_text(r->trash));
        return;
    }
    json_object(j, NULL);
    json_text(j, "folder", r->path);
    json_text(j, "trash", flags.gone ? NULL : r->trash);
    json_end(j, '}');
}

int run_rm(int argc, char **argv)
{
    const args a = {.usage = "tenon-run rm RUN... [options]",
                    .about = about,
                    .options = options,
                    .count = sizeof options / sizeof options[0],
                    .min_words = 1,
                    .max_words = -1,
                    .words = "the name of a run"};
    const int count = args_parse(&a, argc, argv);
    removal *r = calloc((size_t)count, sizeof *r);
    json j = {.to = stdout};
    if (!r)
        run_fail("no memory for %d runs", count);
    for (int i = 0; i < count; i++) {
        char path[RUN_PATH];
        run_folder(path, flags.workspace, argv[1 + i]);
        removal_begin(&r[i], path, !flags.gone);
    }
    if (flags.json)
        json_array(&j, NULL);
    for (int i = 0; i < count; i++) {
        if (flags.gone)
            removal_delete(&r[i]);
        else
            removal_move(&r[i]);
        removal_end(&r[i]);
        tell(&j, &r[i]);
    }
    if (flags.json)
        json_end(&j, ']');
    free(r);
    return fflush(stdout) == 0 ? 0 : 1;
}
