#include "data/queue.h"

#include <string.h>

#include "base/base.h"

static tn_status memory_create(const tn_queue *q, size_t bytes, uint8_t **out)
{
    if (q->device) {
        void *memory;
        TN_TRY(tn_device_host_alloc(q->device, bytes, &memory));
        *out = memory;
        return TN_OK;
    }
    *out = tn_alloc_aligned(bytes);
    return *out ? TN_OK : tn_no_memory("loader: batches", bytes * (size_t)q->slots);
}

static void memory_destroy(const tn_queue *q, uint8_t *memory)
{
    if (q->device)
        tn_device_host_free(q->device, memory);
    else
        tn_free(memory);
}

/* Where each array begins in a slot's memory; returns the bytes of all, SIZE_MAX if they are more than a size_t has. */
static size_t lay_out(const tn_queue *q, size_t *begin)
{
    enum { ALIGN = 256 };
    size_t end = 0;
    for (int i = 0; i < q->arrays; i++) {
        const size_t bytes = q->row_bytes[i] * (size_t)q->rows;
        begin[i] = (end + ALIGN - 1) / ALIGN * ALIGN;
        if (bytes > SIZE_MAX - ALIGN - begin[i])
            return SIZE_MAX;
        end = begin[i] + bytes;
    }
    return end;
}

static tn_status create_slots(tn_queue *q)
{
    q->slot = tn_alloc((size_t)q->slots, sizeof *q->slot);
    if (!q->slot)
        return tn_no_memory("loader", (size_t)q->slots * sizeof *q->slot);
    size_t begin[TN_MAX_ARRAYS];
    const size_t rows = (size_t)q->rows, bytes = lay_out(q, begin);
    for (int i = 0; i < q->slots; i++) {
        tn_slot *s = &q->slot[i];
        s->item = tn_alloc(rows, sizeof *s->item);
        s->place = tn_alloc(rows, sizeof *s->place);
        s->row = tn_alloc(rows, sizeof *s->row);
        if (!s->item || !s->place || !s->row)
            return tn_no_memory("loader: batches", rows * sizeof *s->row);
        TN_TRY(memory_create(q, bytes, &s->memory));
        for (int k = 0; k < q->arrays; k++)
            s->array[k] = s->memory + begin[k];
    }
    return TN_OK;
}

static tn_status create_locks(tn_queue *q)
{
    int error = pthread_mutex_init(&q->lock, NULL);
    if (error)
        return tn_fail(TN_ERR_MEMORY, "loader: no lock: %s", strerror(error));
    error = pthread_cond_init(&q->work, NULL);
    if (error) {
        pthread_mutex_destroy(&q->lock);
        return tn_fail(TN_ERR_MEMORY, "loader: no condition: %s", strerror(error));
    }
    error = pthread_cond_init(&q->ready, NULL);
    if (error) {
        pthread_cond_destroy(&q->work);
        pthread_mutex_destroy(&q->lock);
        return tn_fail(TN_ERR_MEMORY, "loader: no condition: %s", strerror(error));
    }
    q->made = true;
    return TN_OK;
}

tn_status tn_queue_create(tn_queue *q, tn_sampler *sampler, tn_device *device, int slots, int chunk,
                          const size_t *row_bytes, int arrays)
{
    *q = (tn_queue){.device = device,
                    .sampler = *sampler,
                    .slots = slots,
                    .rows = sampler->batch,
                    .chunk = chunk,
                    .arrays = arrays};
    memcpy(q->row_bytes, row_bytes, (size_t)arrays * sizeof *row_bytes);
    *sampler = (tn_sampler){0};
    tn_status status = create_locks(q);
    if (status == TN_OK)
        status = create_slots(q);
    if (status != TN_OK)
        tn_queue_destroy(q);
    return status;
}

/* Makes a slot ready to be filled again. */
static void clear(const tn_queue *q, tn_slot *s)
{
    s->done = 0;
    for (int i = 0; i < q->rows; i++) {
        tn_free(s->row[i].problem);
        s->row[i] = (tn_row){.status = TN_OK};
    }
}

void tn_queue_destroy(tn_queue *q)
{
    for (int i = 0; q->slot && i < q->slots; i++) {
        tn_slot *s = &q->slot[i];
        if (s->row)
            clear(q, s);
        tn_free(s->item);
        tn_free(s->place);
        tn_free(s->row);
        memory_destroy(q, s->memory);
    }
    tn_free(q->slot);
    tn_sampler_destroy(&q->sampler);
    if (q->made) {
        pthread_cond_destroy(&q->ready);
        pthread_cond_destroy(&q->work);
        pthread_mutex_destroy(&q->lock);
    }
    *q = (tn_queue){0};
}

/* Decides what the batch to be claimed next is made of. */
static void open_batch(tn_queue *q, tn_slot *s)
{
    s->epoch = q->epoch;
    s->index = q->index;
    tn_sampler_batch(&q->sampler, s->epoch, s->index, s->item);
    for (int i = 0; i < q->rows; i++)
        s->place[i] = s->index * q->rows + i;
    if (++q->index == q->sampler.batches) {
        q->index = 0;
        q->epoch++;
    }
}

bool tn_queue_claim(tn_queue *q, tn_claim *claim)
{
    pthread_mutex_lock(&q->lock);
    while (!q->stopped && (q->paused || q->opened - q->returned == q->slots))
        pthread_cond_wait(&q->work, &q->lock);
    const bool go_on = !q->stopped;
    if (go_on) {
        tn_slot *s = &q->slot[q->opened % q->slots];
        if (q->claimed == 0)
            open_batch(q, s);
        const int left = q->rows - q->claimed;
        *claim = (tn_claim){s, q->claimed, q->claimed + (left < q->chunk ? left : q->chunk)};
        q->claimed = claim->end;
        if (q->claimed == q->rows) {
            q->claimed = 0;
            q->opened++;
        }
        q->busy++;
    }
    pthread_mutex_unlock(&q->lock);
    return go_on;
}

void tn_queue_finish(tn_queue *q, const tn_claim *claim)
{
    pthread_mutex_lock(&q->lock);
    claim->slot->done += claim->end - claim->first;
    q->busy--;
    if (claim->slot->done == q->rows || q->busy == 0)
        pthread_cond_signal(&q->ready);
    pthread_mutex_unlock(&q->lock);
}

tn_slot *tn_queue_front(tn_queue *q)
{
    pthread_mutex_lock(&q->lock);
    tn_slot *s = &q->slot[q->returned % q->slots];
    while (s->done != q->rows)
        pthread_cond_wait(&q->ready, &q->lock);
    pthread_mutex_unlock(&q->lock);
    return s;
}

void tn_queue_return(tn_queue *q)
{
    pthread_mutex_lock(&q->lock);
    clear(q, &q->slot[q->returned % q->slots]);
    q->returned++;
    pthread_cond_broadcast(&q->work);
    pthread_mutex_unlock(&q->lock);
}

void tn_queue_seek(tn_queue *q, int64_t epoch, int64_t index)
{
    pthread_mutex_lock(&q->lock);
    q->paused = true;
    while (q->busy > 0)
        pthread_cond_wait(&q->ready, &q->lock);
    for (int i = 0; i < q->slots; i++)
        clear(q, &q->slot[i]);
    q->opened = q->returned = 0;
    q->claimed = 0;
    q->epoch = epoch;
    q->index = index;
    q->paused = false;
    pthread_cond_broadcast(&q->work);
    pthread_mutex_unlock(&q->lock);
}

void tn_queue_stop(tn_queue *q)
{
    pthread_mutex_lock(&q->lock);
    q->stopped = true;
    pthread_cond_broadcast(&q->work);
    pthread_mutex_unlock(&q->lock);
}
