/*
 * concat on the CPU. In a layout that keeps an image's channels apart from the next image's, and is
 * blocked in whole blocks of channels ("aBcd16b") or not at all, each input's share of an image is one
 * piece of memory. So both ways are copies of pieces.
 */
#include <string.h>

#include "backends/cpu/_onednn.h"

typedef struct state {
    size_t piece[TN_MAX_IN]; /* bytes of one image in each input */
    size_t image;            /* and in y */
} state;

/* Layouts whose images, and in them blocks of channels, follow each other. */
static const struct {
    const char *name;
    dnnl_format_tag_t tag;
} in_pieces[] = {{"aBcd16b", dnnl_aBcd16b}, {"aBcd8b", dnnl_aBcd8b}};

/* The layout in which y is the inputs' pieces in a row; NULL, canonical, if theirs are not such. It is
 * not oneDNN's choice for a concat, "Bacd16b", which no other operation would take as it is. */
static tn_status common_layout(tn_backend_device *d, const tn_node *n, const tn_binding *b,
                               const tn_layout **out)
{
    const tn_layout *first = b->x[0];
    dnnl_format_tag_t tag = dnnl_format_tag_undef;
    *out = NULL;
    for (size_t i = 0; i < TN_COUNT(in_pieces); i++)
        if (first && strcmp(first->name, in_pieces[i].name) == 0)
            tag = in_pieces[i].tag;
    if (tag == dnnl_format_tag_undef)
        return TN_OK;
    for (int i = 0; i < n->num_in; i++) {
        const size_t unpadded = (size_t)tn_elements(&n->x[i]) * sizeof(float);
        if (!b->x[i] || strcmp(b->x[i]->name, first->name) != 0)
            return TN_OK;
        if (i < n->num_in - 1 && b->x[i]->bytes != unpadded)
            return TN_OK; /* padding would lie in the middle */
    }
    tn_maker m = tn_maker_begin(d, n);
    const tn_md *y = tn_md_tagged(&m, n->y[0].ndim, n->y[0].dim, TN_F32, tag);
    *out = m.status == TN_OK ? tn_md_layout(y) : NULL;
    return m.status;
}

static tn_status prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    const tn_layout *layout = NULL;
    TN_TRY(common_layout(d, n, b, &layout));
    state *s = tn_alloc(1, sizeof *s);
    if (!s)
        return tn_no_memory("concat", sizeof *s);
    const size_t images = (size_t)n->x[0].dim[0];
    for (int i = 0; i < n->num_in; i++) {
        const size_t plain = (size_t)tn_elements(&n->x[i]) * sizeof(float);
        s->piece[i] = (layout ? b->x[i]->bytes : plain) / images;
        s->image += s->piece[i];
        if (!layout)
            b->x[i] = NULL;
    }
    b->y[0] = layout;
    b->state = s;
    return TN_OK;
}

static tn_status forward(const tn_call *c)
{
    const state *s = c->state;
    const int64_t images = c->node->x[0].dim[0];
#pragma omp parallel for num_threads(c->device->threads) schedule(static)
    for (int64_t n = 0; n < images; n++) {
        char *y = (char *)c->y[0] + (size_t)n * s->image;
        for (int i = 0; i < c->node->num_in; i++) {
            memcpy(y, (const char *)c->x[i] + (size_t)n * s->piece[i], s->piece[i]);
            y += s->piece[i];
        }
    }
    return TN_OK;
}

static tn_status backward(const tn_call *c)
{
    const state *s = c->state;
    const int64_t images = c->node->x[0].dim[0];
#pragma omp parallel for num_threads(c->device->threads) schedule(static)
    for (int64_t n = 0; n < images; n++) {
        const char *dy = (const char *)c->dy + (size_t)n * s->image;
        for (int i = 0; i < c->node->num_in; i++) {
            if (c->dx[i])
                memcpy((char *)c->dx[i] + (size_t)n * s->piece[i], dy, s->piece[i]);
            dy += s->piece[i];
        }
    }
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
    .backward = backward,
    .release = release,
};
