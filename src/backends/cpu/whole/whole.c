#include "backends/cpu/whole/whole.h"

#include <math.h>
#include <string.h>

#include "base/digest.h"
#include "base/random.h"

bool tn_whole_of(const tn_node *n, const tn_binding *b, tn_whole *out)
{
    const tn_node *maker = b->maker[0];
    const tn_shape *w = &n->param[0].shape;
    if (!maker || strcmp(maker->op->name, "fake_quant") != 0)
        return false;
    const tn_fake_quant_opts *o = maker->opts;
    const tn_grid g = tn_grid_of(maker);
    *out = (tn_whole){.rows = w->dim[0],
                      .columns = tn_elements(w) / w->dim[0],
                      .low = g.low,
                      .high = g.high,
                      .each = b->maker_numbers[0],
                      .one = o->scale};
    const bool by_rows = g.lines.outer == 1 && g.lines.size == w->dim[0];
    const bool known = maker->num_in == 1 || out->each;
    if (out->each && g.lines.size == 1) { /* a tensor of one scale */
        out->one = out->each[0];
        out->each = NULL;
    }
    return known && (by_rows || out->one > 0) && o->zero == 0 && g.low >= INT8_MIN &&
           g.high <= INT8_MAX;
}

static float scale_of(const tn_whole *g, int64_t k, const float *w)
{
    float largest = 0;
    if (g->each)
        return g->each[k];
    if (g->one > 0)
        return g->one;
    for (int64_t i = 0; i < g->columns; i++)
        largest = fabsf(w[i]) > largest ? fabsf(w[i]) : largest;
    return largest > 0 ? largest / g->high : 1;
}

float tn_whole_row(const tn_whole *g, int64_t k, const float *w, int8_t *to)
{
    const float scale = scale_of(g, k, w);
    bool none = false;
    for (int64_t i = 0; i < g->columns; i++) {
        const float whole = rintf(w[i] / scale);
        none |= isnan(whole);
        to[i] = (int8_t)(whole >= g->high ? g->high : whole > g->low ? whole : g->low);
    }
    return none ? NAN : scale;
}

enum { PIECE = 16384 /* floats that a thread looks at in one go */ };

static bool has_nan(const float *x, int64_t count)
{
    int any = 0;
#pragma omp simd reduction(| : any)
    for (int64_t i = 0; i < count; i++)
        any |= x[i] != x[i];
    return any;
}

/* Pieces of an image. */
static int64_t pieces_of(const tn_whole_nan *s)
{
    return (s->x_each + PIECE - 1) / PIECE;
}

static void look_at(const void *of, tn_piece all)
{
    const tn_whole_nan *s = of;
    for (int64_t i = all.begin; i < all.end; i++) {
        const int64_t n = i / pieces_of(s), p = i % pieces_of(s);
        const int64_t left = s->x_each - p * PIECE;
        if (has_nan(s->x + n * s->x_each + p * PIECE, left < PIECE ? left : PIECE))
            atomic_store(&s->found[n], 1);
    }
}

void tn_whole_spread_nan(const tn_whole_nan *s)
{
    bool any = false;
    for (int64_t n = 0; n < s->images; n++)
        atomic_init(&s->found[n], 0);
    tn_each(s->device, s->images * pieces_of(s), 1, look_at, s);
    for (int64_t n = 0; n < s->images; n++)
        any |= s->found[n];
    for (int64_t i = 0; any && i < s->images * s->y_each; i++)
        if (s->found[i / s->y_each])
            s->y[i] = NAN;
}

int64_t tn_whole_form(const tn_whole *g)
{
    const float numbers[] = {g->low, g->high, g->one};
    uint64_t form = tn_hash_text(tn_digest_of(numbers, sizeof numbers).text);
    if (g->each)
        form ^= tn_hash_text(tn_digest_of(g->each, (size_t)g->rows * sizeof(float)).text);
    return (int64_t)form;
}
