/*
 * ops: operations by their names: Tenon's, and those of programs.
 */
#include <pthread.h>
#include <string.h>

#include "graph/graph.h"

enum { MOST = 256 };

static struct {
    pthread_mutex_t lock;
    const tn_op *op[MOST];
    int count;
} registered = {.lock = PTHREAD_MUTEX_INITIALIZER};

static const tn_op *find_registered(const char *name)
{
    for (int i = 0; i < registered.count; i++)
        if (strcmp(registered.op[i]->name, name) == 0)
            return registered.op[i];
    return NULL;
}

static const tn_op *find_own(const char *name)
{
    const tn_op *const own[] = {&tn_op_param, &tn_op_constant};
    for (const tn_op *const *op = tn_op_table; *op; op++)
        if (strcmp((*op)->name, name) == 0)
            return *op;
    for (size_t i = 0; i < TN_COUNT(own); i++)
        if (strcmp(own[i]->name, name) == 0)
            return own[i];
    return NULL;
}

const tn_op *tn_op_find(const char *name)
{
    const tn_op *op = find_own(name);
    if (op)
        return op;
    pthread_mutex_lock(&registered.lock);
    op = find_registered(name);
    pthread_mutex_unlock(&registered.lock);
    return op;
}

static tn_status check(const tn_op *op)
{
    if (op->version != TN_SYS_VERSION)
        return tn_fail(TN_ERR_ARGUMENT,
                       "op: its table is of version %u of <tenon/sys/op.h>, the library's of %u",
                       op->version, TN_SYS_VERSION);
    if (!op->name || !op->infer)
        return tn_fail(TN_ERR_ARGUMENT, "op %s: it has no %s", op->name ? op->name : "?",
                       op->name ? "infer()" : "name");
    if (!*op->name || op->name[strspn(op->name, "abcdefghijklmnopqrstuvwxyz0123456789_")])
        return tn_fail(TN_ERR_ARGUMENT, "op \"%s\": a name has small letters, digits and _ alone",
                       op->name);
    if (find_own(op->name) || strcmp(op->name, "input") == 0)
        return tn_fail(TN_ERR_ARGUMENT, "op %s: Tenon has one of that name", op->name);
    return TN_OK;
}

/* With the lock. */
static tn_status add(const tn_op *op)
{
    const tn_op *other = find_registered(op->name);
    if (other == op)
        return TN_OK;
    if (other)
        return tn_fail(TN_ERR_ARGUMENT, "op %s: another one of that name is registered", op->name);
    if (registered.count == MOST)
        return tn_fail(TN_ERR_ARGUMENT, "op %s: %d are registered, which is the most there can be",
                       op->name, MOST);
    registered.op[registered.count++] = op;
    return TN_OK;
}

tn_status tn_op_register(const tn_op *op)
{
    TN_NEED(op, "op");
    TN_TRY(check(op));
    pthread_mutex_lock(&registered.lock);
    const tn_status status = add(op);
    pthread_mutex_unlock(&registered.lock);
    return status;
}
