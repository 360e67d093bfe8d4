/*
 * store: the weights of several plans on each device; see store.h.
 */
#define _XOPEN_SOURCE 700 /* recursive mutexes */
#include "plan/store.h"

#include <string.h>

#include "plan/plan.h"

static tn_status new_store(tn_store **out, tn_weights *w, tn_device *device)
{
    tn_store *s = tn_alloc(1, sizeof *s);
    if (!s)
        return tn_no_memory("weights", sizeof *s);
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(&s->lock, &attributes);
    pthread_mutexattr_destroy(&attributes);
    s->weights = w;
    s->device = device;
    s->next = w->store;
    w->store = s;
    w->users++;
    *out = s;
    return TN_OK;
}

tn_status tn_store_open(tn_store **out, tn_weights *w, tn_device *device)
{
    tn_status status = TN_OK;
    pthread_mutex_lock(&w->lock);
    tn_store *s = w->store;
    while (s && s->device != device)
        s = s->next;
    if (!s)
        status = new_store(&s, w, device);
    if (s) {
        s->users++;
        *out = s;
    }
    pthread_mutex_unlock(&w->lock);
    return status;
}

/* What only this store has comes to the host, or is lost, and why. */
static void empty(tn_store *s)
{
    tn_error_kept kept;
    tn_error_keep(&kept);
    for (size_t i = 0; i < s->copies; i++) {
        tn_weight *one = &s->weights->weight[i];
        if (one->newest != s)
            continue;
        if (one->host_version != one->version && tn_weight_bring_home(s, (ptrdiff_t)i) != TN_OK)
            one->lost = tn_format("it was on %s: %s", s->device->name, tn_error());
        one->newest = NULL;
    }
    tn_error_put_back(&kept);
}

void tn_store_close(tn_store *s)
{
    if (!s)
        return;
    tn_weights *w = s->weights;
    pthread_mutex_lock(&w->lock);
    if (--s->users > 0) {
        pthread_mutex_unlock(&w->lock);
        return;
    }
    while (s->readers > 0)
        pthread_cond_wait(&w->all_read, &w->lock);
    empty(s);
    tn_store **link = &w->store;
    while (*link != s)
        link = &(*link)->next;
    *link = s->next;
    if (w->trained_by == s)
        w->trained_by = NULL;
    for (size_t i = 0; i < s->num_blocks; i++)
        s->device->backend->free(s->device->impl, s->block[i]);
    tn_free(s->block);
    tn_free(s->copy);
    pthread_mutex_destroy(&s->lock);
    tn_free(s);
    tn_weights_release(w);
}

void tn_store_lock(tn_store *s)
{
    pthread_mutex_lock(&s->lock);
}

void tn_store_unlock(tn_store *s)
{
    pthread_mutex_unlock(&s->lock);
}

/* ---- what a device has -------------------------------------------------------------------------- */

static bool is_old(tn_store *s, size_t number, tn_shape *shape)
{
    tn_weights *w = s->weights;
    pthread_mutex_lock(&w->lock);
    const tn_weight *one = &w->weight[number];
    const bool old =
        s->copy[number].at && one->newest != s && s->copy[number].version != one->version;
    *shape = one->shape;
    pthread_mutex_unlock(&w->lock);
    return old;
}

static tn_status pull_one(tn_store *s, size_t number, const tn_shape *shape, float *buffer)
{
    tn_copy *c = &s->copy[number];
    int64_t version;
    TN_TRY(tn_weights_read(s->weights, (ptrdiff_t)number, buffer, &version));
    tn_store_lock(s);
    const tn_status status = tn_device_upload(s->device, shape, TN_F32, c->layout, c->at, buffer);
    if (status == TN_OK)
        c->version = version;
    s->changes++;
    tn_store_unlock(s);
    return status;
}

tn_status tn_store_pull(tn_store *s)
{
    for (size_t i = 0; i < s->copies; i++) {
        tn_shape shape;
        if (!is_old(s, i, &shape))
            continue;
        const size_t bytes = (size_t)tn_elements(&shape) * sizeof(float);
        float *buffer = tn_alloc_aligned(bytes);
        if (!buffer)
            return tn_no_memory("weights", bytes);
        const tn_status status = pull_one(s, i, &shape, buffer);
        tn_free(buffer);
        TN_TRY(status);
    }
    return TN_OK;
}

tn_status tn_store_train(tn_store *s)
{
    tn_weights *w = s->weights;
    tn_status status = TN_OK;
    pthread_mutex_lock(&w->lock);
    if (w->trained_by && w->trained_by != s)
        status = tn_fail(TN_ERR_ARGUMENT,
                         "weights: a plan on %s trains them; on %s another would undo its updates",
                         w->trained_by->device->name, s->device->name);
    else
        w->trained_by = s;
    s->trainers += status == TN_OK;
    pthread_mutex_unlock(&w->lock);
    return status;
}

void tn_store_end_training(tn_store *s)
{
    tn_weights *w = s->weights;
    pthread_mutex_lock(&w->lock);
    if (--s->trainers == 0)
        w->trained_by = NULL;
    pthread_mutex_unlock(&w->lock);
}

tn_status tn_store_find(tn_store *s, const char *name, const tn_shape *shape, ptrdiff_t *number,
                        tn_copy *copy)
{
    tn_weights *w = s->weights;
    pthread_mutex_lock(&w->lock);
    *number = tn_weights_find(w, name);
    *copy = *number >= 0 && (size_t)*number < s->copies ? s->copy[*number] : (tn_copy){0};
    const tn_status status = *number >= 0 ? tn_weight_check(&w->weight[*number], shape) : TN_OK;
    pthread_mutex_unlock(&w->lock);
    return status;
}

static tn_status add_copy(tn_store *s, const char *name, const tn_shape *shape, const tn_copy *copy,
                          ptrdiff_t *number)
{
    tn_weights *w = s->weights;
    *number = tn_weights_find(w, name);
    const bool new = *number < 0;
    if (new)
        TN_TRY(tn_weights_add(w, name, shape, number));
    if ((size_t)*number >= s->copies) {
        tn_copy *more = tn_alloc(w->count, sizeof *more);
        if (!more)
            return tn_no_memory("weights", w->count * sizeof *more);
        if (s->copies)
            memcpy(more, s->copy, s->copies * sizeof *more);
        tn_free(s->copy);
        s->copy = more;
        s->copies = w->count;
    }
    tn_weight *one = &w->weight[*number];
    s->copy[*number] = *copy;
    if (one->version > 0)
        return TN_OK;
    one->version = s->copy[*number].version = 1;
    one->newest = s;
    return TN_OK;
}

tn_status tn_store_add(tn_store *s, const char *name, const tn_shape *shape, const tn_copy *copy,
                       ptrdiff_t *number)
{
    tn_store_lock(s);
    pthread_mutex_lock(&s->weights->lock);
    const tn_status status = add_copy(s, name, shape, copy, number);
    pthread_mutex_unlock(&s->weights->lock);
    tn_store_unlock(s);
    return status;
}

tn_status tn_store_add_block(tn_store *s, void *block)
{
    TN_TRY(tn_grow((void **)&s->block, s->num_blocks, &s->block_capacity, sizeof *s->block,
                   "weights"));
    s->block[s->num_blocks++] = block;
    return TN_OK;
}

void tn_store_changed(tn_store *s, ptrdiff_t number)
{
    tn_weights *w = s->weights;
    pthread_mutex_lock(&w->lock);
    tn_weight *one = &w->weight[number];
    one->newest = s;
    s->copy[number].version = ++one->version;
    tn_weight_found(one);
    pthread_mutex_unlock(&w->lock);
}
