/*
 * weights: what several plans have in common, by name, and its canonical copy on the host; of devices store.c tells.
 */
#include <string.h>

#include "graph/numbers.h"
#include "plan/plan.h"
#include "plan/plan_io.h"
#include "plan/store.h"

tn_status tn_weights_create(tn_weights **out)
{
    TN_NEED(out, "out");
    tn_weights *w = tn_alloc(1, sizeof *w);
    if (!w)
        return tn_no_memory("weights", sizeof *w);
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->all_read, NULL);
    w->users = 1;
    *out = w;
    return TN_OK;
}

/* The lock is held, and given back. */
void tn_weights_release(tn_weights *w)
{
    const bool last = --w->users == 0;
    pthread_mutex_unlock(&w->lock);
    if (!last)
        return;
    for (size_t i = 0; i < w->count; i++) {
        tn_free(w->weight[i].name);
        if (!w->weight[i].lent.at)
            tn_free(w->weight[i].host);
        tn_free(w->weight[i].lost);
    }
    tn_free(w->weight);
    pthread_cond_destroy(&w->all_read);
    pthread_mutex_destroy(&w->lock);
    tn_free(w);
}

void tn_weights_destroy(tn_weights *w)
{
    if (!w)
        return;
    pthread_mutex_lock(&w->lock);
    tn_weights_release(w);
}

static pthread_mutex_t *lock_of(const tn_weights *w)
{
    return (pthread_mutex_t *)(uintptr_t)&w->lock;
}

int tn_weights_count(const tn_weights *w)
{
    if (!w)
        return 0;
    pthread_mutex_lock(lock_of(w));
    const int count = (int)w->count;
    pthread_mutex_unlock(lock_of(w));
    return count;
}

const char *tn_weights_name(const tn_weights *w, int index, tn_shape *shape)
{
    const char *name = NULL;
    if (!w)
        return NULL;
    pthread_mutex_lock(lock_of(w));
    if (index >= 0 && (size_t)index < w->count) {
        name = w->weight[index].name;
        if (shape)
            *shape = w->weight[index].shape;
    }
    pthread_mutex_unlock(lock_of(w));
    return name;
}

ptrdiff_t tn_weights_find(const tn_weights *w, const char *name)
{
    for (size_t i = 0; i < w->count; i++)
        if (strcmp(w->weight[i].name, name) == 0)
            return (ptrdiff_t)i;
    return -1;
}

tn_status tn_weight_check(const tn_weight *w, const tn_shape *shape)
{
    if (tn_shape_equal(&w->shape, shape))
        return TN_OK;
    return tn_fail(TN_ERR_SHAPE, "weights: %s is %s, not %s", w->name,
                   tn_shape_format(&w->shape).text, tn_shape_format(shape).text);
}

tn_status tn_weights_add(tn_weights *w, const char *name, const tn_shape *shape, ptrdiff_t *out)
{
    TN_TRY(tn_grow((void **)&w->weight, w->count, &w->capacity, sizeof *w->weight, "weights"));
    char *copy = tn_copy_text(name);
    if (!copy)
        return tn_no_memory("weights", strlen(name) + 1);
    w->weight[w->count] = (tn_weight){.name = copy, .shape = *shape};
    *out = (ptrdiff_t)w->count++;
    return TN_OK;
}

static tn_status need_host(tn_weight *one)
{
    if (one->host)
        return TN_OK;
    const size_t bytes = (size_t)tn_elements(&one->shape) * sizeof(float);
    one->host = tn_alloc_aligned(bytes);
    return one->host ? TN_OK : tn_no_memory("weights", bytes);
}

void tn_weight_found(tn_weight *one)
{
    tn_free(one->lost);
    one->lost = NULL;
}

/* Both locks are held. */
tn_status tn_weight_bring_home(const tn_store *s, ptrdiff_t number)
{
    tn_weight *one = &s->weights->weight[number];
    const tn_copy *c = &s->copy[number];
    TN_TRY(need_host(one));
    TN_TRY(tn_device_download(s->device, &one->shape, TN_F32, c->layout, one->host, c->at));
    one->host_version = one->version;
    return TN_OK;
}

tn_status tn_weights_read(tn_weights *w, ptrdiff_t number, float *to, int64_t *version)
{
    tn_status status = TN_OK;
    pthread_mutex_lock(&w->lock);
    for (;;) {
        tn_weight *one = &w->weight[number];
        tn_store *s = one->newest;
        if (one->lost)
            status = tn_fail(TN_ERR_DEVICE, "weights: %s is lost: %s", one->name, one->lost);
        else if (!s || one->host_version == one->version)
            break;
        if (status != TN_OK)
            break;
        s->readers++;
        pthread_mutex_unlock(&w->lock);
        tn_store_lock(s);
        pthread_mutex_lock(&w->lock);
        if (w->weight[number].newest == s)
            status = tn_weight_bring_home(s, number);
        pthread_mutex_unlock(&w->lock);
        tn_store_unlock(s);
        pthread_mutex_lock(&w->lock);
        if (--s->readers == 0)
            pthread_cond_broadcast(&w->all_read);
    }
    const tn_weight *one = &w->weight[number];
    if (status == TN_OK) {
        if (one->host)
            memcpy(to, one->host, (size_t)tn_elements(&one->shape) * sizeof *to);
        else
            tn_stored_read(&one->lent, &one->shape, to);
        *version = one->version;
    }
    pthread_mutex_unlock(&w->lock);
    return status;
}

static tn_status check_host(const char *name, const tn_tensor *host)
{
    int64_t count;
    if (host->dtype != TN_F32)
        return tn_fail(TN_ERR_SHAPE, "weights: %s is f32, but the tensor given is %s", name,
                       tn_dtype_name(host->dtype));
    if (!host->data)
        return tn_fail(TN_ERR_ARGUMENT, "weights: %s: the tensor given has no data", name);
    return tn_shape_count(&host->shape, &count);
}

tn_status tn_weights_get(tn_weights *w, const char *name, tn_tensor host)
{
    TN_NEED(w, "weights");
    TN_NEED(name, "name");
    int64_t version;
    TN_TRY(check_host(name, &host));
    pthread_mutex_lock(&w->lock);
    const ptrdiff_t number = tn_weights_find(w, name);
    tn_status status =
        number < 0 ? tn_fail(TN_ERR_ARGUMENT, "weights: there is no %s among %zu", name, w->count)
                   : tn_weight_check(&w->weight[number], &host.shape);
    pthread_mutex_unlock(&w->lock);
    return status == TN_OK ? tn_weights_read(w, number, host.data, &version) : status;
}

static tn_status lend(tn_weights *w, const char *name, const tn_shape *shape,
                      const tn_stored *stored)
{
    ptrdiff_t number;
    if (tn_weights_find(w, name) >= 0)
        return tn_fail(TN_ERR_ARGUMENT, "weights: %s is there already: it cannot be lent", name);
    TN_TRY(tn_weights_add(w, name, shape, &number));
    if (stored->dtype == TN_F32)
        w->weight[number].host = (float *)(uintptr_t)stored->at;
    w->weight[number].lent = *stored;
    w->weight[number].version = w->weight[number].host_version = 1;
    return TN_OK;
}

tn_status tn_weights_lend(tn_weights *w, const char *name, const tn_shape *shape,
                          const tn_stored *stored)
{
    pthread_mutex_lock(&w->lock);
    const tn_status status = lend(w, name, shape, stored);
    pthread_mutex_unlock(&w->lock);
    return status;
}

static tn_status set(tn_weights *w, const char *name, const tn_tensor *host)
{
    ptrdiff_t number = tn_weights_find(w, name);
    if (number < 0)
        TN_TRY(tn_weights_add(w, name, &host->shape, &number));
    tn_weight *one = &w->weight[number];
    TN_TRY(tn_weight_check(one, &host->shape));
    if (one->lent.at)
        return tn_fail(TN_ERR_ARGUMENT, "weights: %s is lent, to be read: it cannot be set", name);
    TN_TRY(need_host(one));
    memcpy(one->host, host->data, (size_t)tn_elements(&one->shape) * sizeof(float));
    one->newest = NULL;
    one->host_version = ++one->version;
    tn_weight_found(one);
    return TN_OK;
}

tn_status tn_weights_set(tn_weights *w, const char *name, tn_tensor host)
{
    TN_NEED(w, "weights");
    TN_NEED(name, "name");
    TN_TRY(check_host(name, &host));
    pthread_mutex_lock(&w->lock);
    const tn_status status = set(w, name, &host);
    pthread_mutex_unlock(&w->lock);
    return status;
}
