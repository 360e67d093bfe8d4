/*
 * softmax_xent: the sum over labels of rows[i] * -sum over k of target[i,k] log softmax(x)[i,k], divided by their classes'
 * weights, where target is classes[k] times (1 - e) on the label plus e / K;   dx as layers/softmax_xent.c has it.
 */
#include "backends/cpu/reference/_reference.h"
#include "backends/cpu/reference/_rows.h"
#include "base/base.h"

typedef struct xent {
    tn_lines l;
    const int32_t *label;
    const float *rows, *classes; /* NULL: ones */
    double smoothing, divisor;
} xent;

static double class_weight(const xent *s, int64_t k)
{
    return s->classes ? (double)s->classes[k] : 1;
}

/* The divisor of a share is that of the whole batch. */
static tn_status begin(const tn_call *c, xent *s)
{
    const tn_softmax_xent_opts *o = c->node->opts;
    const int rows = tn_xent_rows(o->weights), classes = tn_xent_classes(o->weights);
    double sum = 0;
    *s = (xent){.l = tn_lines_along(&c->node->x[0], 1),
                .label = c->x[1],
                .rows = rows ? c->x[rows] : NULL,
                .classes = classes ? c->x[classes] : NULL,
                .smoothing = (double)o->label_smoothing};
    for (int64_t i = 0; i < s->l.outer * s->l.inner; i++) {
        if (s->label[i] < -1 || s->label[i] >= s->l.size)
            return tn_fail(TN_ERR_ARGUMENT,
                           "softmax_xent %s: label %d in row %lld is not in [0, %lld) nor -1",
                           c->node->name, (int)s->label[i], (long long)i, (long long)s->l.size);
        sum += s->label[i] >= 0 ? class_weight(s, s->label[i]) : 0;
    }
    const float share = c->run->share_rows[c->labels];
    s->divisor = share > 0 ? (double)share : sum > 0 || sum < 0 ? sum : 1;
    return TN_OK;
}

static double target_of(const xent *s, int64_t k, int32_t label)
{
    return class_weight(s, k) *
           (s->smoothing / (double)s->l.size + (k == label ? 1 - s->smoothing : 0));
}

/* Classes that come before the label: larger logits, and equal ones of a lower class. All, if there is a NaN. */
static int64_t count_better(const float *x, const tn_lines *l, int32_t label)
{
    const float own = x[label * l->inner];
    int64_t better = 0;
    for (int64_t k = 0; k < l->size; k++) {
        const float v = x[k * l->inner];
        if (isnan(v))
            return l->size;
        better += v > own || (v == own && k < label);
    }
    return better;
}

/* Of a label that is there. */
static double loss_of(const xent *s, const float *x, int32_t label)
{
    const double log_sum = tn_reference_log_sum(x, s->l.size, s->l.inner);
    double loss = 0;
    for (int64_t k = 0; k < s->l.size; k++)
        if (k == label || s->smoothing > 0) /* 0 times an infinite logit is NaN */
            loss += target_of(s, k, label) * (log_sum - (double)x[k * s->l.inner]);
    return loss;
}

static tn_status forward(const tn_call *c)
{
    const tn_softmax_xent_opts *o = c->node->opts;
    xent s;
    double loss = 0;
    int32_t top_1 = 0, top_k = 0;
    TN_TRY(begin(c, &s));
    for (int64_t i = 0; i < s.l.outer * s.l.inner; i++) {
        const float *x = (const float *)c->x[0] + tn_reference_line(&s.l, i);
        if (s.label[i] < 0)
            continue;
        loss += loss_of(&s, x, s.label[i]) * (s.rows ? (double)s.rows[i] : 1);
        const int64_t better = count_better(x, &s.l, s.label[i]);
        top_1 += better < 1;
        top_k += better < o->top_k;
    }
    if (c->y[0])
        *(float *)c->y[0] = (float)(loss / s.divisor);
    if (c->y[1])
        *(int32_t *)c->y[1] = top_1;
    if (c->y[2])
        *(int32_t *)c->y[2] = top_k;
    return TN_OK;
}

static void line_backward(const xent *s, int64_t i, const float *x, double dy, float *dx)
{
    const double log_sum = tn_reference_log_sum(x, s->l.size, s->l.inner);
    const double scale = dy * (s->rows ? (double)s->rows[i] : 1) / s->divisor;
    double all = 0;
    for (int64_t k = 0; k < s->l.size; k++)
        all += target_of(s, k, s->label[i]);
    for (int64_t k = 0; k < s->l.size; k++) {
        const double p = exp((double)x[k * s->l.inner] - log_sum);
        const double off = p * all - target_of(s, k, s->label[i]);
        dx[k * s->l.inner] = s->label[i] < 0 ? 0 : (float)(scale * off);
    }
}

static tn_status prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    const int classes = tn_xent_classes(((const tn_softmax_xent_opts *)n->opts)->weights);
    if (classes && b->dx[classes])
        return tn_fail(TN_ERR_UNSUPPORTED, "softmax_xent %s: weights of classes have no gradient",
                       n->name);
    return tn_reference_prepare(d, n, b);
}

static tn_status backward(const tn_call *c)
{
    const int rows = tn_xent_rows(((const tn_softmax_xent_opts *)c->node->opts)->weights);
    const double dy = (double)*(const float *)c->dy[0];
    float *drows = rows ? c->dx[rows] : NULL;
    xent s;
    TN_TRY(begin(c, &s));
    for (int64_t i = 0; i < s.l.outer * s.l.inner; i++) {
        const int64_t at = tn_reference_line(&s.l, i);
        const float *x = (const float *)c->x[0] + at;
        if (c->dx[0])
            line_backward(&s, i, x, dy, (float *)c->dx[0] + at);
        if (drows)
            drows[i] = s.label[i] < 0 ? 0 : (float)(dy * loss_of(&s, x, s.label[i]) / s.divisor);
    }
    return TN_OK;
}

const tn_kernel tn_reference_softmax_xent = {
    .op = "softmax_xent",
    .rank = TN_REFERENCE_RANK,
    .name = "reference",
    .prepare = prepare,
    .forward = forward,
    .backward = TN_BACKWARD(backward),
};
