/*
 * Several GPUs as one, below the plan: sums and what waits for them, in recordings too, and what happens if
 * somebody fails. With TENON_TEST_GPU what needs one device runs on the real one.
 */
#include <stdatomic.h>
#include <string.h>

#include "backends/cuda/lab_ranks.h"
#include "base/thread.h"
#include "lab_sim.h"

enum { N = 1000, BYTES = N * (int)sizeof(float) };

/* ---- numbers on a device: N of them, all the same ------------------------------------------ */

static float *take(const lab_member *m, float value)
{
    float x[N];
    for (int i = 0; i < N; i++)
        x[i] = value;
    return lab_raw_take(&m->raw, x, sizeof x);
}

static void give(const lab_member *m, float *p)
{
    lab_raw_give(&m->raw, p);
}

static float value_of(const lab_member *m, const float *p)
{
    float x[N];
    lab_raw_get(&m->raw, x, p, sizeof x);
    for (int i = 1; i < N; i++)
        assert_true(x[i] == x[0]);
    return x[0];
}

/* Work of the device's: y += x. */
static void add(const lab_member *m, float *y, const float *x)
{
    assert_ok(m->raw.b->accumulate(m->raw.d, NULL, y, x, BYTES));
}

static float sum_of_ranks(const lab_member *m)
{
    return (float)(m->ranks * (m->ranks + 1) / 2);
}

static const lab_sim *simulated(void)
{
    return getenv("TENON_TEST_GPU") ? NULL : lab_find_sim();
}

/* On the simulated GPU for 1, 2, 4 and 8 of them, in several orders of what may happen. */
static void for_all_sizes(lab_ranks g, void (*body)(lab_member *m))
{
    static const int sizes[] = {1, 2, 4, 8};
    const lab_sim *sim = simulated();
    for (size_t i = 0; i < (sim ? TN_COUNT(sizes) : 1); i++)
        for (uint64_t seed = 0; seed < (sim && !LAB_SLOW ? 4 : 1); seed++) {
            if (sim)
                sim->set_seed(seed);
            g.ranks = sizes[i];
            lab_ranks_run(&g, body);
        }
    if (sim) {
        sim->set_seed(0);
        sim->check_leaks();
    }
}

/* ---- sums --------------------------------------------------------------------------------- */

static void sums(lab_member *m)
{
    const float all = sum_of_ranks(m);
    float *x = take(m, (float)(m->rank + 1)), *y = take(m, 0.5F), *z = take(m, (float)m->rank);
    assert_ok(m->all->all_reduce(m->comm, TN_MARK_NONE, x, N, TN_F32));
    assert_true(value_of(m, x) == all);
    assert_ok(m->all->all_reduce(m->comm, TN_MARK_NONE, x, N, TN_F32));
    add(m, y, x);
    assert_true(value_of(m, y) == all * (float)m->ranks + 0.5F);
    add(m, y, z);
    const int root = m->ranks - 1;
    assert_ok(m->all->broadcast(m->comm, y, BYTES, root));
    assert_true(value_of(m, y) == all * (float)m->ranks + 0.5F + (float)root);
    assert_ok(m->all->all_reduce(m->comm, TN_MARK_NONE, x, 0, TN_F32)); /* nothing is fine */
    assert_ok(m->all->barrier(m->comm));
    assert_ok(m->all->check(m->comm));
    assert_int_equal(m->all->finished(m->comm), 0); /* none had a mark */
    give(m, x);
    give(m, y);
    give(m, z);
}

static void sums_are_the_same_for_all(void **unused)
{
    (void)unused;
    for_all_sizes((lab_ranks){0}, sums);
}

/* What bf16 has no place for is gone before the sum. */
static void sums_in_half(lab_member *m)
{
    float *x = take(m, 1 + 1.0F / 512);
    assert_ok(m->raw.b->mark(m->raw.d, 3));
    assert_ok(m->all->all_reduce(m->comm, 3, x, N, TN_BF16));
    assert_ok(m->raw.b->await(m->raw.d, 3));
    assert_true(value_of(m, x) == (float)m->ranks);
    assert_fails(m->all->all_reduce(m->comm, 3, x, N + 1, TN_BF16), TN_ERR_ARGUMENT,
                 "a sum of 1001 elements as bf16: f32 and up to 1000 of bf16 are possible");
    assert_fails(m->all->all_reduce(m->comm, 3, x, N, TN_F16), TN_ERR_ARGUMENT, "as f16");
    give(m, x);
}

static void sums_may_travel_in_bf16(void **unused)
{
    (void)unused;
    for_all_sizes((lab_ranks){.most_bf16 = N}, sums_in_half);
}

static void tells_what_it_is(lab_member *m)
{
    const char *text = m->all->describe(m->comm);
    assert_non_null(strstr(text, "NCCL 2."));
    assert_non_null(strstr(text, "/dev/shm"));
    if (simulated()) /* four are linked by NVLink to each other, and all by PCIe */
        assert_non_null(strstr(text, m->ranks == 1   ? "over nothing: it is alone"
                                     : m->ranks <= 4 ? "over NVLink; "
                                                     : "over NVLink (3 of 7), PCIe (4 of 7); "));
}

static void links_are_told(void **unused)
{
    (void)unused;
    for_all_sizes((lab_ranks){0}, tells_what_it_is);
}

/* ---- marks -------------------------------------------------------------------------------- */

/* x, which is summed, is made before the mark; y is work that goes on after it. */
static float step_with_mark(lab_member *m, bool wait)
{
    float *x = take(m, 0), *y = take(m, 0), *z = take(m, (float)(m->rank + 1));
    add(m, x, z);
    assert_ok(m->raw.b->mark(m->raw.d, 0));
    for (int i = 0; i < 5; i++)
        add(m, y, z);
    assert_ok(m->all->all_reduce(m->comm, 0, x, N, TN_F32));
    if (wait)
        assert_ok(m->raw.b->await(m->raw.d, 0));
    add(m, y, x);
    const float got = value_of(m, y);
    assert_ok(m->all->barrier(m->comm)); /* or memory that is summed would go */
    give(m, x);
    give(m, y);
    give(m, z);
    return got - 5 * (float)(m->rank + 1);
}

static void waits(lab_member *m)
{
    for (int round = 1; round <= 3; round++) {
        assert_true(step_with_mark(m, true) == sum_of_ranks(m));
        assert_int_equal(m->all->finished(m->comm), round);
    }
}
static void does_not_wait(lab_member *m)
{
    if (step_with_mark(m, false) != sum_of_ranks(m))
        atomic_fetch_add((atomic_int *)m->note, 1);
}

static void work_waits_for_its_sums_alone(void **unused)
{
    (void)unused;
    for_all_sizes((lab_ranks){0}, waits);
    if (!simulated())
        return;
    /* Nothing happens there that nobody waits for; whoever is first waits for no sum. */
    atomic_int wrong = 0;
    lab_ranks_run(&(lab_ranks){.ranks = 2, .note = &wrong}, does_not_wait);
    assert_in_range(wrong, 1, 2);
}

static void misuses_marks(lab_member *m)
{
    float *x = take(m, 1);
    assert_fails(m->raw.b->mark(m->raw.d, TN_MAX_MARKS), TN_ERR_ARGUMENT, "64 is no mark: 0 to 63");
    assert_fails(m->raw.b->mark(m->raw.d, -1), TN_ERR_ARGUMENT, "-1 is no mark");
    assert_fails(m->raw.b->await(m->raw.d, 2), TN_ERR_DEVICE,
                 "mark 2 is waited for before anything was reduced");
    assert_fails(m->all->all_reduce(m->comm, 2, x, N, TN_F32), TN_ERR_DEVICE,
                 "mark 2 is reduced before any run has set it");
    assert_ok(m->raw.b->capture_begin(m->raw.d));
    assert_fails(m->all->all_reduce(m->comm, TN_MARK_NONE, x, N, TN_F32), TN_ERR_DEVICE,
                 "a collective is asked for in a recording");
    void *recording;
    char why[256];
    assert_ok(m->raw.b->capture_end(m->raw.d, false, &recording, why, sizeof why));
    give(m, x);
}

static void marks_are_checked(void **unused)
{
    (void)unused;
    lab_ranks_run(&(lab_ranks){.ranks = 1}, misuses_marks);
}

/* The host may be far ahead of the device, but not without end. */
static void asks_for_many(lab_member *m)
{
    enum { MANY = 200 };
    float *x = take(m, 0), *one = take(m, 1), *y = take(m, 0);
    for (int i = 0; i < MANY; i++) {
        assert_ok(m->raw.b->mark(m->raw.d, i % 3));
        assert_ok(m->all->all_reduce(m->comm, i % 3, one, N, TN_F32));
        assert_ok(m->raw.b->await(m->raw.d, i % 3));
        assert_ok(m->raw.b->fill(m->raw.d, one, 0, BYTES));
        add(m, y, one);
    }
    assert_true(value_of(m, y) == 0);
    assert_int_equal(m->all->finished(m->comm), MANY);
    give(m, x);
    give(m, y);
    give(m, one);
}

static void the_host_is_not_too_far_ahead(void **unused)
{
    (void)unused;
    lab_ranks_run(&(lab_ranks){.ranks = simulated() ? 2 : 1}, asks_for_many);
}

/* ---- recordings --------------------------------------------------------------------------- */

/* A run: x[k] += z, mark k, for each bucket k, and work on w behind them. An update: for each, await, y += x[k],
 * x[k] = 0. */
enum { BUCKETS = 3, BEHIND = 20 };
typedef struct net {
    float *x[BUCKETS], *y, *z, *w;
} net;

static void run(const lab_member *m, const net *n)
{
    for (int k = 0; k < BUCKETS; k++) {
        add(m, n->x[k], n->z);
        assert_ok(m->raw.b->mark(m->raw.d, k));
        for (int i = 0; i < BEHIND; i++)
            add(m, n->w, n->z);
    }
}
static void update(const lab_member *m, const net *n)
{
    for (int k = 0; k < BUCKETS; k++) {
        assert_ok(m->raw.b->await(m->raw.d, k));
        add(m, n->y, n->x[k]);
        assert_ok(m->raw.b->fill(m->raw.d, n->x[k], 0, BYTES));
    }
}
static void reduce(const lab_member *m, const net *n, int k)
{
    assert_ok(m->all->all_reduce(m->comm, k, n->x[k], N, TN_F32));
}

static void *record(const lab_member *m, const net *n,
                    void (*what)(const lab_member *m, const net *n))
{
    void *recording;
    char why[256];
    assert_ok(m->raw.b->capture_begin(m->raw.d));
    what(m, n);
    assert_ok(m->raw.b->capture_end(m->raw.d, true, &recording, why, sizeof why));
    if (!recording)
        fail_msg("%s", why);
    return recording;
}

/* While the first bucket is summed the run is not yet through, on a device where nothing happens that nobody
 * waits for. */
static void see_overlap(const lab_member *m, long before)
{
    const lab_sim *sim = simulated();
    while (m->all->finished(m->comm) % BUCKETS == 0)
        assert_ok(m->all->check(m->comm));
    const long done = sim->trace_device(m->rank).work - before;
    assert_in_range(done, 1, BUCKETS * BEHIND / 2);
}

/* A real GPU has enough to do with this that the host asks for several steps meanwhile. */
static void *keep_busy(const lab_member *m)
{
    const size_t bytes = (size_t)256 << 20;
    void *x = NULL;
    if (simulated())
        return NULL;
    assert_ok(m->raw.b->alloc(m->raw.d, bytes, &x));
    for (int i = 0; i < 500; i++)
        assert_ok(m->raw.b->accumulate(m->raw.d, NULL, x, x, bytes));
    return x;
}

static void replays(lab_member *m)
{
    const bool overlap = m->note;
    net n = {.y = take(m, 0), .z = take(m, (float)(m->rank + 1)), .w = take(m, 0)};
    for (int k = 0; k < BUCKETS; k++)
        n.x[k] = take(m, 0);
    run(m, &n); /* the first as it is */
    for (int k = 0; k < BUCKETS; k++)
        reduce(m, &n, k);
    update(m, &n);
    assert_ok(m->raw.b->wait(m->raw.d)); /* nobody records while a sum is under way */
    lab_ranks_meet(m);
    void *step = record(m, &n, run), *end = record(m, &n, update);
    lab_ranks_meet(m);
    enum { STEPS = 3 };
    void *busy = keep_busy(m);
    for (int i = 0; i < STEPS; i++) { /* the host waits for none of them */
        if (overlap) {
            assert_ok(m->all->barrier(m->comm));
            assert_ok(m->raw.b->wait(m->raw.d));
        }
        const long before = overlap ? simulated()->trace_device(m->rank).work : 0;
        assert_ok(m->raw.b->replay(m->raw.d, step));
        reduce(m, &n, 0);
        if (overlap)
            see_overlap(m, before);
        for (int k = 1; k < BUCKETS; k++)
            reduce(m, &n, k);
        assert_ok(m->raw.b->replay(m->raw.d, end));
    }
    assert_true(value_of(m, n.y) == BUCKETS * (STEPS + 1) * sum_of_ranks(m));
    assert_true(value_of(m, n.w) == BUCKETS * BEHIND * (STEPS + 1) * (float)(m->rank + 1));
    m->raw.b->recording_destroy(m->raw.d, step);
    lab_raw_give(&m->raw, busy);
    m->raw.b->recording_destroy(m->raw.d, end);
    for (int k = 0; k < BUCKETS; k++)
        give(m, n.x[k]);
    give(m, n.y);
    give(m, n.z);
    give(m, n.w);
}

static void recordings_have_their_marks(void **unused)
{
    (void)unused;
    for_all_sizes((lab_ranks){0}, replays);
}

static void sums_begin_before_the_run_ends(void **unused)
{
    (void)unused;
    const lab_sim *sim = simulated();
    if (!sim) {
        print_message("skipped: seen from the trace of the simulated GPU\n");
        skip();
    }
    sim->trace_begin();
    lab_ranks_run(&(lab_ranks){.ranks = 2, .note = "overlap"}, replays);
    sim->check_leaks();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_are_the_same_for_all),
        cmocka_unit_test(sums_may_travel_in_bf16),
        cmocka_unit_test(links_are_told),
        cmocka_unit_test(work_waits_for_its_sums_alone),
        cmocka_unit_test(marks_are_checked),
        cmocka_unit_test(the_host_is_not_too_far_ahead),
        cmocka_unit_test(recordings_have_their_marks),
        cmocka_unit_test(sums_begin_before_the_run_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
