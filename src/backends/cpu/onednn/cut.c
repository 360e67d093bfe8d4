#include "backends/cpu/onednn/cut.h"

enum {
    EACH = 4,  /* pieces a thread */
    WIDE = 64, /* filters of a piece, if there are enough: oneDNN's code has so many at once */
    MOST_OWN = 64 << 20,       /* bytes of gradients of the pieces' own */
    LITTLE_BYTES = 16384,      /* of the smaller tensor: not worth it, */
    LITTLE_PRODUCTS = 1 << 18, /* nor are so few of a convolution */
};

/* ---- where ---------------------------------------------------------------------------------- */

static int64_t block_of(const tn_md_view *v, int dim)
{
    int64_t block = 1;
    for (int i = 0; i < v->num_inner; i++)
        if (v->inner_dim[i] == dim)
            block *= v->inner_block[i];
    return block;
}

static size_t element_bytes(dnnl_data_type_t type)
{
    return type == dnnl_f32 || type == dnnl_s32 ? 4 : type == dnnl_f16 || type == dnnl_bf16 ? 2 : 1;
}

size_t tn_cut_step(const tn_cut *c)
{
    if (!c->md || c->dim < 0)
        return 0;
    const tn_md_view v = tn_md_look(tn_md_raw(c->md));
    return (size_t)(v.stride[c->dim] * c->each / block_of(&v, c->dim)) * element_bytes(v.type);
}

/* Does each unit begin where a block does? */
static bool fits(const tn_cut *c, int64_t unit)
{
    if (!c->md)
        return true;
    const tn_md_view v = tn_md_look(tn_md_raw(c->md));
    return v.blocked && v.offset == 0 &&
           (c->dim < 0 || (c->each * unit % block_of(&v, c->dim) == 0 &&
                           v.stride[c->dim] * c->each % block_of(&v, c->dim) == 0));
}

/* Whole images in blocks of channels? */
static bool is_image(tn_maker *m, const tn_md *md)
{
    const tn_md_view v = tn_md_look(tn_md_raw(md));
    const int64_t lanes = v.ndim == 4 ? block_of(&v, 1) : 1;
    if (v.type != dnnl_f32 || (lanes != 8 && lanes != 16))
        return false;
    const tn_shape shape = TN_SHAPE(v.dim[0], v.dim[1], v.dim[2], v.dim[3]);
    return tn_md_image(m, &shape, (int)lanes) == md;
}

/* Of one image with fewer channels it is that of a smaller one, not of a part. */
const tn_md *tn_cut_part(tn_maker *m, const tn_cut *c, int64_t size)
{
    int64_t dim[DNNL_MAX_NDIMS];
    if (!c->md || c->dim < 0 || m->status != TN_OK)
        return c->md;
    const tn_md_view v = tn_md_look(tn_md_raw(c->md));
    for (int i = 0; i < v.ndim; i++)
        dim[i] = i == c->dim ? size * c->each : v.dim[i];
    if (c->dim == 1 && is_image(m, c->md)) {
        const tn_shape shape = TN_SHAPE(dim[0], dim[1], dim[2], dim[3]);
        return tn_md_image(m, &shape, (int)block_of(&v, 1));
    }
    if (dim[c->dim] % block_of(&v, c->dim))
        return tn_md_any(m, v.ndim, dim, TN_F32); /* the same, if oneDNN chooses so */
    return tn_md_part(m, c->md, dim);
}

/* ---- how ------------------------------------------------------------------------------------ */

static int64_t dim_of(const tn_md *md, int dim)
{
    return tn_md_look(tn_md_raw(md)).dim[dim];
}

static void by_images(tn_cut_plan *p, int each)
{
    p->of[TN_CUT_X].dim = p->of[TN_CUT_Y].dim = 0;
    p->of[TN_CUT_X].each = p->of[TN_CUT_Y].each = 1;
    p->unit = 1;
    p->all = dim_of(p->of[TN_CUT_X].md, 0);
    p->count = each; /* times threads */
}

/* Of one image. */
static void by_filters(tn_maker *m, tn_cut_plan *p)
{
    const tn_md_view w = tn_md_look(tn_md_raw(p->of[TN_CUT_W].md));
    if (!is_image(m, p->of[TN_CUT_Y].md))
        return;
    p->of[TN_CUT_W].dim = p->of[TN_CUT_B].dim = 0;
    p->of[TN_CUT_Y].dim = 1;
    p->unit = block_of(&w, 0);
    p->all = w.dim[0];
    p->of[TN_CUT_Y].each = p->of[TN_CUT_W].each = p->of[TN_CUT_B].each = 1;
    p->count = EACH;
    p->fills_up = true;
    if (w.ndim == 4) {
        const int64_t wide = p->all / WIDE / m->device->threads;
        p->count = wide > EACH ? EACH : wide > 1 ? wide : 1;
    } else if (is_image(m, p->of[TN_CUT_X].md)) {
        p->of[TN_CUT_X].dim = 1;
        p->of[TN_CUT_X].each = w.dim[2];
        p->of[TN_CUT_Y].each = p->of[TN_CUT_B].each = w.dim[1];
    } else {
        p->all = 0;
    }
}

static void by_rows(tn_cut_plan *p)
{
    const tn_md_view x = tn_md_look(tn_md_raw(p->of[TN_CUT_X].md)),
                     w = tn_md_look(tn_md_raw(p->of[TN_CUT_W].md));
    const tn_md_view y = tn_md_look(tn_md_raw(p->of[TN_CUT_Y].md));
    int dim = 0;
    while (dim < y.ndim - 2 && y.dim[dim] == 1)
        dim++;
    p->of[TN_CUT_Y].dim = dim;
    p->of[TN_CUT_X].dim = x.dim[dim] == 1 ? -1 : dim;
    p->of[TN_CUT_W].dim = dim == y.ndim - 2 || w.dim[dim] == 1 ? -1 : dim;
    p->of[TN_CUT_X].each = p->of[TN_CUT_W].each = p->of[TN_CUT_Y].each = 1;
    p->unit = 1;
    p->all = y.dim[dim];
    p->count = y.ndim > 2 && dim < y.ndim - 2 ? EACH : 1;
}

/* Along images, or channels of one. */
static void by_either(tn_cut_plan *p)
{
    const tn_md_view x = tn_md_look(tn_md_raw(p->of[TN_CUT_X].md)),
                     y = tn_md_look(tn_md_raw(p->of[TN_CUT_Y].md));
    const int dim = x.dim[0] > 1 || x.ndim == 1 ? 0 : 1;
    const int64_t a = block_of(&x, dim), b = block_of(&y, dim);
    p->of[TN_CUT_X].dim = p->of[TN_CUT_Y].dim = dim;
    p->of[TN_CUT_X].each = p->of[TN_CUT_Y].each = 1;
    p->unit = a > b ? a : b;
    p->all = x.dim[dim];
    p->count = EACH;
}

int tn_cut_role(int arg)
{
    return arg == DNNL_ARG_SRC || arg == DNNL_ARG_DIFF_SRC           ? TN_CUT_X
           : arg == DNNL_ARG_WEIGHTS || arg == DNNL_ARG_DIFF_WEIGHTS ? TN_CUT_W
           : arg == DNNL_ARG_BIAS || arg == DNNL_ARG_DIFF_BIAS       ? TN_CUT_B
           : arg == DNNL_ARG_DST || arg == DNNL_ARG_DIFF_DST         ? TN_CUT_Y
                                                                     : TN_CUT_ROLES;
}

int64_t tn_cut_products(const tn_md *w, const tn_md *y)
{
    const tn_md_view v = tn_md_look(tn_md_raw(w)), out = tn_md_look(tn_md_raw(y));
    int64_t count = 1;
    for (int i = v.ndim == 5 ? 2 : 1; i < v.ndim; i++)
        count *= v.dim[i];
    for (int i = 0; i < out.ndim; i++)
        count *= out.dim[i];
    return count;
}

static bool is_little(const tn_cut_plan *p)
{
    const tn_md *w = p->of[TN_CUT_W].md, *y = p->of[TN_CUT_Y].md;
    if (w && tn_md_ndim(w) >= 4 && tn_md_ndim(y) == 4)
        return tn_cut_products(w, y) < LITTLE_PRODUCTS;
    return tn_md_bytes(p->of[TN_CUT_X].md) < LITTLE_BYTES || tn_md_bytes(y) < LITTLE_BYTES;
}

/* How many pieces, if so many are wanted for each thread. */
static int64_t count_of(const tn_maker *m, tn_cut_plan *p)
{
    if (p->all == 0 || (p->all % p->unit != 0 && !p->fills_up) || is_little(p))
        return 0;
    for (int i = 0; i < TN_CUT_ROLES; i++)
        if (!fits(&p->of[i], p->unit))
            return 0;
    p->units = (p->all + p->unit - 1) / p->unit;
    const int64_t count = tn_cpu_lower(p->units, p->count * m->device->threads);
    if (p->sums)
        return tn_cpu_lower(count, 1 + MOST_OWN / (int64_t)tn_md_bytes(p->of[TN_CUT_W].md));
    return count;
}

tn_cut_plan tn_cut_plan_of(tn_maker *m, const tn_prim *p, const tn_prim_spec *s, tn_cutting how)
{
    static const int args[] = {DNNL_ARG_SRC,       DNNL_ARG_WEIGHTS,  DNNL_ARG_BIAS,
                               DNNL_ARG_DST,       DNNL_ARG_DIFF_SRC, DNNL_ARG_DIFF_WEIGHTS,
                               DNNL_ARG_DIFF_BIAS, DNNL_ARG_DIFF_DST};
    tn_cut_plan k = {.sums = s->pass == dnnl_backward_weights};
    for (int i = 0; i < TN_CUT_ROLES; i++)
        k.of[i].dim = -1;
    for (size_t i = 0; i < TN_COUNT(args); i++) {
        const tn_md *md = tn_prim_md(m, p, args[i]);
        if (md)
            k.of[tn_cut_role(args[i])].md = md;
    }
    if (m->status != TN_OK || !k.of[TN_CUT_X].md || !k.of[TN_CUT_Y].md)
        return k;
    const bool forward = s->pass != dnnl_backward_data && !k.sums;
    if (how == TN_CUT_ROWS)
        by_rows(&k);
    else if (how == TN_CUT_EITHER)
        by_either(&k);
    else if (dim_of(k.of[TN_CUT_X].md, 0) > 1)
        by_images(&k, k.sums || how == TN_CUT_FEW ? 1 : EACH);
    else if (how == TN_CUT_FILTERS && forward && !s->scale)
        by_filters(m, &k);
    k.count = m->status == TN_OK ? count_of(m, &k) : 0;
    return k;
}
