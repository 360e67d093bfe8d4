#include "backends/cuda/optim/_arena.h"

/* Runs what the table holds and begins it anew. */
static tn_status flush(const tn_optim_call *c, tn_cuda_update *update, void *args,
                       struct tnk_arena *arena)
{
    enum { EACH = 4 }; /* elements of one thread */
    if (arena->num_ranges == 0)
        return TN_OK;
    const int64_t end = arena->range[arena->num_ranges - 1].end;
    const unsigned grid = tn_cuda_grid(c->device, (end - arena->begin + EACH - 1) / EACH + 1);
    const tn_dtype half = c->half ? tn_cuda_type_of(c->run->precision) : TN_F32;
    TN_TRY(tn_cuda_check(c->device, NULL, update(c, half, grid, args), c->optim->kind->name));
    arena->begin = end;
    arena->num_ranges = 0;
    return TN_OK;
}

tn_status tn_cuda_update_arena(const tn_optim_call *c, tn_cuda_update *update, void *args,
                               struct tnk_arena *arena)
{
    arena->control = c->run->control;
    arena->w = c->w;
    arena->half = c->half;
    arena->g = c->g;
    for (int i = 0; i < TN_MAX_SLOTS; i++)
        arena->slot[i] = c->slot[i];
    arena->num_ranges = 0;
    arena->begin = 0;
    int64_t at = 0;
    for (int i = 0; i < c->num_ranges; i++) {
        const tn_param_range *r = &c->range[i];
        if (arena->num_ranges + 2 > TNK_RANGES)
            TN_TRY(flush(c, update, args, arena));
        if ((int64_t)r->begin > at) /* elements that belong to no range */
            arena->range[arena->num_ranges++] =
                (struct tnk_range){.end = (int64_t)r->begin, .rate = -1};
        at = (int64_t)r->end;
        arena->range[arena->num_ranges++] =
            (struct tnk_range){.end = at, .rate = r->rate, .decay = r->decay};
    }
    return flush(c, update, args, arena);
}
