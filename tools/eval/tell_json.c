/* The report as JSON: docs/tenon-eval.md says what each member is. */
#include "eval.h"

static double share_of(int64_t part, int64_t of)
{
    return of ? (double)part / (double)of : 0;
}

static void write_classes(json *j, const evaluation *e)
{
    json_array(j, "classes");
    for (int k = 0; k < e->classes; k++) {
        const tn_eval_class c = tn_eval_class_of(e->eval, k);
        json_object(j, NULL);
        json_text(j, "name", e->name[k]);
        json_count(j, "images", c.rows);
        json_count(j, "right", c.right);
        json_count(j, "said", c.said);
        json_exact(j, "recall", c.recall);
        json_exact(j, "precision", c.precision);
        json_end(j, '}');
    }
    json_end(j, ']');
}

static void write_confusion(json *j, const evaluation *e)
{
    json_array(j, "confusion");
    for (int64_t i = 0; i < e->cells; i++) {
        json_array(j, NULL);
        json_count(j, NULL, e->cell[i].label);
        json_count(j, NULL, e->cell[i].said);
        json_count(j, NULL, e->cell[i].rows);
        json_end(j, ']');
    }
    json_end(j, ']');
}

static void write_broken(json *j, const evaluation *e)
{
    json_array(j, "broken");
    for (int64_t i = 0; i < e->num_broken; i++) {
        json_object(j, NULL);
        json_text(j, "file", e->broken[i].file);
        json_text(j, "reason", e->broken[i].reason);
        json_end(j, '}');
    }
    json_end(j, ']');
}

void eval_tell_json(evaluation *e, FILE *to)
{
    const tn_eval_total *t = &e->total;
    json j = {.to = to};
    json_object(&j, NULL);
    json_text(&j, "model", e->path);
    json_text(&j, "data", e->data);
    json_count(&j, "height", e->picture.fit.height);
    json_count(&j, "width", e->picture.fit.width);
    json_count(&j, "resize", e->resize);
    json_bool(&j, "ten_crop", e->q.ten_crop);
    json_bool(&j, "average", e->average);
    json_text(&j, "precision", tn_precision_name(tn_plan_precision(e->plan)));
    json_count(&j, "images", t->rows);
    json_count(&j, "right", t->top_1);
    json_count(&j, "right_5", t->top_k);
    json_exact(&j, "top1", share_of(t->top_1, t->rows));
    json_exact(&j, "top5", share_of(t->top_k, t->rows));
    json_exact(&j, "loss", t->loss);
    json_count(&j, "no_answer", t->unsaid);
    json_count(&j, "unknown", e->left_out);
    json_count(&j, "doubled", e->doubled);
    json_count(&j, "excluded", tn_dataset_excluded(e->set));
    json_array(&j, "notices");
    for (int i = 0; i < tn_dataset_num_notices(e->set); i++)
        json_text(&j, NULL, tn_dataset_notice(e->set, i));
    json_end(&j, ']');
    write_broken(&j, e);
    write_classes(&j, e);
    write_confusion(&j, e);
    eval_tell_worst(e, &j);
    json_end(&j, '}');
}
