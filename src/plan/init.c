/*
 * init: how parameters start, where no model says it. Element i of a parameter is a function of (seed, the parameter's full name,
 * i), so neither threads nor other layers change it.
 */
#include <math.h>
#include <stdatomic.h>
#include <string.h>

#include "base/random.h"
#include "base/thread.h"
#include "plan/passes.h"

/* Four elements that begin at 4 * index. */
typedef void (*fill_four)(float *to, const tn_random4 *r, float value);

static void constant(float *to, const tn_random4 *r, float value)
{
    (void)r;
    for (int i = 0; i < 4; i++)
        to[i] = value;
}

static void uniform(float *to, const tn_random4 *r, float value)
{
    for (int i = 0; i < 4; i++)
        to[i] = value * (2 * tn_uniform(r->word[i]) - 1);
}

static void normal(float *to, const tn_random4 *r, float value)
{
    for (int i = 0; i < 4;
         i += 2) { /* Box and Muller 1958; half a unit keeps log's argument from 0 */
        const float u = tn_uniform(r->word[i]) + 0x1p-25f;
        const float angle = 6.28318531f * tn_uniform(r->word[i + 1]);
        const float radius = value * sqrtf(-2 * logf(u));
        to[i] = radius * cosf(angle);
        to[i + 1] = radius * sinf(angle);
    }
}

typedef struct fill_job {
    fill_four fill;
    float value;
    uint64_t seed, stream;
    float *to;
    int64_t count;
    atomic_llong next; /* chunk to take */
} fill_job;

enum { CHUNK = 1 << 16 };

static void *fill_chunks(void *arg)
{
    fill_job *job = arg;
    for (;;) {
        const int64_t begin = atomic_fetch_add(&job->next, 1) * CHUNK;
        if (begin >= job->count)
            return NULL;
        const int64_t end = begin + CHUNK < job->count ? begin + CHUNK : job->count;
        for (int64_t i = begin; i < end; i += 4) {
            float four[4];
            const tn_random4 r =
                tn_random_at(job->seed, TN_RANDOM_INIT, job->stream, (uint64_t)i / 4);
            job->fill(four, &r, job->value);
            memcpy(job->to + i, four, (size_t)(end - i < 4 ? end - i : 4) * sizeof *four);
        }
    }
}

static void stop(void *arg)
{
    fill_job *job = arg;
    atomic_store(&job->next, job->count);
}

static void choose(const tn_param_spec *spec, fill_job *job)
{
    const tn_init *init = &spec->opts.init;
    const float in = (float)spec->fan_in, out = (float)spec->fan_out;
    const struct {
        fill_four fill;
        float value;
    } table[] = {
        [TN_INIT_DEFAULT] = {spec->fan_in ? normal : constant, spec->fan_in ? sqrtf(2 / in) : 0},
        [TN_INIT_CONSTANT] = {constant, init->value},
        [TN_INIT_NORMAL] = {normal, init->value},
        [TN_INIT_UNIFORM] = {uniform, init->value},
        [TN_INIT_HE] = {normal, spec->fan_in ? sqrtf(2 / in) : 0},
        [TN_INIT_XAVIER] = {uniform, spec->fan_in ? sqrtf(6 / (in + out)) : 0},
        [TN_INIT_FAN_IN] = {uniform, spec->fan_in ? init->value / sqrtf(in) : 0},
    };
    job->fill = table[init->kind].fill;
    job->value = table[init->kind].value;
}

static tn_status draw(const tn_plan *p, const tn_plan_parameter *w, float *host)
{
    fill_job job = {.seed = p->opts.seed,
                    .stream = tn_hash_text(w->name),
                    .to = host,
                    .count = tn_elements(&w->spec->shape)};
    choose(w->spec, &job);
    if (job.count <= CHUNK) {
        fill_chunks(&job);
        return TN_OK;
    }
    tn_threads threads;
    TN_TRY(tn_threads_start(&threads, tn_cores(), fill_chunks, stop, &job));
    tn_threads_join(&threads);
    return TN_OK;
}

/* Another device may have it, whose lock nobody may wait for who holds that of a store. */
static tn_status read_stored(tn_plan *p, tn_plan_parameter *w, float *host)
{
    (p->beside ? tn_store_unshare_making : tn_store_unlock)(p->store);
    const tn_status status = tn_weights_read(p->opts.weights, w->stored, host, &w->version);
    (p->beside ? tn_store_share_making : tn_store_lock)(p->store);
    return status;
}

/* As in the weights that it shares with other plans, or the model's, if there is one that has it; only else are numbers drawn. */
static tn_status init_param(tn_plan *p, tn_plan_parameter *w, float *host)
{
    const tn_numbers *n = tn_plan_numbers(p);
    if (!w->own)
        return TN_OK;
    if (w->stored >= 0)
        TN_TRY(read_stored(p, w, host));
    else if (w->from == TN_FROM_TAKEN)
        TN_TRY(n->read(n, (size_t)w->number, host));
    else
        TN_TRY(draw(p, w, host));
    return tn_plan_upload(p, &w->spec->shape, TN_F32, w->layout, w->at, host);
}

tn_status tn_plan_init_params(tn_plan *p)
{
    int64_t most = 0;
    for (int i = 0; i < p->num_params; i++) {
        const int64_t count = p->param[i].own ? tn_elements(&p->param[i].spec->shape) : 0;
        most = count > most ? count : most;
    }
    if (most == 0)
        return TN_OK;
    float *host = tn_alloc_aligned((size_t)most * sizeof *host);
    if (!host)
        return tn_no_memory("plan", (size_t)most * sizeof *host);
    tn_status status = TN_OK;
    for (int i = 0; i < p->num_params && status == TN_OK; i++)
        status = init_param(p, &p->param[i], host);
    tn_free(host);
    return status;
}
