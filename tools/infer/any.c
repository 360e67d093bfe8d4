#define _GNU_SOURCE /* mkdtemp, strdup */

/* A model that is no engine becomes one, in a file that nobody else sees, for as long as it is asked. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../common/args.h"
#include "../common/workspace.h"
#include "infer.h"

/* Whoever trains with averages is told of them, as tenon build does. */
static tn_model *open_model(const char *path, const opening *o)
{
    tn_model *m = NULL;
    tn_model_opts opts = opening_opts(o, 0, 0);
    if (tn_model_open(&m, path, &opts) != TN_OK)
        return NULL;
    if (!tn_model_keeps_average(m))
        return m;
    tn_model_close(m);
    m = NULL;
    opts.average = true;
    if (tn_model_open(&m, path, &opts) != TN_OK)
        args_fail("%s", tn_error());
    return m;
}

/* Ends the program if it cannot be written; the file is gone when it is no longer open. */
static void make_engine(session *s, const tn_model *ready)
{
    char folder[RUN_PATH], path[RUN_PATH + 16];
    const char *given = getenv("TMPDIR");
    if (snprintf(folder, sizeof folder, "%s/tenon-infer-XXXXXX",
                 given && *given ? given : "/tmp") >= (int)sizeof folder ||
        !mkdtemp(folder))
        run_fail("%s: a folder for an engine of it cannot be made in %s", s->path,
                 given && *given ? given : "/tmp");
    snprintf(path, sizeof path, "%s/engine.plan", folder);
    tn_status status = tn_engine_save(ready, path);
    if (status == TN_OK)
        status = tn_engine_open(&s->engine, path, &(tn_engine_opts){.unchecked_data = true});
    (void)unlink(path);
    (void)rmdir(folder);
    if (status != TN_OK)
        args_fail("%s", tn_error());
}

static void note_picture(session *s, const tn_model *model)
{
    tn_picture p;
    char why[1024];
    if (tn_model_picture(model, &p) == TN_OK)
        return;
    snprintf(why, sizeof why, "%s%s", tn_error(), opening_hint(model));
    s->no_picture = strdup(why);
}

void infer_find(session *s, const char *given)
{
    tn_model *ready = NULL;
    run_model(s->file_path, s->q.workspace, given);
    s->path = s->file_path;
    if (tn_engine_open(&s->engine, s->path, NULL) == TN_OK)
        return;
    tn_model *model = open_model(s->path, &s->q.opening);
    if (!model)
        args_fail("%s", tn_error());
    if (tn_model_fact(model, "tenon.engine")) { /* one that is damaged, or of a later version */
        tn_model_close(model);
        args_fail("%s", tn_engine_open(&s->engine, s->path, NULL) == TN_OK ? s->path : tn_error());
    }
    opening_tell(model);
    note_picture(s, model);
    if (tn_model_optimise(&ready, model, NULL) != TN_OK)
        args_fail("%s", tn_error());
    make_engine(s, ready);
    s->made = true;
    tn_model_close(ready);
    tn_model_close(model);
}
