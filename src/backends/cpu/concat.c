/*
 * concat on the CPU. In a layout that keeps an image's channels apart from the next image's, and is
 * blocked in whole blocks of channels ("aBcd16b") or not at all, each input's share of an image is one
 * piece of memory. So both ways are copies of pieces, and oneDNN is only asked for the layout.
 */
#include <string.h>

#include "backends/cpu/_onednn.h"

typedef struct state {
    size_t piece[TN_MAX_IN]; /* bytes of one image in each input */
    size_t image;            /* and in y */
} state;

/* Every image and block of channels in one piece: 'a' outermost, then 'B', as in "aBcd16b". */
static bool in_pieces(const tn_layout *layout)
{
    return strncmp(layout->name, "aB", 2) == 0;
}

/* The layout in which y is the inputs' pieces in a row; NULL, canonical, if theirs are not such. */
static tn_status common_layout(tn_backend_device *d, const tn_node *n, const tn_binding *b,
                               const tn_layout **out)
{
    const tn_md *x[TN_MAX_IN];
    tn_maker m = tn_maker_begin(d, n);
    size_t bytes = 0;
    *out = NULL;
    for (int i = 0; i < n->num_in; i++) {
        const size_t plain = (size_t)tn_elements(&n->x[i]) * sizeof(float);
        if (!b->x[i] || !in_pieces(b->x[i]) || strcmp(b->x[i]->name, b->x[0]->name) != 0)
            return TN_OK;
        if (i < n->num_in - 1 && b->x[i]->bytes != plain)
            return TN_OK; /* padding would lie in the middle */
        bytes += b->x[i]->bytes;
        x[i] = tn_md_of(&m, &n->x[i], TN_F32, b->x[i]);
    }
    tn_prim concat = {0};
    const tn_md *any = tn_md_any(&m, n->y[0].ndim, n->y[0].dim, TN_F32);
    tn_make_concat(&m, &concat, 1, n->num_in, x, any);
    const tn_md *y = tn_prim_md(&m, &concat, DNNL_ARG_DST);
    const tn_layout *layout = m.status == TN_OK ? tn_md_layout(y) : NULL;
    if (layout && strcmp(layout->name, b->x[0]->name) == 0 && layout->bytes == bytes)
        *out = layout;
    tn_prim_free(&concat);
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
