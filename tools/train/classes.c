/* A validation, class by class. */
#include <stdlib.h>

#include "../common/args.h"
#include "session.h"

void classes_begin(session *s)
{
    const size_t classes = (size_t)s->net.classes;
    if (s->eval) {
        tn_eval_clear(s->eval);
        return;
    }
    tn_must(tn_eval_create(&s->eval, &(tn_eval_opts){.classes = s->net.classes}));
    s->scores = malloc((size_t)s->r.batch * classes * sizeof *s->scores);
    s->per_class = malloc(classes * sizeof *s->per_class);
    if (!s->scores || !s->per_class)
        run_fail("no memory for the logits of %lld images", (long long)s->r.batch);
}

void classes_count(session *s, const tn_batch *batch)
{
    const tn_tensor scores = {TN_F32, TN_SHAPE(s->r.batch, s->net.classes), s->scores};
    tn_must(tn_plan_get(s->plan, s->net.logits, scores));
    tn_must(tn_eval_add(s->eval, scores, session_labels(s, &batch->labels)));
}

const double *classes_right(const session *s)
{
    for (int k = 0; k < s->net.classes; k++)
        s->per_class[k] = tn_eval_class_of(s->eval, k).recall;
    return s->per_class;
}

void classes_close(session *s)
{
    tn_eval_destroy(s->eval);
    free(s->scores);
    free(s->per_class);
}
