/* profile: taking one, and what its kernels took, layer by layer. */
#include "profile/profile.h"

#include <string.h>

tn_status tn_profile_begin(tn_profile **out, const tn_profile_opts *opts)
{
    enum { MOST = 1000000 };
    TN_NEED(out, "out");
    const int64_t most = opts && opts->most ? opts->most : MOST;
    if (most < 0)
        return tn_fail(TN_ERR_ARGUMENT, "profile: %lld spans", (long long)most);
    tn_profile *p = tn_alloc(1, sizeof *p);
    if (!p)
        return tn_no_memory("profile", sizeof *p);
    p->store.most = (size_t)most;
    if (!tn_trace_start(&p->store)) {
        tn_free(p);
        return tn_fail(TN_ERR_ARGUMENT,
                       "profile: another is being taken: of all of a process there "
                       "is one at a time");
    }
    *out = p;
    return TN_OK;
}

void tn_profile_stop(tn_profile *p)
{
    if (p)
        tn_trace_stop(&p->store);
}

void tn_profile_destroy(tn_profile *p)
{
    if (!p)
        return;
    tn_profile_stop(p);
    tn_free(p->layer);
    tn_free(p->store.event);
    tn_free(p);
}

int64_t tn_profile_spans(const tn_profile *p)
{
    return p ? (int64_t)p->store.count : 0;
}

int64_t tn_profile_lost(const tn_profile *p)
{
    return p ? (int64_t)p->store.lost : 0;
}

/* ---- layers ------------------------------------------------------------------------------------- */

/* Is it a kernel's? Only those of plans have a detail. */
static bool is_kernel(const tn_trace_event *e)
{
    return *e->detail != '\0';
}

static bool is_of(const tn_profile *p, const tn_profile_layer *l, const tn_trace_event *e)
{
    return strcmp(l->node, e->name) == 0 && strcmp(l->pass, e->kind) == 0 &&
           strcmp(l->does, e->detail) == 0 && l->device == p->store.track[e->track];
}

int tn_profile_num_layers(tn_profile *p)
{
    if (!p)
        return 0;
    tn_free(p->layer);
    p->layers = 0;
    p->layer = tn_alloc(p->store.count + 1, sizeof *p->layer); /* as many as there can be */
    for (size_t i = 0; p->layer && i < p->store.count; i++) {
        const tn_trace_event *e = &p->store.event[i];
        int k = 0;
        if (!is_kernel(e))
            continue;
        while (k < p->layers && !is_of(p, &p->layer[k], e))
            k++;
        tn_profile_layer *l = &p->layer[k];
        if (k == p->layers) {
            p->layers++;
            *l = (tn_profile_layer){.device = p->store.track[e->track],
                                    .node = e->name,
                                    .pass = e->kind,
                                    .does = e->detail,
                                    .flops = e->flops,
                                    .bytes = e->bytes};
        }
        l->count++;
        l->seconds += e->end - e->begin;
    }
    return p->layers;
}

tn_status tn_profile_layer_at(tn_profile *p, int index, tn_profile_layer *out)
{
    TN_NEED(p, "profile");
    TN_NEED(out, "out");
    if (index < 0 || index >= p->layers)
        return tn_fail(TN_ERR_ARGUMENT, "profile: layer %d of %d", index, p->layers);
    *out = p->layer[index];
    return TN_OK;
}
