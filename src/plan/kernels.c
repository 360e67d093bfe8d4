/*
 * kernels: which ones there are for a node, and the one that does it: the first that accepts it, or the one that
 * tn_plan_opts.kernels names.
 */
#include <stdio.h>
#include <string.h>

#include <tenon/tune.h>

#include "plan/passes.h"

/* ---- which there are ---------------------------------------------------------------------------- */

/* k, if it comes after `last` and before `next`. */
static const tn_kernel *nearer(const tn_kernel *k, const tn_op *op, const tn_kernel *last,
                               const tn_kernel *next)
{
    const bool is = strcmp(k->op, op->name) == 0 && (!last || k->rank > last->rank) &&
                    (!next || k->rank < next->rank);
    return is ? k : next;
}

const tn_kernel *tn_plan_next_kernel(const tn_plan *p, const tn_op *op, const tn_kernel *last)
{
    const tn_backend *b = tn_plan_backend(p);
    const tn_kernel *next = NULL;
    for (const tn_kernel *const *k = b->kernels_of ? b->kernels_of(p->device->impl) : b->kernels;
         *k; k++)
        next = nearer(*k, op, last, next);
    for (size_t i = 0; i < p->device->num_own; i++)
        next = nearer(p->device->own[i], op, last, next);
    return next;
}

static const char *name_of(const tn_kernel *k)
{
    return k->name ? k->name : "own";
}

/* Does the kernel take the node's list of post-operations? */
static tn_status take_posts(const tn_kernel *k, const tn_node *n)
{
    int count = 0;
    while (n->post[count])
        count++;
    bool taken = count == 0;
    for (int list = 0; !taken && list < TN_MAX_LISTS && k->posts[list][0]; list++) {
        taken = count == TN_MAX_POST || !k->posts[list][count];
        for (int i = 0; i < count && taken; i++)
            taken = k->posts[list][i] == n->post[i]->op->post;
    }
    if (taken)
        return TN_OK;
    return tn_fail(TN_ERR_UNSUPPORTED, "%s %s: %s does no %s behind it", n->op->name, n->name,
                   k->name ? k->name : "its kernel", n->post[0]->op->name);
}

tn_status tn_plan_supports(const tn_kernel *k, const tn_node *n)
{
    if (n->beside && (!k->beside || strcmp(k->beside, n->beside->op->name) != 0))
        return tn_fail(TN_ERR_UNSUPPORTED, "%s", "");
    TN_TRY(take_posts(k, n));
    return k->supports ? k->supports(n) : TN_OK;
}

/* ---- the one that does it ----------------------------------------------------------------------- */

/* What kernels have said against it, one after the other. */
typedef struct reasons {
    char text[512];
} reasons;

static void add_reason(reasons *r)
{
    const size_t used = strlen(r->text);
    if (*tn_error())
        snprintf(r->text + used, sizeof r->text - used, "%s%s", used ? "; " : "", tn_error());
}

static tn_status note_refusals(tn_plan *p, tn_plan_node *pn, const reasons *r)
{
    const size_t bytes = strlen(r->text) + 1;
    if (bytes == 1)
        return TN_OK;
    char *text = tn_arena_alloc(&p->arena, bytes, 1);
    if (!text)
        return tn_no_memory("plan", bytes);
    pn->refusals = memcpy(text, r->text, bytes);
    return TN_OK;
}

/* TN_ERR_UNSUPPORTED: it refuses. */
static tn_status try_one(const tn_plan *p, tn_plan_node *pn, const tn_kernel *k,
                         const tn_plan_node *next, bool chosen)
{
    const bool offered = next && k->next && strcmp(k->next, next->node.op->name) == 0;
    tn_plan_ask(p, pn, offered ? next : NULL);
    pn->bind.chosen = chosen;
    TN_TRY(tn_plan_supports(k, &pn->node));
    return k->prepare(p->device->impl, &pn->node, &pn->bind);
}

/* Number `index` is prepared for it. */
static tn_status take(tn_plan *p, size_t index, const tn_kernel *k, const reasons *r)
{
    tn_plan_node *pn = p->node[index];
    pn->kernel = k;
    p->spare -= pn->bind.kept_bytes;
    if (pn->bind.does_next)
        TN_TRY(tn_plan_take_next(p, index));
    return note_refusals(p, pn, r);
}

/* Which kernel the program names for it, first; NULL: none. */
static const char *choice_for(tn_plan *p, const tn_node *n)
{
    const char *name = NULL;
    for (int i = p->opts.num_kernels; i-- > 0;)
        if (strcmp(p->opts.kernels[i].node, n->name) == 0) {
            p->choice_found[i] = true;
            name = p->opts.kernels[i].kernel;
        }
    return name;
}

/* *k is NULL if that cannot be, and it need not. */
static tn_status try_named(tn_plan *p, tn_plan_node *pn, const char *name, const tn_plan_node *next,
                           reasons *r, const tn_kernel **k)
{
    const tn_node *n = &pn->node;
    tn_status status;
    do
        *k = tn_plan_next_kernel(p, n->op, *k);
    while (*k && strcmp(name_of(*k), name) != 0);
    if (*k)
        status = try_one(p, pn, *k, next, true);
    else
        status = tn_fail(TN_ERR_ARGUMENT, "%s %s: %s has no kernel %s for it", n->op->name, n->name,
                         p->device->name, name);
    if (status == TN_OK)
        return TN_OK;
    if (p->opts.need_kernels || (*k && status != TN_ERR_UNSUPPORTED))
        return status;
    *k = NULL;
    add_reason(r);
    return TN_OK;
}

tn_status tn_plan_choose(tn_plan *p, size_t index)
{
    tn_plan_node *pn = p->node[index];
    const tn_plan_node *next = tn_plan_next(p, index);
    const tn_kernel *k = NULL;
    const tn_node *n = &pn->node;
    reasons r = {""};
    tn_error_kept kept;
    tn_error_keep(&kept);
    TN_TRY(tn_plan_offer_part(p, pn));
    const char *name = choice_for(p, n);
    if (name)
        TN_TRY(try_named(p, pn, name, next, &r, &k));
    tn_status status = k ? TN_OK : TN_ERR_UNSUPPORTED;
    for (const tn_kernel *last = NULL;
         status == TN_ERR_UNSUPPORTED && (k = tn_plan_next_kernel(p, n->op, last)); last = k) {
        status = try_one(p, pn, k, next, false);
        if (status == TN_ERR_UNSUPPORTED)
            add_reason(&r);
    }
    if (!k)
        return tn_fail(TN_ERR_UNSUPPORTED, "%s %s: no kernel of %s can do it: %s", n->op->name,
                       n->name, p->device->name,
                       *r.text ? r.text : "it has none for this operation");
    TN_TRY(status);
    tn_error_put_back(&kept);
    return take(p, index, k, &r);
}

tn_status tn_plan_check_choices(tn_plan *p)
{
    for (int i = 0; i < p->opts.num_kernels; i++) {
        if (p->choice_found[i])
            continue;
        const char *name = p->opts.kernels[i].node;
        if (p->opts.need_kernels)
            return tn_fail(TN_ERR_ARGUMENT,
                           "plan: kernels: there is no layer %s, or another does its work", name);
        const size_t used = p->no_layers ? strlen(p->no_layers) : 0;
        const size_t bytes = used + strlen(name) + 3;
        char *text = tn_arena_alloc(&p->arena, bytes, 1);
        if (!text)
            return tn_no_memory("plan", bytes);
        snprintf(text, bytes, "%s%s%s", used ? p->no_layers : "", used ? ", " : "", name);
        p->no_layers = text;
    }
    return TN_OK;
}

/* ---- asked from outside ------------------------------------------------------------------------- */

static bool accepts(const tn_plan *p, const tn_plan_node *pn, const tn_kernel *k, tn_status *status)
{
    tn_plan_node probe = *pn;
    *status = try_one(p, &probe, k, NULL, true);
    if (*status == TN_OK && k->release && probe.bind.state)
        k->release(probe.bind.state);
    return *status == TN_OK;
}

/* Of a node that has some to choose from. */
static tn_status find_kernel(const tn_plan *p, const tn_plan_node *pn, int index, const char **name)
{
    tn_error_kept kept;
    tn_error_keep(&kept);
    for (const tn_kernel *k = NULL; (k = tn_plan_next_kernel(p, pn->node.op, k));) {
        tn_status status;
        if (accepts(p, pn, k, &status) && index-- == 0) {
            *name = name_of(k);
            break;
        }
        if (status != TN_OK && status != TN_ERR_UNSUPPORTED)
            return status;
    }
    tn_error_put_back(&kept);
    return TN_OK;
}

tn_status tn_plan_kernel(const tn_plan *p, int step, int index, const char **name)
{
    TN_NEED(p, "plan");
    TN_NEED(name, "name");
    p = tn_plan_first(p);
    *name = NULL;
    if (step < 0 || step >= tn_plan_num_steps(p))
        return tn_fail(TN_ERR_ARGUMENT, "plan: step %d of %d", step, tn_plan_num_steps(p));
    const tn_step *s = (size_t)step < p->num_steps ? &p->step[step] : NULL;
    if (!s || s->kind != TN_STEP_FORWARD || s->node->kernel == &tn_kernel_reorder ||
        s->node->node.op->host)
        return TN_OK;
    if (index == TN_KERNEL_NOW) {
        *name = name_of(s->node->kernel);
        return TN_OK;
    }
    return find_kernel(p, s->node, index, name);
}
