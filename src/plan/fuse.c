/*
 * fuse: rewrites that change no number and save work.
 *
 * 1. Training only: an element-by-element operation that never falls (relu) moves behind a maximum
 *    (max-pooling). max(relu(a), relu(b)) = relu(max(a, b)), so the values are the same; but relu and
 *    its gradient then work on the pooled, smaller tensor, and the large one need not be kept. Not so tanh: rounded,
 *    it has the same y for several x, and the maximum would hand the gradient to another of them.
 * 2. A node takes in what stands behind it as post-operations (tn_post), as many as some kernel of its op says it does
 *    (conv2d or a maximum, and the relu behind it).
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

/* Moves node i behind the only node that reads it, if the two may change places; then it is number *i. */
static bool move_on(tn_plan *p, size_t *i)
{
    size_t j = 0;
    const tn_node *n = &p->node[*i]->node;
    const tn_plan_node *reader = only_reader(p, n->out[0], *i, &j);
    if (!reader || !reader->node.op->picks || !reader->node.op->picks(&reader->node))
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

/* In a plan with a loss a kernel without backward may yet refuse the node, and nobody else take it as it is then. */
static bool supported(const tn_plan *p, const tn_node *n)
{
    bool found = false;
    tn_error_kept kept;
    tn_error_keep(&kept);
    for (const tn_kernel *k = NULL; !found && (k = tn_plan_next_kernel(p, n->op, k));)
        found = (k->backward || !p->opts.loss.id) && tn_plan_supports(k, n) == TN_OK;
    tn_error_put_back(&kept);
    return found;
}

/* The nodes behind number `index` that could be post-operations, each the only reader of the one before. */
static int find_posts(const tn_plan *p, size_t index, tn_plan_node *found[TN_MAX_POST])
{
    int count = 0;
    size_t at = index;
    for (const tn_plan_node *last = p->node[index]; count < TN_MAX_POST; last = found[count++]) {
        tn_plan_node *next = only_reader(p, last->node.out[0], at, &at);
        if (!next || !next->node.op->post || next->node.num_in != 1)
            break;
        found[count] = next;
    }
    return count;
}

/* Number `index` does these. */
static void take_posts(tn_plan *p, size_t index, const tn_node *with, tn_plan_node *const *posts,
                       int count)
{
    p->node[index]->node = *with;
    p->node[index]->node.out[0] = posts[count - 1]->node.out[0];
    for (int i = 0; i < count; i++)
        posts[i]->gone = true;
    tn_plan_value *v = tn_plan_value_of(p, p->node[index]->node.out[0]);
    v->producer = (int)index;
    v->output = 0;
}

/* Of the lists that stand behind each node, the longest that some kernel takes. */
static void absorb(tn_plan *p)
{
    for (size_t i = 0; i < p->num_nodes; i++) {
        tn_plan_node *posts[TN_MAX_POST];
        const tn_plan_node *pn = p->node[i];
        if (pn->gone || pn->node.op->view || pn->node.op == &tn_op_input)
            continue;
        for (int count = find_posts(p, i, posts); count > 0; count--) {
            tn_node with = pn->node;
            for (int k = 0; k < count; k++)
                with.post[k] = &posts[k]->node;
            if (supported(p, &with)) {
                take_posts(p, i, &with, posts, count);
                break;
            }
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
