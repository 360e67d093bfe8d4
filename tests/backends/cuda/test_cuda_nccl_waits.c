/*
 * Whoever on the host waits for a device that waits for another one tells so: the rank and the sum.
 */
#include <stdio.h>
#include <string.h>

#include "backends/cuda/lab_ranks.h"
#include "lab_sim.h"

enum { N = 1000 };

/* All ways in which the host waits for a device that waits for the second one. */
static tn_status reads_control(const lab_member *m, void *memory)
{
    tn_control_report r;
    return m->raw.b->control_get(m->raw.d, memory, &r);
}

static tn_status sends_an_input(const lab_member *m, void *memory)
{
    enum { SENT = 1 << 16 };
    const tn_backend *b = m->raw.b;
    void *inlet = NULL, *host = NULL, *stage = NULL;
    TN_TRY(b->host_alloc(m->raw.d, SENT, &host));
    TN_TRY(b->alloc(m->raw.d, 2 * SENT, &stage));
    TN_TRY(b->inlet_create(m->raw.d, memory, stage, SENT, &inlet));
    memset(host, 0, SENT);
    tn_status status = TN_OK;
    for (int i = 0; i < 3 && status == TN_OK; i++) /* the third waits for the first */
        status = b->inlet_push(inlet, host);
    m->all->abort(m->comm); /* now the device goes on */
    b->inlet_destroy(inlet);
    char said[512];
    snprintf(said, sizeof said, "%s", tn_error());
    b->free(m->raw.d, stage);
    b->host_free(m->raw.d, host);
    return status == TN_OK ? TN_OK : tn_fail(status, "%s", said);
}

static tn_status waits_for_all(const lab_member *m, void *memory)
{
    (void)memory;
    return m->raw.b->wait(m->raw.d);
}

static void second_stays_away(lab_member *m)
{
    static tn_status (*const ways[])(const lab_member *m,
                                     void *memory) = {reads_control, sends_an_input, waits_for_all};
    const int *way = m->note;
    void *memory = NULL;
    const float zeros[N] = {0};
    float *x = lab_raw_take(&m->raw, zeros, sizeof zeros);
    assert_ok(m->raw.b->alloc(m->raw.d, 1 << 16, &memory));
    assert_ok(m->raw.b->fill(m->raw.d, memory, 0, 1 << 16));
    assert_ok(m->all->barrier(m->comm));
    if (m->rank == 0) {
        assert_ok(m->raw.b->mark(m->raw.d, 0));
        assert_ok(m->all->all_reduce(m->comm, 0, x, N, TN_F32));
        assert_ok(m->raw.b->await(m->raw.d, 0));
        assert_fails(ways[*way](m, memory), TN_ERR_DEVICE,
                     "sim:0: rank 0 of 2 has waited 0.3 s for the other devices of its group, in "
                     "collective 3, which sums 1000 elements of mark 0");
    }
    lab_ranks_meet(m);
    m->all->abort(m->comm);
    m->raw.b->free(m->raw.d, memory);
    lab_raw_give(&m->raw, x);
}

static void whatever_waits_tells_it(void **unused)
{
    (void)unused;
    lab_need_sim(sim);
    for (int way = 0; way < 3; way++) {
        lab_ranks_run(&(lab_ranks){.ranks = 2, .stall = 0.3, .note = &way}, second_stays_away);
        sim->check_leaks();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whatever_waits_tells_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
