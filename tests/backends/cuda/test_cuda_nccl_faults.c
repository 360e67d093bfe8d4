/*
 * Several GPUs as one, when something goes wrong with one of them: everybody gets an error, within a stated
 * time, that says who waited for what; nobody hangs and nothing stays behind.
 */
#define _POSIX_C_SOURCE 200809L /* nanosleep */

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "backends/cuda/lab_ranks.h"
#include "base/thread.h"
#include "lab_sim.h"

enum { N = 1000, BYTES = N * (int)sizeof(float) };

/* ---- what members know of each other ------------------------------------------------------ */

typedef struct board {
    pthread_mutex_t lock;
    tn_comm *comm[RANKS_MOST]; /* of each rank that has joined and not left */
    atomic_int failed, told;   /* how many have; and with a message that names them */
    atomic_int come;           /* to meetings of every_call_may_fail() */
    atomic_bool over;
    pthread_barrier_t both; /* of every_call_may_fail() */
    const char *fail_at;
    long fail_nth;
} board;

static void board_put(lab_member *m, tn_comm *c)
{
    board *b = m->note;
    pthread_mutex_lock(&b->lock);
    b->comm[m->rank] = c;
    pthread_mutex_unlock(&b->lock);
}

static void board_abort(lab_member *m)
{
    board *b = m->note;
    pthread_mutex_lock(&b->lock);
    for (int i = 0; i < m->ranks; i++)
        if (b->comm[i])
            m->all->abort(b->comm[i]);
    pthread_mutex_unlock(&b->lock);
}

static void nap(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

static void wait_for_end(lab_member *m)
{
    const board *b = m->note;
    while (!atomic_load(&b->over))
        nap();
}

static void end(lab_member *m)
{
    board *b = m->note;
    atomic_store(&b->over, true);
}

static float *take(const lab_member *m)
{
    float x[N] = {0};
    return lab_raw_take(&m->raw, x, sizeof x);
}

/* A step: work, mark 0, its sum, work that waits for it, and the host that waits for all. */
static tn_status step(lab_member *m, float *x)
{
    const tn_backend *b = m->raw.b;
    float got[N];
    TN_TRY(b->fill(m->raw.d, x, 0, BYTES));
    TN_TRY(b->mark(m->raw.d, 0));
    TN_TRY(m->all->all_reduce(m->comm, 0, x, N, TN_F32));
    TN_TRY(b->await(m->raw.d, 0));
    return b->download(m->raw.d, got, x, sizeof got);
}

static void run_two(lab_ranks g, void (*body)(lab_member *m))
{
    lab_need_sim(sim);
    board b = {.lock = PTHREAD_MUTEX_INITIALIZER};
    g.ranks = 2;
    g.note = &b;
    lab_ranks_run(&g, body);
    sim->fail_at(NULL, 0);
    sim->check_leaks();
}

/* ---- who does not come -------------------------------------------------------------------- */

static void second_is_late(lab_member *m)
{
    float *x = take(m);
    assert_ok(step(m, x));
    if (m->rank == 0) {
        const double begun = tn_now();
        assert_fails(step(m, x), TN_ERR_DEVICE,
                     "sim:0: rank 0 of 2 has waited 0.3 s for the other devices of its group, in "
                     "collective 3, which sums 1000 elements of mark 0");
        assert_true(tn_now() - begun > 0.29);
        assert_fails(m->all->barrier(m->comm), TN_ERR_DEVICE, "has waited 0.3 s");
        end(m);
    } else {
        wait_for_end(m);
    }
    m->all->abort(m->comm);
    m->all->abort(m->comm); /* once more is nothing */
    assert_fails(m->all->check(m->comm), TN_END, "its group of 2 devices was aborted");
    assert_fails(step(m, x), TN_END, "its group of 2 devices was aborted");
    lab_raw_give(&m->raw, x);
}

static void one_that_is_late_is_told(void **unused)
{
    (void)unused;
    run_two((lab_ranks){.stall = 0.3}, second_is_late);
}

static void second_never_joins(lab_member *m)
{
    if (m->rank == 1)
        return;
    assert_fails(m->all->join(m->raw.d, &m->join, &m->comm), TN_ERR_DEVICE,
                 "sim:0: rank 0 of 2 has waited 0.2 s for the other devices of its group, in "
                 "ncclCommInitRankConfig (/dev/shm has");
    assert_null(m->comm);
}

static void one_that_never_joins_is_told(void **unused)
{
    (void)unused;
    run_two((lab_ranks){.stall = 0.2, .alone = true}, second_never_joins);
}

/* Time that the device itself needs is no reason to give up. */
static void works_long(lab_member *m)
{
    enum { MANY = 300000 };
    float *x = lab_raw_take(&m->raw, NULL, MANY * sizeof *x);
    double took = 0;
    for (int times = 40; took <= 2 * m->join.stall; times *= 2) {
        const double begun = tn_now();
        for (int i = 0; i < times; i++)
            assert_ok(m->raw.b->accumulate(m->raw.d, NULL, x, x, MANY * sizeof *x));
        assert_ok(m->all->barrier(m->comm));
        took = tn_now() - begun;
    }
    lab_raw_give(&m->raw, x);
}

static void a_device_that_is_slow_is_waited_for(void **unused)
{
    (void)unused;
    lab_need_sim(sim);
    if (getenv("TENON_TEST_GPU")) {
        print_message("skipped: a real GPU is too fast for it\n");
        skip();
    }
    /* Longer than a busy machine keeps a thread from running. */
    lab_ranks_run(&(lab_ranks){.ranks = 1, .stall = 0.3}, works_long);
    sim->check_leaks();
}

/* ---- who watches -------------------------------------------------------------------------- */

/* The second one's thread looks on while the first one waits, and then ends that. */
static void second_watches(lab_member *m)
{
    board *b = m->note;
    float *x = take(m);
    board_put(m, m->comm);
    assert_ok(step(m, x));
    assert_ok(m->all->barrier(m->comm));
    if (m->rank == 0) {
        assert_fails(step(m, x), TN_END, "sim:0: its group of 2 devices was aborted");
        end(m);
    } else {
        const double begun = tn_now();
        while (tn_now() - begun < 0.1) {
            assert_int_equal(m->all->finished(b->comm[0]), 1);
            nap();
        }
        board_abort(m);
        wait_for_end(m);
    }
    lab_raw_give(&m->raw, x);
}

static void an_abort_lets_go_of_who_waits(void **unused)
{
    (void)unused;
    run_two((lab_ranks){.stall = 30}, second_watches);
}

/* ---- what fails --------------------------------------------------------------------------- */

static void both_are_told(lab_member *m)
{
    float *x = take(m);
    lab_need_sim(sim);
    assert_ok(m->all->barrier(m->comm));
    if (m->rank == 0)
        sim->fail_at("collective", 1);
    assert_ok(m->all->check(m->comm));
    assert_fails(step(m, x), TN_ERR_DEVICE, "remote process exited or there was a network error");
    m->all->abort(m->comm);
    lab_raw_give(&m->raw, x);
}

static void a_sum_that_fails_is_told_to_all(void **unused)
{
    (void)unused;
    run_two((lab_ranks){.stall = 5}, both_are_told);
}

/* The second to come lets both go on; the first waits until it does, or has failed. */
static tn_status meet(void *with)
{
    const lab_member *m = with;
    board *b = m->note;
    const int all = atomic_fetch_add(&b->come, 1) / 2 * 2 + 2;
    while (atomic_load(&b->come) < all && atomic_load(&b->failed) == 0)
        sched_yield();
    return atomic_load(&b->come) < all ? tn_fail(TN_END, "sim:%d waited for the other", m->rank)
                                       : TN_OK;
}

/* A whole life, which ends at the first error; then everybody is let go. */
static tn_status live(lab_member *m, float *x)
{
    m->join.meet = meet;
    m->join.with = m;
    TN_TRY(m->all->join(m->raw.d, &m->join, &m->comm));
    board_put(m, m->comm);
    TN_TRY(m->all->carefully(m->comm, false));
    TN_TRY(m->all->barrier(m->comm));
    TN_TRY(m->all->broadcast(m->comm, x, BYTES, 0));
    for (int i = 0; i < 3; i++)
        TN_TRY(step(m, x));
    TN_TRY(m->all->all_reduce(m->comm, 0, x, N, TN_BF16));
    return m->all->barrier(m->comm);
}

static void lives(lab_member *m)
{
    board *b = m->note;
    float *x = take(m);
    pthread_barrier_wait(&b->both);
    if (m->rank == 0)
        lab_find_sim()->fail_at(b->fail_at, b->fail_nth);
    pthread_barrier_wait(&b->both);
    if (live(m, x) != TN_OK) {
        atomic_fetch_add(&b->failed, 1);
        atomic_fetch_add(&b->told, strstr(tn_error(), m->rank ? "sim:1" : "sim:0") != NULL);
        char said[512];
        snprintf(said, sizeof said, "%s", tn_error());
        board_abort(m);
        board_put(m, NULL);
        m->all->leave(m->comm);
        assert_string_equal(tn_error(), said); /* what failed later is not what counts */
    } else {
        board_put(m, NULL);
        m->all->leave(m->comm);
    }
    lab_raw_give(&m->raw, x);
}

static void every_call_may_fail(void **unused)
{
    (void)unused;
    lab_need_sim(sim);
    static const char *const calls[] = {
        "ncclCommInitRankConfig",
        "ncclCommGetAsyncError",
        "ncclAllReduce",
        "ncclBroadcast",
        "ncclCommFinalize",
        "ncclCommDestroy",
        "collective",
        "cudaEventCreateWithFlags",
        "cudaEventRecord",
        "cudaEventRecordWithFlags",
        "cudaStreamWaitEvent",
        "cudaMalloc",
        "cudaEventQuery",
        "cudaStreamCreateWithPriority",
        "cudaLaunchKernel",
        "cudaMemcpyAsync",
        "cudaStreamSynchronize",
        "cudaDeviceGetAttribute",
        "cudaDeviceCanAccessPeer",
        "cudaDeviceGetP2PAttribute",
    };
    int failed = 0;
    for (size_t i = 0; i < TN_COUNT(calls); i++)
        for (long nth = 1; nth <= 3; nth++) {
            board b = {.lock = PTHREAD_MUTEX_INITIALIZER, .fail_at = calls[i], .fail_nth = nth};
            const long blocks = tn_alloc_live();
            pthread_barrier_init(&b.both, NULL, 2);
            lab_ranks_run(
                &(lab_ranks){.ranks = 2, .stall = 0.05, .most_bf16 = N, .alone = true, .note = &b},
                lives);
            pthread_barrier_destroy(&b.both);
            sim->fail_at(NULL, 0);
            if (b.failed != b.told)
                fail_msg("call %ld of %s failing is not told", nth, calls[i]);
            failed += b.failed > 0;
            assert_int_equal(tn_alloc_live(), blocks);
            sim->check_leaks();
        }
    assert_true(failed >
                (int)TN_COUNT(calls)); /* some are of no consequence: of leaving, of looks */
}

/* ---- memory ------------------------------------------------------------------------------- */

static tn_status join_and_leave(void *argument)
{
    lab_member *m = argument;
    tn_comm *c = NULL;
    assert_ok(m->all->make_id(&m->join.id));
    const tn_status status = m->all->join(m->raw.d, &m->join, &c);
    m->all->leave(c);
    return status;
}

static void fails_each_allocation(lab_member *m)
{
    assert_ok(join_and_leave(m)); /* what the device makes once */
    assert_true(lab_fail_each_allocation(join_and_leave, m) >= 2);
}

static void every_allocation_may_fail(void **unused)
{
    (void)unused;
    lab_ranks_run(&(lab_ranks){.ranks = 1, .alone = true}, fails_each_allocation);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_that_is_late_is_told),
        cmocka_unit_test(one_that_never_joins_is_told),
        cmocka_unit_test(a_device_that_is_slow_is_waited_for),
        cmocka_unit_test(an_abort_lets_go_of_who_waits),
        cmocka_unit_test(a_sum_that_fails_is_told_to_all),
        cmocka_unit_test(every_call_may_fail),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
