/*
 * Primitives in pieces of one thread each, which the device's own threads share out: oneDNN's are OpenMP's, which spin
 * beside them.
 *
 * A primitive is cut along a dimension whose parts lie apart in memory: images; of a single one groups or filters; rows of
 * matrices. Pieces of a size are one primitive, with memory objects a thread. Gradients of weights are sums over images:
 * there are as many pieces as threads, each has them of its own, and these are added up in their order.
 *
 * What is cut nowhere runs whole, by OpenMP's threads; but gradients of weights in one: their threads wait for each other,
 * for ever where OpenMP gives fewer than there were, as it does within a loop of the program's.
 */
#include <stdatomic.h>
#include <string.h>

#include "backends/cpu/onednn/cut.h"

enum { SIZES = 3 /* of pieces: one unit more or less, and a last one that is not full */ };

struct tn_pieces {
    int64_t units, count, unit, all;
    bool sums;
    size_t step[TN_CUT_ROLES], workspace; /* bytes, from one of what is counted to the next */
    size_t scratch;                       /* of a thread */
    size_t own, w_bytes,
        b_bytes; /* of sums: where in scratch those of pieces from the second on begin */
    int64_t size[SIZES];
    tn_prim *prim; /* a size, then a thread */
};

/* ---- making --------------------------------------------------------------------------------- */

/* From begin on, and how many, of what is counted. */
static tn_piece piece_of(const tn_pieces *k, int64_t i)
{
    const tn_piece p = tn_part(k->units, k->count, i);
    return (tn_piece){p.begin * k->unit, tn_cpu_lower(p.end * k->unit, k->all), 0};
}

static tn_prim *prim_of(const tn_pieces *k, int64_t size, int thread, int threads)
{
    int i = 0;
    while (i < SIZES - 1 && k->size[i] != size)
        i++;
    return &k->prim[i * threads + thread];
}

static void make_size(tn_maker *m, const tn_cut_plan *of, tn_pieces *k, const tn_prim_spec *s,
                      tn_make *make, int64_t size)
{
    tn_prim_spec own = *s;
    own.x = tn_cut_part(m, &of->of[TN_CUT_X], size);
    own.w = tn_cut_part(m, &of->of[TN_CUT_W], size);
    own.b = of->of[TN_CUT_B].md && of->of[TN_CUT_B].dim >= 0
                ? tn_md_plain(m, 1, &(int64_t){size * of->of[TN_CUT_B].each}, TN_F32)
                : of->of[TN_CUT_B].md;
    own.y = tn_cut_part(m, &of->of[TN_CUT_Y], size);
    const int threads = m->device->threads;
    if (s->forward && s->forward->pieces)
        own.forward = prim_of(s->forward->pieces, size, 0, threads);
    for (int t = 0; t < threads; t++) {
        tn_prim *p = prim_of(k, size, t, threads);
        make(m, p, &own);
        k->scratch = tn_cpu_larger(k->scratch, tn_prim_bytes(p, DNNL_ARG_SCRATCHPAD));
    }
}

static bool is_new_size(tn_pieces *k, int64_t size, int *sizes)
{
    for (int i = 0; i < *sizes; i++)
        if (k->size[i] == size)
            return false;
    k->size[(*sizes)++] = size;
    return true;
}

/* Is it the same code as the whole one's, for weights that lie as its? */
static bool is_as_good(tn_maker *m, const tn_pieces *k, const tn_prim *whole)
{
    const tn_md *w = tn_prim_md(m, whole, DNNL_ARG_WEIGHTS);
    for (int i = 0; i < SIZES * whole->device->threads; i += whole->device->threads) {
        const tn_prim *p = &k->prim[i];
        const char *a = tn_prim_impl(p), *b = tn_prim_impl(whole);
        const tn_md *own = p->pd ? tn_prim_md(m, p, DNNL_ARG_WEIGHTS) : NULL;
        if (p->pd && (!a || !b || strcmp(a, b) != 0 || (w && !tn_md_alike(w, own))))
            return false;
    }
    return m->status == TN_OK;
}

static size_t aligned(size_t bytes)
{
    return (bytes + TN_CPU_ALIGN - 1) / TN_CPU_ALIGN * TN_CPU_ALIGN;
}

static void place(const tn_maker *m, const tn_cut_plan *of, tn_pieces *k, const tn_prim *whole)
{
    for (int i = 0; i < TN_CUT_ROLES; i++)
        k->step[i] = tn_cut_step(&of->of[i]);
    k->workspace = tn_prim_bytes(whole, DNNL_ARG_WORKSPACE) / (size_t)k->all;
    k->scratch = aligned(k->scratch);
    k->own = k->scratch * (size_t)m->device->threads;
    k->w_bytes = aligned(tn_md_bytes(of->of[TN_CUT_W].md));
    k->b_bytes = aligned(tn_md_bytes(of->of[TN_CUT_B].md));
}

void tn_make_pieces(tn_maker *m, tn_prim *p, const tn_prim_spec *s, tn_make *make, tn_cutting how)
{
    if (m->status != TN_OK || m->device->threads == 1)
        return;
    const tn_cut_plan of = tn_cut_plan_of(m, p, s, how);
    if (of.count < 2)
        return;
    tn_pieces *k = tn_alloc(1, sizeof *k);
    tn_prim *prims = tn_alloc((size_t)SIZES * (size_t)m->device->threads, sizeof *prims);
    if (!k || !prims) {
        tn_free(k);
        tn_free(prims);
        m->status = tn_no_memory(m->op, sizeof *k);
        return;
    }
    *k = (tn_pieces){.units = of.units,
                     .count = of.count,
                     .unit = of.unit,
                     .all = of.all,
                     .sums = of.sums,
                     .prim = prims};
    int sizes = 0;
    const bool alone = m->alone;
    tn_error_kept kept;
    tn_error_keep(&kept);
    m->alone = true;
    for (int64_t i = 0; i < of.count && m->status == TN_OK; i++) {
        const tn_piece piece = piece_of(k, i);
        if (is_new_size(k, piece.end - piece.begin, &sizes))
            make_size(m, &of, k, s, make, piece.end - piece.begin);
    }
    m->alone = alone;
    p->pieces = k;
    place(m, &of, k, p);
    if (m->status == TN_OK && is_as_good(m, k, p))
        return;
    tn_pieces_free(p);
    if (m->status == TN_ERR_UNSUPPORTED) {
        m->status = TN_OK;
        tn_error_put_back(&kept);
    }
}

void tn_pieces_free(tn_prim *p)
{
    if (!p->pieces)
        return;
    for (int i = 0; i < SIZES * p->device->threads; i++)
        tn_prim_free(&p->pieces->prim[i]);
    tn_free(p->pieces->prim);
    tn_free(p->pieces);
    p->pieces = NULL;
}

size_t tn_pieces_scratch(const tn_prim *p)
{
    const tn_pieces *k = p->pieces;
    return k->own + (k->sums ? (size_t)(k->count - 1) * (k->w_bytes + k->b_bytes) : 0);
}

/* ---- running -------------------------------------------------------------------------------- */

typedef struct job {
    const tn_prim *whole;
    const tn_prim_arg *args;
    unsigned char *scratch;
    atomic_int *failed; /* a status of oneDNN's */
} job;

/* Where piece i of the sums has them: the first where they belong. */
static void *own_sums(const tn_pieces *k, unsigned char *scratch, int64_t i, int role, void *first)
{
    unsigned char *at = scratch + k->own + (size_t)(i - 1) * (k->w_bytes + k->b_bytes);
    return i == 0 ? first : role == TN_CUT_W ? at : at + k->w_bytes;
}

static const void *argument_of(const job *j, const tn_pieces *k, const tn_prim_arg *a, int64_t i,
                               const tn_piece *p)
{
    const unsigned char *data = a->data;
    const int role = tn_cut_role(a->arg);
    if (a->arg == DNNL_ARG_SCRATCHPAD)
        return data + (size_t)p->thread * k->scratch;
    if (a->arg == DNNL_ARG_WORKSPACE)
        return data + k->workspace * (size_t)p->begin;
    if (role == TN_CUT_ROLES)
        return data;
    if (k->sums && (role == TN_CUT_W || role == TN_CUT_B))
        return own_sums(k, j->scratch, i, role, (void *)(uintptr_t)data);
    return data + k->step[role] * (size_t)p->begin;
}

static void run_some(const void *of, tn_piece all)
{
    const job *j = of;
    const tn_pieces *k = j->whole->pieces;
    tn_prim_arg own[TN_PRIM_ARGS + 1];
    for (int64_t i = all.begin; i < all.end; i++) {
        tn_piece p = piece_of(k, i);
        int num = 0;
        p.thread = all.thread;
        for (const tn_prim_arg *a = j->args; a->arg; a++)
            if (a->data)
                own[num++] = (tn_prim_arg){a->arg, argument_of(j, k, a, i, &p)};
        own[num] = (tn_prim_arg){0};
        const dnnl_status_t status =
            tn_prim_execute(prim_of(k, p.end - p.begin, p.thread, j->whole->device->threads), own);
        if (status != dnnl_success)
            atomic_store(j->failed, (int)status);
    }
}

typedef struct sum {
    const tn_pieces *k;
    unsigned char *scratch;
    int role;
    float *to;
} sum;

static void add_up(const void *of, tn_piece p)
{
    const sum *s = of;
    float *to = s->to;
    for (int64_t i = 1; i < s->k->count; i++) {
        const float *from = own_sums(s->k, s->scratch, i, s->role, NULL);
#pragma omp simd
        for (int64_t n = p.begin; n < p.end; n++)
            to[n] += from[n];
    }
}

tn_status tn_pieces_run(tn_prim *p, const tn_prim_arg *args)
{
    const tn_pieces *k = p->pieces;
    atomic_int failed = dnnl_success;
    job j = {.whole = p, .args = args, .failed = &failed};
    for (const tn_prim_arg *a = args; a->arg; a++)
        if (a->arg == DNNL_ARG_SCRATCHPAD)
            j.scratch = (unsigned char *)(uintptr_t)a->data;
    tn_each(p->device, k->count, 1, run_some, &j);
    TN_TRY(tn_onednn(p->op, p->node, p->what, (dnnl_status_t)atomic_load(&failed)));
    for (const tn_prim_arg *a = args; k->sums && a->arg; a++) {
        const int role = tn_cut_role(a->arg);
        if (a->data && (role == TN_CUT_W || role == TN_CUT_B))
            tn_each(p->device, (int64_t)(tn_prim_bytes(p, a->arg) / sizeof(float)), TN_FLOATS,
                    add_up, &(sum){k, j.scratch, role, (float *)(uintptr_t)a->data});
    }
    return TN_OK;
}

/* ---- those that are cut -------------------------------------------------------------------- */

/* So few products are not worth threads that spin for milliseconds afterwards. */
enum { FEW_PRODUCTS = 8 << 20 };

void tn_make_convolution(tn_maker *m, tn_prim *p, const tn_prim_spec *s)
{
    const bool alone = m->alone;
    m->alone = m->status == TN_OK &&
               (s->pass == dnnl_backward_weights || tn_cut_products(s->w, s->y) < FEW_PRODUCTS);
    tn_whole_convolution(m, p, s);
    m->alone = alone;
    tn_make_pieces(m, p, s, tn_whole_convolution, TN_CUT_FILTERS);
}

void tn_make_inner_product(tn_maker *m, tn_prim *p, const tn_prim_spec *s)
{
    const bool alone = m->alone;
    m->alone = s->pass == dnnl_backward_weights;
    tn_whole_inner_product(m, p, s);
    m->alone = alone;
    tn_make_pieces(m, p, s, tn_whole_inner_product, TN_CUT_FEW);
}

void tn_make_matmul(tn_maker *m, tn_prim *p, const tn_prim_spec *s)
{
    tn_whole_matmul(m, p, s);
    tn_make_pieces(m, p, s, tn_whole_matmul, TN_CUT_ROWS);
}

void tn_make_pooling(tn_maker *m, tn_prim *p, const tn_prim_spec *s)
{
    tn_whole_pooling(m, p, s);
    tn_make_pieces(m, p, s, tn_whole_pooling, TN_CUT_IMAGES);
}

void tn_make_lrn(tn_maker *m, tn_prim *p, const tn_prim_spec *s)
{
    tn_whole_lrn(m, p, s);
    tn_make_pieces(m, p, s, tn_whole_lrn, TN_CUT_IMAGES);
}
