/*
 * concat on the CPU. In canonical layout each input's share of what is in front of the axis is one piece of memory. Of
 * channels that holds of whole blocks of them, too ("aBcd16b"), and where they lie innermost ("acdb"), of its share of a
 * pixel. So both ways are copies of pieces; what is a part of y already stays.
 */
#include <string.h>

#include "backends/cpu/onednn/onednn.h"

typedef struct state {
    int64_t count;           /* pieces of each input */
    size_t piece[TN_MAX_IN]; /* bytes of one */
    size_t whole;            /* of one of each, side by side: y's */
} state;

/* Layouts that will do, besides the canonical one. */
typedef struct form {
    const char *name;
    dnnl_format_tag_t tag;
    bool by_pixel; /* a piece is a pixel's, not an image's */
} form;
static const form forms[] = {
    {"aBcd16b", dnnl_aBcd16b, false},
    {"aBcd8b", dnnl_aBcd8b, false},
    {"acdb", dnnl_acdb, true},
};

static int axis_of(const tn_node *n)
{
    return ((const tn_concat_opts *)n->opts)->axis;
}

/* Is one of them a part of y already? Then all have to be in that form. */
static tn_status join_others(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    const tn_layout *part[TN_MAX_IN];
    size_t at;
    bool joined = false;
    for (int i = 0; tn_joins(n) && i < n->num_in; i++) {
        TN_TRY(tn_onednn_part_layout(d, b->precision, n, i, &part[i], &at));
        joined |= part[i] && part[i] == b->x[i];
    }
    for (int i = 0; joined && i < n->num_in; i++)
        b->x[i] = part[i];
    return TN_OK;
}

/* The form of all inputs, in which y is their pieces side by side; NULL if they are not of one such. */
static const form *common_form(const tn_node *n, const tn_binding *b)
{
    const form *found = NULL;
    if (axis_of(n) != 1)
        return NULL;
    for (size_t i = 0; i < TN_COUNT(forms); i++)
        if (b->x[0] && strcmp(b->x[0]->name, forms[i].name) == 0)
            found = &forms[i];
    for (int i = 0; found && i < n->num_in; i++) {
        const size_t unpadded = (size_t)tn_elements(&n->x[i]) * sizeof(float);
        if (!b->x[i] || strcmp(b->x[i]->name, found->name) != 0)
            return NULL;
        if (i < n->num_in - 1 && b->x[i]->bytes != unpadded)
            return NULL; /* padding would lie in the middle */
    }
    return found;
}

/* y's layout in that form. It is not what oneDNN answers for a concat, "Bacd16b", which no other
 * operation would take as it is. */
static tn_status find_layout(tn_backend_device *d, const tn_node *n, const form *f,
                             const tn_layout **out)
{
    tn_maker m = tn_maker_begin(d, n);
    const tn_md *y = tn_md_tagged(&m, n->y[0].ndim, n->y[0].dim, TN_F32, f->tag);
    *out = m.status == TN_OK ? tn_md_layout(y) : NULL;
    return m.status;
}

static tn_status prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    const tn_layout *layout = NULL;
    TN_TRY(join_others(d, n, b));
    const form *f = common_form(n, b);
    if (f)
        TN_TRY(find_layout(d, n, f, &layout));
    state *s = tn_alloc(1, sizeof *s);
    if (!s)
        return tn_no_memory("concat", sizeof *s);
    s->count = 1;
    for (int i = 0; i < axis_of(n); i++)
        s->count *= n->x[0].dim[i];
    if (f && f->by_pixel)
        s->count *= n->x[0].dim[2] * n->x[0].dim[3];
    for (int i = 0; i < n->num_in; i++) {
        const size_t unpadded = (size_t)tn_elements(&n->x[i]) * sizeof(float);
        s->piece[i] = (f ? b->x[i]->bytes : unpadded) / (size_t)s->count;
        s->whole += s->piece[i];
        if (!f)
            b->x[i] = NULL;
    }
    b->y[0] = layout;
    b->state = s;
    return TN_OK;
}

/* Pieces of memory that are worth another thread. */
static int64_t grain(const state *s)
{
    return 1 + (int64_t)(TN_FLOATS * sizeof(float) / (s->whole + 1));
}

static void join(const void *of, tn_piece p)
{
    const tn_call *c = of;
    const state *s = c->state;
    for (int64_t n = p.begin; n < p.end; n++) {
        char *y = (char *)c->y[0] + (size_t)n * s->whole;
        for (int i = 0; i < c->node->num_in; i++) {
            if (c->x[i])
                memcpy(y, (const char *)c->x[i] + (size_t)n * s->piece[i], s->piece[i]);
            y += s->piece[i];
        }
    }
}

static tn_status forward(const tn_call *c)
{
    const state *s = c->state;
    tn_each(c->device, s->count, grain(s), join, c);
    return TN_OK;
}

static void part(const void *of, tn_piece p)
{
    const tn_call *c = of;
    const state *s = c->state;
    for (int64_t n = p.begin; n < p.end; n++) {
        const char *dy = (const char *)c->dy[0] + (size_t)n * s->whole;
        for (int i = 0; i < c->node->num_in; i++) {
            if (c->dx[i])
                memcpy((char *)c->dx[i] + (size_t)n * s->piece[i], dy, s->piece[i]);
            dy += s->piece[i];
        }
    }
}

static tn_status backward(const tn_call *c)
{
    const state *s = c->state;
    tn_each(c->device, s->count, grain(s), part, c);
    return TN_OK;
}

static void release(void *s)
{
    tn_free(s);
}

const tn_kernel tn_cpu_concat = {
    .op = "concat",
    .prepare = prepare,
    .forward = forward,
    .backward = TN_BACKWARD(backward),
    .release = release,
};
