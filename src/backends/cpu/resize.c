/*
 * resize on the CPU, in the layout that x comes in: planes of pixels of so many numbers that lie together, one in canonical
 * layout, 16 or 8 in blocks of channels ("aBcd16b"), all where channels lie innermost ("acdb"). Backward goes through
 * dx: each pixel looks up those of y that it is a part of, so sums have one order.
 */
#include "backends/cpu/onednn/onednn.h"
#include "tensor/resample.h"

/* Layouts that will do, beside the canonical one. */
static const struct {
    const char *name;
    dnnl_format_tag_t tag;
    int lanes; /* 0: all channels */
} forms[] = {
    {"aBcd16b", dnnl_aBcd16b, 16},
    {"aBcd8b", dnnl_aBcd8b, 8},
    {"acdb", dnnl_acdb, 0},
};

typedef struct resize {
    tn_resample rows, columns;
    int64_t planes, lanes;
} resize;

static tn_status prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    const tn_resize_opts *o = n->opts;
    const tn_shape *x = &n->x[0], *y = &n->y[0];
    const char *name = b->x[0] ? b->x[0]->name : "";
    const tn_layout *layout = NULL;
    int64_t elements = tn_elements(x), lanes = 1;
    for (size_t i = 0; i < TN_COUNT(forms); i++)
        if (strcmp(name, forms[i].name) == 0) {
            tn_maker m = tn_maker_begin(d, n);
            layout = tn_md_layout(tn_md_tagged(&m, 4, y->dim, TN_F32, forms[i].tag));
            TN_TRY(m.status);
            lanes = forms[i].lanes ? forms[i].lanes : x->dim[1];
            elements = (int64_t)(b->x[0]->bytes / sizeof(float));
        }
    if (!layout) {
        elements = tn_elements(x);
        lanes = 1;
        b->x[0] = NULL;
    }
    resize *s = tn_alloc(1, sizeof *s);
    if (!s)
        return tn_no_memory("resize", sizeof *s);
    s->rows = tn_resample_of(x->dim[2], y->dim[2], o, 0);
    s->columns = tn_resample_of(x->dim[3], y->dim[3], o, 1);
    s->lanes = lanes;
    s->planes = elements / lanes / (x->dim[2] * x->dim[3]);
    b->y[0] = layout;
    b->state = s;
    return TN_OK;
}

static void release(void *state)
{
    tn_free(state);
}

static inline float mix(float a, float b, float share)
{
    return a + share * (b - a);
}

static void make_rows(const void *of, tn_piece p)
{
    const tn_call *c = of;
    const resize *s = c->state;
    const int64_t lanes = s->lanes, P = s->rows.out, Q = s->columns.out, W = s->columns.in;
    for (int64_t i = p.begin; i < p.end; i++) {
        double down, across;
        const int64_t low = tn_resample_low(&s->rows, i % P, &down);
        const float *above = (const float *)c->x[0] + (i / P * s->rows.in + low) * W * lanes;
        const float *below = above + (down > 0 ? W * lanes : 0);
        float *y = (float *)c->y[0] + i * Q * lanes;
        for (int64_t q = 0; q < Q; q++, y += lanes) {
            const int64_t left = tn_resample_low(&s->columns, q, &across) * lanes;
            const int64_t right = left + (across > 0 ? lanes : 0);
            if (s->rows.nearest) {
                memcpy(y, above + left, (size_t)lanes * sizeof *y);
                continue;
            }
            for (int64_t k = 0; k < lanes; k++)
                y[k] = mix(mix(above[left + k], above[right + k], (float)across),
                           mix(below[left + k], below[right + k], (float)across), (float)down);
        }
    }
}

static tn_status forward(const tn_call *c)
{
    const resize *s = c->state;
    tn_each(c->device, s->planes * s->rows.out, 1 + TN_FLOATS / 4 / (s->columns.out * s->lanes),
            make_rows, c);
    return TN_OK;
}

/* dx += a pixel of dy, as much as it is a part of that, for all of row p. */
static void add_row(const resize *s, float *dx, const float *dy, int64_t w, double share)
{
    int64_t first, end;
    tn_resample_users(&s->columns, w, &first, &end);
    for (int64_t q = first; q < end; q++) {
        const float part = (float)(share * tn_resample_share(&s->columns, w, q));
        for (int64_t k = 0; k < s->lanes; k++)
            dx[k] += part * dy[q * s->lanes + k];
    }
}

static void add_rows(const void *of, tn_piece all)
{
    const tn_call *c = of;
    const resize *s = c->state;
    const int64_t lanes = s->lanes, P = s->rows.out, Q = s->columns.out;
    const int64_t H = s->rows.in, W = s->columns.in;
    for (int64_t i = all.begin; i < all.end; i++) {
        int64_t first, end;
        float *dx = (float *)c->dx[0] + i * W * lanes;
        const float *dy = (const float *)c->dy[0] + i / H * P * Q * lanes;
        memset(dx, 0, (size_t)(W * lanes) * sizeof *dx);
        tn_resample_users(&s->rows, i % H, &first, &end);
        for (int64_t p = first; p < end; p++) {
            const double share = tn_resample_share(&s->rows, i % H, p);
            for (int64_t w = 0; w < W && share > 0; w++)
                add_row(s, dx + w * lanes, dy + p * Q * lanes, w, share);
        }
    }
}

static tn_status backward(const tn_call *c)
{
    const resize *s = c->state;
    if (c->dx[0])
        tn_each(c->device, s->planes * s->rows.in, 1, add_rows, c);
    return TN_OK;
}

const tn_kernel tn_cpu_resize = {
    .op = "resize",
    .prepare = prepare,
    .forward = forward,
    .backward = TN_BACKWARD(backward),
    .release = release,
};
