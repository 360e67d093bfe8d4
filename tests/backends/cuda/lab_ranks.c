#define _POSIX_C_SOURCE 200809L /* pthread_barrier_t */

#include "backends/cuda/lab_ranks.h"

#include <pthread.h>
#include <stdio.h>

typedef struct task {
    const lab_ranks *g;
    const tn_comm_id *id;
    int rank;
    pthread_barrier_t *all;
    void (*body)(lab_member *m);
} task;

void lab_ranks_meet(const lab_member *m)
{
    pthread_barrier_wait(m->all_here);
}

/* As a group's members do when they join; none of these fails there. */
static tn_status meet(void *all_here)
{
    pthread_barrier_wait(all_here);
    return TN_OK;
}

/* Number `rank` of those that TENON_TEST_GPUS names, "cuda:0-3", or an empty name if they are not so many. */
static void name_of(int rank, char *name, size_t size)
{
    const char *gpus = getenv("TENON_TEST_GPUS");
    char backend[16];
    int first, last;
    *name = 0;
    if (gpus && sscanf(gpus, "%15[^:]:%d-%d", backend, &first, &last) == 3 && first + rank <= last)
        snprintf(name, size, "%s:%d", backend, first + rank);
}

/* A failing assertion ends the process here: it is no thread of cmocka's. */
static void *run(void *argument)
{
    const task *t = argument;
    const lab_ranks *g = t->g;
    const char *gpu = getenv("TENON_TEST_GPU");
    char name[96], several[32];
    lab_member m = {.rank = t->rank, .ranks = g->ranks, .note = g->note, .all_here = t->all};
    snprintf(name, sizeof name, "sim:%d%s", t->rank, g->options ? g->options : "");
    name_of(t->rank, several, sizeof several);
    assert_ok(tn_device_open(&m.raw.device, !gpu ? name : g->ranks > 1 ? several : gpu));
    m.raw.b = m.raw.device->backend;
    m.raw.d = m.raw.device->impl;
    m.all = m.raw.b->collectives;
    m.join = (tn_join_opts){.id = *t->id,
                            .rank = t->rank,
                            .ranks = g->ranks,
                            .stall = g->stall,
                            .most_bf16 = g->most_bf16};
    if (!g->alone) {
        m.join.meet = g->ranks > 1 ? meet : NULL;
        m.join.with = t->all;
        assert_ok(m.all->join(m.raw.d, &m.join, &m.comm));
        assert_ok(m.all->carefully(m.comm, false));
    }
    t->body(&m);
    if (!g->alone)
        m.all->leave(m.comm);
    lab_raw_close(&m.raw);
    return NULL;
}

void lab_ranks_run(const lab_ranks *g, void (*body)(lab_member *m))
{
    pthread_t thread[RANKS_MOST];
    task t[RANKS_MOST];
    tn_comm_id id;
    lab_raw first;
    pthread_barrier_t all;
    char last[32];
    name_of(g->ranks - 1, last, sizeof last);
    if (getenv("TENON_TEST_GPU") && g->ranks > 1 && !*last) {
        print_message("skipped: %d GPUs are not there: TENON_TEST_GPUS=cuda:0-%d\n", g->ranks,
                      g->ranks - 1);
        skip();
    }
    lab_raw_open(&first);
    if (!first.b->collectives) {
        lab_raw_close(&first);
        print_message("skipped: this build has no NCCL\n");
        skip();
    }
    assert_ok(first.b->collectives->make_id(&id));
    lab_raw_close(&first);
    assert_int_equal(pthread_barrier_init(&all, NULL, (unsigned)g->ranks), 0);
    for (int i = 0; i < g->ranks; i++) {
        t[i] = (task){g, &id, i, &all, body};
        assert_int_equal(pthread_create(&thread[i], NULL, run, &t[i]), 0);
    }
    for (int i = 0; i < g->ranks; i++)
        assert_int_equal(pthread_join(thread[i], NULL), 0);
    pthread_barrier_destroy(&all);
}
