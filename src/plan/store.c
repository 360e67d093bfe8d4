/*
 * store: the weights of several plans on each device; see store.h.
 */
#include "plan/store.h"

#include <string.h>

#include "plan/plan.h"

/* ---- whose it is -------------------------------------------------------------------------------- */

static tn_status new_store(tn_store **out, tn_weights *w, tn_device *device)
{
    tn_store *s = tn_alloc(1, sizeof *s);
    if (!s)
        return tn_no_memory("weights", sizeof *s);
    pthread_mutex_init(&s->making, NULL);
    pthread_mutex_init(&s->lock.mutex, NULL);
    pthread_cond_init(&s->lock.changed, NULL);
    s->weights = w;
    s->device = device;
    s->next = w->store;
    w->store = s;
    w->users++;
    *out = s;
    return TN_OK;
}

static tn_store_user *user_of(const tn_store *s, const tn_device *device)
{
    for (size_t i = 0; i < s->users; i++)
        if (s->user[i].device == device)
            return &s->user[i];
    return NULL;
}

/* Those of a device that it is used from; or, for a plan that only reads, one of another of which all plans do. One without
 * users waits for its last readers and goes. */
static tn_store *store_for(const tn_weights *w, const tn_device *device, bool learns)
{
    tn_store *found = NULL;
    for (tn_store *s = w->store; s; s = s->next) {
        if (user_of(s, device))
            return s;
        if (s->users > 0 && !learns && s->learners == 0 && device->backend->is_host &&
            s->device->backend == device->backend)
            found = s;
    }
    return found;
}

static tn_status add_user(tn_store *s, tn_device *device, bool learns)
{
    tn_store_user *user = user_of(s, device);
    if (!user) {
        TN_TRY(tn_grow((void **)&s->user, s->users, &s->user_capacity, sizeof *s->user, "weights"));
        user = &s->user[s->users++];
        *user = (tn_store_user){.device = device};
        s->device = s->user[0].device;
    }
    user->plans++;
    s->learners += learns;
    return TN_OK;
}

/* Of whom nobody takes anything any more. */
static void destroy(tn_store *s)
{
    tn_store **link = &s->weights->store;
    while (*link != s)
        link = &(*link)->next;
    *link = s->next;
    if (s->weights->trained_by == s)
        s->weights->trained_by = NULL;
    for (size_t i = 0; i < s->num_blocks; i++)
        s->device->backend->free(s->device->impl, s->block[i]);
    tn_free(s->block);
    tn_free(s->copy);
    tn_free(s->user);
    pthread_cond_destroy(&s->lock.changed);
    pthread_mutex_destroy(&s->lock.mutex);
    pthread_mutex_destroy(&s->making);
    tn_free(s);
}

tn_status tn_store_open(tn_store **out, tn_weights *w, tn_device *device, bool learns)
{
    tn_status status = TN_OK;
    pthread_mutex_lock(&w->lock);
    tn_store *s = store_for(w, device, learns);
    if (!s)
        status = new_store(&s, w, device);
    if (status == TN_OK)
        status = add_user(s, device, learns);
    if (status == TN_OK)
        *out = s;
    else if (s && s->users == 0) {
        w->users--;
        destroy(s);
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

/* Both locks are held. */
static void remove_user(tn_store *s, const tn_device *device, bool learns)
{
    tn_store_user *user = user_of(s, device);
    s->learners -= learns;
    if (--user->plans > 0)
        return;
    *user = s->user[--s->users];
    if (s->users > 0)
        s->device = s->user[0].device;
}

void tn_store_close(tn_store *s, tn_device *device, bool learns)
{
    if (!s)
        return;
    tn_weights *w = s->weights;
    tn_store_lock(s); /* what others do with the device is done */
    pthread_mutex_lock(&w->lock);
    remove_user(s, device, learns);
    tn_store_unlock(s);
    if (s->users > 0) {
        pthread_mutex_unlock(&w->lock);
        return;
    }
    while (s->readers > 0)
        pthread_cond_wait(&w->all_read, &w->lock);
    empty(s);
    destroy(s);
    tn_weights_release(w);
}

void tn_store_lock(tn_store *s)
{
    tn_shared_lock *l = &s->lock;
    pthread_mutex_lock(&l->mutex);
    l->waiting++;
    while (l->alone || l->sharers > 0)
        pthread_cond_wait(&l->changed, &l->mutex);
    l->waiting--;
    l->alone = true;
    pthread_mutex_unlock(&l->mutex);
}

void tn_store_unlock(tn_store *s)
{
    pthread_mutex_lock(&s->lock.mutex);
    s->lock.alone = false;
    pthread_cond_broadcast(&s->lock.changed);
    pthread_mutex_unlock(&s->lock.mutex);
}

void tn_store_share(tn_store *s)
{
    tn_shared_lock *l = &s->lock;
    pthread_mutex_lock(&l->mutex);
    while (l->alone || (l->waiting > 0 && !l->making))
        pthread_cond_wait(&l->changed, &l->mutex);
    l->sharers++;
    pthread_mutex_unlock(&l->mutex);
}

void tn_store_unshare(tn_store *s)
{
    pthread_mutex_lock(&s->lock.mutex);
    if (--s->lock.sharers == 0)
        pthread_cond_broadcast(&s->lock.changed);
    pthread_mutex_unlock(&s->lock.mutex);
}

void tn_store_share_making(tn_store *s)
{
    tn_shared_lock *l = &s->lock;
    pthread_mutex_lock(&l->mutex);
    while (l->alone)
        pthread_cond_wait(&l->changed, &l->mutex);
    l->sharers++;
    l->making = true;
    pthread_cond_broadcast(&l->changed);
    pthread_mutex_unlock(&l->mutex);
}

void tn_store_unshare_making(tn_store *s)
{
    pthread_mutex_lock(&s->lock.mutex);
    s->lock.making = false;
    pthread_mutex_unlock(&s->lock.mutex);
    tn_store_unshare(s);
}

/* ---- what a device has -------------------------------------------------------------------------- */

/* From *number on, the first that is newer elsewhere. */
static bool find_old(const tn_store *s, size_t *number, tn_shape *shape)
{
    bool old = false;
    tn_weights *w = s->weights;
    pthread_mutex_lock(&w->lock);
    for (; !old && *number < s->copies; *number += !old) {
        const tn_weight *one = &w->weight[*number];
        old = s->copy[*number].at && one->newest != s && s->copy[*number].version != one->version;
        *shape = one->shape;
    }
    pthread_mutex_unlock(&w->lock);
    return old;
}

static tn_status pull_one(tn_store *s, tn_device *device, size_t number, const tn_shape *shape,
                          float *buffer)
{
    int64_t version;
    TN_TRY(tn_weights_read(s->weights, (ptrdiff_t)number, buffer, &version));
    tn_store_lock(s);
    tn_copy *c = &s->copy[number];
    const tn_status status = tn_device_upload(device, shape, TN_F32, c->layout, c->at, buffer);
    if (status == TN_OK)
        c->version = version;
    s->changes++;
    tn_store_unlock(s);
    return status;
}

tn_status tn_store_pull(tn_store *s, tn_device *device)
{
    tn_shape shape;
    for (size_t i = 0; find_old(s, &i, &shape); i++) {
        const size_t bytes = (size_t)tn_elements(&shape) * sizeof(float);
        float *buffer = tn_alloc_aligned(bytes);
        if (!buffer)
            return tn_no_memory("weights", bytes);
        const tn_status status = pull_one(s, device, i, &shape, buffer);
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

/* Room for a copy of each. */
static tn_status grow_copies(tn_store *s, size_t number)
{
    const tn_weights *w = s->weights;
    if (number < s->copies)
        return TN_OK;
    tn_copy *more = tn_alloc(w->count, sizeof *more);
    if (!more)
        return tn_no_memory("weights", w->count * sizeof *more);
    if (s->copies)
        memcpy(more, s->copy, s->copies * sizeof *more);
    tn_free(s->copy);
    s->copy = more;
    s->copies = w->count;
    return TN_OK;
}

/* What the weights were lent is read where it lies, if that is memory as the device's is. */
static tn_status borrow_lent(tn_store *s, size_t number)
{
    const tn_weight *one = &s->weights->weight[number];
    if (!one->lent.at || !one->host || !s->device->backend->is_host)
        return TN_OK;
    TN_TRY(grow_copies(s, number));
    s->copy[number] = (tn_copy){
        .at = one->host, .count = (size_t)tn_elements(&one->shape), .version = one->version};
    return TN_OK;
}

tn_status tn_store_find(tn_store *s, const char *name, const tn_shape *shape, ptrdiff_t *number,
                        tn_copy *copy)
{
    tn_weights *w = s->weights;
    pthread_mutex_lock(&w->lock);
    *number = tn_weights_find(w, name);
    tn_status status = TN_OK;
    if (*number >= 0)
        status = tn_weight_check(&w->weight[*number], shape);
    if (*number >= 0 && status == TN_OK)
        status = borrow_lent(s, (size_t)*number);
    *copy = *number >= 0 && (size_t)*number < s->copies ? s->copy[*number] : (tn_copy){0};
    copy->lent = *number >= 0 ? w->weight[*number].lent : (tn_stored){.dtype = TN_F32};
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
    TN_TRY(grow_copies(s, (size_t)*number));
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
    pthread_mutex_lock(&s->weights->lock);
    const tn_status status = add_copy(s, name, shape, copy, number);
    pthread_mutex_unlock(&s->weights->lock);
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
