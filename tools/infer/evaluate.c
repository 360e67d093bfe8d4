/* How many pictures of a set with labels the engine gets right. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../common/args.h"
#include "../common/json.h"
#include "../common/text.h"
#include "infer.h"

typedef struct evaluation {
    session *s;
    tn_model *model; /* the engine's file, as which it says how pictures are fitted */
    tn_picture picture;
    tn_dataset *set;
    tn_loader *loader;
    int *label_of;   /* the engine's number of each class of the set */
    int32_t *labels; /* of a batch, as the engine has them */
    tn_eval *eval;
} evaluation;

/* ---- classes ---------------------------------------------------------------------------------- */

static int find_class(const session *s, const char *name)
{
    for (int i = 0; i < tn_engine_num_classes(s->engine); i++)
        if (text_is_class(tn_engine_class(s->engine, i), name))
            return i;
    return -1;
}

/* By their names; where the engine has none, by their numbers. */
static void match_classes(evaluation *e)
{
    const session *s = e->s;
    const int classes = tn_dataset_classes(e->set);
    e->label_of = calloc((size_t)classes + 1, sizeof *e->label_of);
    if (!e->label_of)
        run_fail("no memory for %d classes", classes);
    for (int i = 0; i < classes; i++) {
        const char *name = tn_dataset_class_name(e->set, i);
        e->label_of[i] = tn_engine_num_classes(s->engine) ? find_class(s, name) : i;
        if (e->label_of[i] < 0 || e->label_of[i] >= s->classes)
            args_fail("%s: class \"%s\" is none of the %lld that %s knows", s->q.evaluate, name,
                      (long long)s->classes, s->path);
    }
}

static void open_all(evaluation *e)
{
    const session *s = e->s;
    if (s->classes == 0 || s->ports.num_in != 1)
        args_fail("%s: does not tell of classes of one picture a row", s->path);
    if (tn_model_open(&e->model, s->path, NULL) != TN_OK ||
        tn_model_picture(e->model, &e->picture) != TN_OK ||
        tn_dataset_open(&e->set, &(tn_dataset_opts){.path = s->q.evaluate}) != TN_OK)
        args_fail("%s", tn_error());
    match_classes(e);
    e->labels = calloc((size_t)s->q.rows, sizeof *e->labels);
    if (!e->labels)
        run_fail("no memory for %lld labels", (long long)s->q.rows);
    const tn_loader_opts opts = {.batch = (int)s->q.rows,
                                 .height = e->picture.fit.height,
                                 .width = e->picture.fit.width,
                                 .resize = e->picture.fit.resize,
                                 .max_bad = 100,
                                 .jpeg_maps = TN_ZERO}; /* each file is read once */
    if (tn_loader_open(&e->loader, e->set, &opts) != TN_OK ||
        tn_eval_create(&e->eval,
                       &(tn_eval_opts){.classes = (int)s->classes, .shares = s->shares}) != TN_OK)
        args_fail("%s", tn_error());
}

/* ---- measuring -------------------------------------------------------------------------------- */

static void take(evaluation *e, const tn_batch *b)
{
    session *s = e->s;
    const int32_t *label = b->labels.data;
    const int64_t pixels = (int64_t)e->picture.fit.height * e->picture.fit.width;
    tn_must(
        tn_picture_pixels(&e->picture, b->images.data, s->q.rows * pixels, s->ports.in[0].data));
    if (ports_run(&s->ports, s->context, s->q.rows) != TN_OK)
        run_fail("%s", tn_error());
    for (int64_t i = 0; i < s->q.rows; i++)
        e->labels[i] = label[i] < 0 ? -1 : e->label_of[label[i]];
    tn_must(tn_eval_add(e->eval,
                        (tn_tensor){TN_F32, TN_SHAPE(s->q.rows, s->classes), s->ports.out[0].data},
                        (tn_tensor){TN_I32, TN_SHAPE(s->q.rows), e->labels}));
}

static void tell(const evaluation *e)
{
    const session *s = e->s;
    const tn_eval_total t = tn_eval_sum(e->eval);
    const int64_t bad = tn_loader_num_bad(e->loader);
    const double rows = t.rows ? (double)t.rows : 1;
    if (s->q.json) {
        json j = {.to = stdout};
        json_object(&j, NULL);
        json_text(&j, "engine", s->path);
        json_text(&j, "data", s->q.evaluate);
        json_count(&j, "images", t.rows);
        json_count(&j, "broken", bad);
        json_exact(&j, "top_1", (double)t.top_1 / rows);
        json_exact(&j, "top_k", (double)t.top_k / rows);
        json_exact(&j, "loss", t.loss);
        json_end(&j, '}');
    } else {
        printf("%lld pictures: top-1 %.2f %%, top-%lld %.2f %%, loss %.4f\n", (long long)t.rows,
               100 * (double)t.top_1 / rows, (long long)(s->classes < 5 ? s->classes : 5),
               100 * (double)t.top_k / rows, t.loss);
    }
    for (int64_t i = 0; i < bad; i++)
        args_warn("%s: %s", tn_loader_bad_path(e->loader, i), tn_loader_bad_reason(e->loader, i));
}

void infer_evaluate(session *s)
{
    evaluation e = {.s = s};
    tn_batch b;
    tn_status status;
    open_all(&e);
    while ((status = tn_loader_next(e.loader, &b)) == TN_OK)
        take(&e, &b);
    if (status != TN_END)
        run_fail("%s", tn_error());
    tell(&e);
    tn_eval_destroy(e.eval);
    tn_loader_close(e.loader);
    tn_dataset_close(e.set);
    tn_model_close(e.model);
    free(e.label_of);
    free(e.labels);
}
