/*
 * fuse: rewrites that change no number and save work.
 *
 * 1. Training only: an element-by-element operation that never falls (relu) moves behind a maximum
 *    (max-pooling). max(relu(a), relu(b)) = relu(max(a, b)), so the values are the same; but relu and
 *    its gradient then work on the pooled, smaller tensor, and the large one need not be kept. Not so tanh: rounded,
 *    it has the same y for several x, and the maximum would hand the gradient to another of them. Nor a relu that costs the node
 *    before it nothing, as it does a batchnorm, which finds it again from what it reads.
 * 2. A node takes in what stands behind it as post-operations (tn_post), as many as some kernel of its op says it does
 *    (conv2d or a maximum, and the relu behind it). That may be others too, as the addition at the end of a residual block:
 *    where nothing is trained if the first kernel that does the node by itself does them, as what one that is slower saves by
 *    them is less; else if a kernel's backward does them (batchnorm).
 * 3. What reads a node alone is offered to that node's kernel (tn_binding.next), which may have its own way to
 *    do both: only when it is chosen is known which gradients it has to give.
 */
#include <stdio.h>
#include <string.h>

#include "plan/passes.h"

/* The only node that reads value id, or NULL if there are more, none, or the program reads it. */
static tn_plan_node *only_reader(const tn_plan *p, int32_t id, size_t after, size_t *index)
{
    const tn_plan_value *v = tn_plan_value_of(p, id);
    if (v->readers != 1 || v->kept)
        return NULL;
    for (size_t i = after + 1; i < p->num_nodes; i++)
        for (int j = 0; j < p->node[i]->node.num_in; j++)
            if (p->node[i]->node.in[j] == id && !p->node[i]->gone) {
                *index = i;
                return p->node[i];
            }
    return NULL;
}

/* a -> relu -> pool becomes a -> pool -> relu. The value between them takes the pool's shape. */
static void swap(tn_plan *p, size_t i, size_t j)
{
    tn_plan_node *mono = p->node[i], *pick = p->node[j];
    const int32_t between = mono->node.out[0], last = pick->node.out[0];
    const tn_shape small = pick->node.y[0];

    pick->node.in[0] = mono->node.in[0];
    pick->node.out[0] = between;
    mono->node.in[0] = between;
    mono->node.out[0] = last;
    mono->node.x[0] = mono->node.y[0] = small;

    tn_plan_value *v = tn_plan_value_of(p, between);
    v->shape = small;
    v->name = pick->node.name;
    tn_plan_value_of(p, last)->name = mono->node.name;
    /* Nothing between them reads either, so pick may run where it stands, and mono right after. */
    for (size_t k = i; k < j; k++)
        p->node[k] = p->node[k + 1];
    p->node[j] = mono;
    for (size_t k = i; k <= j; k++)
        for (int o = 0; o < p->node[k]->node.num_out; o++)
            tn_plan_value_of(p, p->node[k]->node.out[o])->producer = (int)k;
}

/* In a plan with a loss a kernel without backward may yet refuse the node, and nobody else take it as it is then. `trains`: if
 * something is trained its backward has to do the list, too. */
static bool supported(const tn_plan *p, const tn_node *n, bool trains)
{
    bool found = false;
    tn_error_kept kept;
    tn_error_keep(&kept);
    for (const tn_kernel *k = NULL; !found && (k = tn_plan_next_kernel(p, n->op, k));)
        found = (k->backward || !p->opts.loss.id) && (k->trains_posts || !trains) &&
                tn_plan_supports(k, n) == TN_OK;
    tn_error_put_back(&kept);
    return found;
}

/* Would the node that alone gives it to this relu do that in passes that it makes anyway? */
static bool costs_nothing(const tn_plan *p, const tn_node *relu)
{
    const tn_plan_value *x = tn_plan_value_of(p, relu->in[0]);
    if (relu->op->post != TN_POST_RELU || x->producer < 0 || x->readers > 1 || x->kept)
        return false;
    tn_node with = p->node[x->producer]->node;
    with.post[0] = relu;
    return supported(p, &with, true);
}

/* Moves node i behind the only node that reads it, if the two may change places; then it is number *i. */
static bool move_on(tn_plan *p, size_t *i)
{
    size_t j = 0;
    const tn_node *n = &p->node[*i]->node;
    const tn_plan_node *reader = only_reader(p, n->out[0], *i, &j);
    if (!reader || !reader->node.op->picks || !reader->node.op->picks(&reader->node) ||
        costs_nothing(p, n))
        return false;
    swap(p, *i, j);
    *i = j;
    return true;
}

/* The last first: what stands before one then finds what it has let past. */
static void move_monotone(tn_plan *p)
{
    for (size_t i = p->num_nodes; i-- > 0;) {
        size_t at = i;
        while (p->node[at]->node.op->monotone && move_on(p, &at))
            ;
    }
}

/* Does the first kernel that does the node by itself do these as well? Where another node makes its weights, one that is for
 * such may be the first or not: then both have to. */
static bool first_supports(const tn_plan *p, const tn_node *alone, const tn_node *with)
{
    bool made = false, first = false, all = true;
    tn_error_kept kept;
    for (int i = 0; i < alone->num_params; i++)
        made |= !tn_plan_value_of(p, alone->w[i])->source;
    tn_error_keep(&kept);
    for (const tn_kernel *k = NULL; !first && (k = tn_plan_next_kernel(p, alone->op, k));) {
        if ((k->of_made && !made) || tn_plan_supports(k, alone) != TN_OK)
            continue;
        all &= tn_plan_supports(k, with) == TN_OK;
        first = !k->of_made;
    }
    tn_error_put_back(&kept);
    return first && all;
}

/* Of the nodes, which stand behind each other, could this one be a post-operation? */
static bool can_be_post(const tn_node *n)
{
    if (n->op->post == TN_POST_RELU)
        return true;
    return n->op->post && tn_shape_equal(&n->x[0], &n->y[0]) &&
           (n->num_in == 1 || tn_shape_equal(&n->x[1], &n->y[0]));
}

/* Nodes behind one that could be its post-operations, each the only reader of the one before, and their places. */
typedef struct chain {
    tn_plan_node *node[TN_MAX_POST];
    size_t at[TN_MAX_POST];
    int count;
} chain;

static void find_posts(const tn_plan *p, size_t index, chain *c)
{
    size_t at = index;
    const tn_plan_node *last = p->node[index];
    for (c->count = 0; c->count < TN_MAX_POST; c->count++) {
        tn_plan_node *next = only_reader(p, last->node.out[0], at, &at);
        if (!next || !can_be_post(&next->node))
            break;
        c->node[c->count] = next;
        c->at[c->count] = at;
        last = next;
    }
}

/* The node with the first `count` of them, whose further inputs come behind its own. False: they are too many. */
static bool put_behind(const tn_node *n, const chain *c, int count, tn_node *with)
{
    int32_t last = n->out[0];
    *with = *n;
    for (int k = 0; k < count; k++) {
        const tn_node *post = &c->node[k]->node;
        with->post[k] = post;
        for (int j = 0; j < post->num_in; j++) {
            if (post->in[j] == last)
                continue;
            if (with->num_in == TN_MAX_IN)
                return false;
            with->in[with->num_in] = post->in[j];
            with->x[with->num_in] = post->x[j];
            with->x_dtype[with->num_in] = post->x_dtype[j];
            with->x_batch[with->num_in++] = post->x_batch[j];
        }
        last = post->out[0];
    }
    return true;
}

/* The same, with what the addition among them reads made by the node as well, if that alone reads it: both are of one op. */
static bool put_beside(const tn_plan *p, tn_node *with)
{
    const int last = with->num_in - 1;
    const tn_plan_value *v = tn_plan_value_of(p, with->in[last]);
    if (!tn_has_post(with, TN_POST_ADD) || v->producer < 0 || v->readers > 1 || v->kept)
        return false;
    const tn_node *other = &p->node[v->producer]->node;
    if (other->op != with->op || last < 1 || other->num_in > 1 || other->post[0] ||
        with->num_params + other->num_params > TN_MAX_PARAMS)
        return false;
    with->beside = other;
    with->in[last] = other->in[0];
    for (int i = 0; i < other->num_params; i++) {
        with->param[with->num_params] = other->param[i];
        with->w[with->num_params++] = other->w[i];
    }
    return true;
}

/* Number `index` does these, where the last of them stood: all that it reads is there by then. */
static void take_posts(tn_plan *p, size_t index, const tn_node *with, const chain *c, int count)
{
    tn_plan_node *pn = p->node[index];
    const size_t at = c->at[count - 1];
    for (int i = 0; i < count; i++)
        c->node[i]->gone = true;
    if (with->beside)
        p->node[tn_plan_value_of(p, with->beside->out[0])->producer]->gone = true;
    pn->node = *with;
    pn->node.out[0] = c->node[count - 1]->node.out[0];
    p->node[index] = p->node[at];
    p->node[at] = pn;
    tn_plan_value *v = tn_plan_value_of(p, pn->node.out[0]);
    v->producer = (int)at;
    v->output = 0;
}

/* May the node take these? What stood behind it may be a relu in any plan. */
static bool may_take(const tn_plan *p, const tn_node *alone, const tn_node *with)
{
    const bool relu = with->post[0]->op->post == TN_POST_RELU && !with->post[1];
    if (relu || p->opts.loss.id)
        return supported(p, with, !relu);
    return first_supports(p, alone, with);
}

/* So many of them, with what is beside or without. */
static bool choose_posts(const tn_plan *p, const tn_node *alone, const chain *c, int count,
                         tn_node *with)
{
    if (!put_behind(alone, c, count, with))
        return false;
    if (put_beside(p, with) && may_take(p, alone, with))
        return true;
    return put_behind(alone, c, count, with) && may_take(p, alone, with);
}

/* Of the lists that stand behind each node, the longest that some kernel takes. */
static void absorb(tn_plan *p)
{
    for (size_t i = 0; i < p->num_nodes; i++) {
        chain c;
        tn_node with;
        const tn_plan_node *pn = p->node[i];
        if (pn->gone || pn->node.post[0] || pn->node.op->view || pn->node.op == &tn_op_input)
            continue;
        find_posts(p, i, &c);
        for (int count = c.count; count > 0; count--)
            if (choose_posts(p, &pn->node, &c, count, &with)) {
                take_posts(p, i, &with, &c, count);
                break;
            }
    }
}

static void add_names(char *text, size_t size, const tn_node *const *nodes)
{
    for (; *nodes; nodes++) {
        const size_t used = strlen(text);
        snprintf(text + used, size - used, "%s%s", used ? "+" : "", (*nodes)->op->name);
    }
}

/* The operations behind a node's own in one text. */
static tn_status note_also(tn_plan *p, tn_plan_node *pn, const tn_node *next)
{
    char text[64] = "";
    if (pn->node.beside)
        add_names(text, sizeof text, (const tn_node *const[]){pn->node.beside, NULL});
    add_names(text, sizeof text, pn->node.post);
    if (next) {
        add_names(text, sizeof text, (const tn_node *const[]){next, NULL});
        add_names(text, sizeof text, next->post);
    }
    const size_t bytes = strlen(text) + 1;
    if (bytes == 1)
        return TN_OK;
    char *kept = tn_arena_alloc(&p->arena, bytes, 1);
    if (!kept)
        return tn_no_memory("plan", bytes);
    pn->also = memcpy(kept, text, bytes);
    return TN_OK;
}

const tn_plan_node *tn_plan_next(const tn_plan *p, size_t index)
{
    size_t j = 0;
    return p->opts.no_fusion ? NULL : only_reader(p, p->node[index]->node.out[0], index, &j);
}

tn_status tn_plan_take_next(tn_plan *p, size_t index)
{
    tn_plan_node *pn = p->node[index];
    size_t j = 0;
    const tn_plan_node *next = only_reader(p, pn->node.out[0], index, &j);
    TN_TRY(note_also(p, pn, &next->node));
    pn->node.out[0] = next->node.out[0];
    p->num_nodes--;
    memmove(p->node + j, p->node + j + 1, (p->num_nodes - j) * sizeof *p->node);
    return TN_OK;
}

/* What is behind a relu, whoever computes that, or a view of it: its gradient counts only where it is above 0,
 * which a node that alone reads it may use. */
static void note_relus(tn_plan *p)
{
    for (size_t i = 0; i < p->num_nodes; i++) {
        const tn_node *n = &p->node[i]->node;
        tn_plan_value *y = tn_plan_value_of(p, n->out[0]);
        const tn_node *last = n;
        for (int k = 0; n->post[k]; k++)
            last = n->post[k];
        const bool relu = last->op->post == TN_POST_RELU;
        const bool view = n->op->view && tn_plan_value_of(p, n->in[0])->relu;
        y->relu = (relu || view) && y->readers == 1 && !y->kept;
    }
}

tn_status tn_plan_fuse(tn_plan *p)
{
    if (p->opts.no_fusion)
        return TN_OK;
    if (p->opts.loss.id)
        move_monotone(p);
    absorb(p);

    size_t kept = 0;
    for (size_t i = 0; i < p->num_nodes; i++)
        if (!p->node[i]->gone)
            p->node[kept++] = p->node[i];
    p->num_nodes = kept;
    for (size_t i = 0; i < p->num_nodes; i++)
        TN_TRY(note_also(p, p->node[i], NULL));
    for (size_t i = 0; i < p->num_nodes; i++)
        for (int o = 0; o < p->node[i]->node.num_out; o++)
            tn_plan_value_of(p, p->node[i]->node.out[o])->producer = (int)i;
    tn_plan_count_readers(p);
    note_relus(p);
    return TN_OK;
}
