/*
 * The watch over a team, and the meetings of threads: who is blamed, and that all come back.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "backends/collective.h"
#include "base/thread.h"
#include "group/team.h"
#include "lab.h"

enum { MEMBERS = 4 };

/* What the members of a team share, and how each behaves. */
typedef struct stage {
    tn_team *team;
    tn_comm_id id;
    tn_comm *comm[MEMBERS];
    atomic_llong progress[MEMBERS];
    atomic_int given_up;
    int odd;        /* the member that */
    tn_status fail; /* returns this, */
    double sleep;   /* or is away for so long, */
    int errors;     /* or finds an error without being asked */
    tn_status result[MEMBERS];
} stage;

static int64_t progress(void *owner, int member)
{
    return atomic_load(&((stage *)owner)->progress[member]);
}

static tn_status check(void *owner, int member)
{
    const stage *s = owner;
    return s->errors && member == s->odd ? tn_fail(TN_ERR_DEVICE, "found something") : TN_OK;
}

static void give_up(void *owner)
{
    stage *s = owner;
    atomic_store(&s->given_up, 1);
    for (int i = 0; i < MEMBERS; i++)
        if (s->comm[i])
            tn_host_collectives.abort(s->comm[i]);
}

static tn_status join(void *arg, int member)
{
    stage *s = arg;
    const tn_join_opts opts = {.id = s->id, .rank = member, .ranks = MEMBERS, .stall = 60};
    return tn_host_collectives.join(NULL, &opts, &s->comm[member]);
}

static tn_status leave(void *arg, int member)
{
    stage *s = arg;
    if (s->comm[member])
        tn_host_collectives.leave(s->comm[member]);
    s->comm[member] = NULL;
    return TN_OK;
}

static tn_status work(void *arg, int member)
{
    stage *s = arg;
    if (member == s->odd && s->fail != TN_OK)
        return tn_fail(s->fail, "of its own");
    for (double begun = tn_now(); member == s->odd && tn_now() - begun < s->sleep;)
        if (atomic_load(&s->given_up))
            return tn_fail(TN_END, "woken");
        else
            lab_nap(0.01);
    atomic_fetch_add(&s->progress[member], 1);
    return tn_host_collectives.barrier(s->comm[member]);
}

static void the_one_at_fault_is_named(void **unused)
{
    (void)unused;
    const struct {
        const char *why, *text;
        stage stage;
        tn_status status;
    } cases[] = {
        {"an error while the others wait",
         "of its own",
         {.odd = 2, .fail = TN_ERR_MEMORY},
         TN_ERR_MEMORY},
        {"one that does not go on",
         "has not gone on for 0.3 s",
         {.odd = 1, .sleep = 600},
         TN_ERR_DEVICE},
        {"an error that only the watch sees",
         "found something",
         {.odd = 3, .errors = 1, .sleep = 600},
         TN_ERR_DEVICE},
        {"one that fails because of the others is not at fault alone",
         "of its own",
         {.odd = 0, .fail = TN_END},
         TN_ERR_DEVICE},
    };
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        stage s = cases[i].stage;
        tn_team *team = NULL;
        int failed;
        print_message("%s\n", cases[i].why);
        assert_ok(tn_team_start(&team, &(tn_team_opts){.members = MEMBERS,
                                                       .stall = 0.3,
                                                       .owner = &s,
                                                       .progress = progress,
                                                       .check = check,
                                                       .give_up = give_up}));
        assert_ok(tn_host_collectives.make_id(&s.id));
        assert_ok(tn_team_do(team, TN_TEAM_PREPARE, join, &s, &failed));
        assert_int_equal(failed, -1);
        const double begun = tn_now();
        assert_fails(tn_team_do(team, TN_TEAM_TOGETHER, work, &s, &failed), cases[i].status,
                     cases[i].text);
        assert_true(tn_now() - begun < 20); /* far less than the 60 s of the meeting itself */
        assert_int_equal(failed, s.odd);
        assert_true(tn_team_failed(team));
        assert_fails(tn_team_do(team, TN_TEAM_PREPARE, leave, &s, &failed), cases[i].status,
                     cases[i].text);
        for (int m = 0; m < MEMBERS; m++)
            leave(&s, m);
        tn_team_end(team);
    }
}

/* Goes on slowly, longer than `stall` in all. */
static tn_status dawdle(void *arg, int member)
{
    stage *s = arg;
    for (int i = 0; i < 8; i++) {
        lab_nap(0.1);
        atomic_fetch_add(&s->progress[member], 1);
    }
    return TN_OK;
}

static tn_status refuse(void *arg, int member)
{
    (void)arg;
    return member == 1 ? tn_fail(TN_ERR_SHAPE, "does not fit") : TN_OK;
}

static void slow_is_not_stalled_and_a_mistake_is_not_the_end(void **unused)
{
    (void)unused;
    stage s = {.odd = -1};
    tn_team *team = NULL;
    int failed;
    assert_ok(tn_team_start(&team, &(tn_team_opts){.members = MEMBERS,
                                                   .stall = 0.4,
                                                   .owner = &s,
                                                   .progress = progress,
                                                   .check = check,
                                                   .give_up = give_up}));
    assert_ok(tn_team_do(team, TN_TEAM_TOGETHER, dawdle, &s, &failed));
    assert_fails(tn_team_do(team, TN_TEAM_PREPARE, refuse, &s, &failed), TN_ERR_SHAPE,
                 "does not fit");
    assert_int_equal(failed, 1);
    assert_false(tn_team_failed(team));
    assert_ok(tn_team_do(team, TN_TEAM_TOGETHER, dawdle, &s, &failed));
    tn_team_end(team);
    tn_team_end(NULL);
}

/* ---- members that meet ---------------------------------------------------------------------- */

/* Nobody is a meeting ahead; or one fails, and the others come back. */
static tn_status meet_often(void *arg, int member)
{
    enum { MEETINGS = 50 };
    stage *s = arg;
    tn_team *team = s->team;
    for (int i = 0; i < MEETINGS; i++) {
        if (s->fail != TN_OK && member == s->odd && i == MEETINGS / 2)
            return tn_fail(s->fail, "of its own");
        atomic_fetch_add(&s->progress[member], 1);
        TN_TRY(tn_team_meet(team));
        for (int k = 0; k < MEMBERS; k++)
            if (atomic_load(&s->progress[k]) != i + 1)
                return tn_fail(TN_ERR_ARGUMENT, "member %d has not come to meeting %d", k, i);
        TN_TRY(tn_team_meet(team));
    }
    return TN_OK;
}

static void members_meet(void **unused)
{
    (void)unused;
    for (int fails = 0; fails < 2; fails++) {
        stage s = {.odd = 2, .fail = fails ? TN_ERR_IO : TN_OK};
        int failed;
        assert_ok(tn_team_start(&s.team, &(tn_team_opts){.members = MEMBERS,
                                                         .stall = 60,
                                                         .owner = &s,
                                                         .progress = progress,
                                                         .check = check,
                                                         .give_up = give_up}));
        const tn_status status = tn_team_do(s.team, TN_TEAM_TOGETHER, meet_often, &s, &failed);
        if (fails)
            assert_fails(status, TN_ERR_IO, "of its own");
        else
            assert_ok(status);
        tn_team_end(s.team);
    }
}

/* What travels as bf16 is rounded, and so is the sum: ties to even. */
static tn_status sum_halves(void *arg, int member)
{
    stage *s = arg;
    static const float given[2][MEMBERS] = {{1, 0x1p-8F, 0, 0}, {1 + 0x1p-8F, 0x1p-7F, 0, 0}};
    float x[2] = {given[0][member], given[1][member]};
    TN_TRY(tn_host_collectives.all_reduce(s->comm[member], TN_MARK_NONE, x, 2, TN_BF16));
    /* 1 + 2^-8 is between 1 and 1 + 2^-7; what was given as that has become 1, and 1 + 2^-7 is kept. */
    return x[0] == 1 && x[1] == 1 + 0x1p-7F
               ? TN_OK
               : tn_fail(TN_ERR_ARGUMENT, "sums are %a and %a", (double)x[0], (double)x[1]);
}

static void sums_in_bf16_are_rounded(void **unused)
{
    (void)unused;
    stage s = {.odd = -1};
    tn_team *team = NULL;
    int failed;
    assert_ok(tn_team_start(&team, &(tn_team_opts){.members = MEMBERS,
                                                   .stall = 60,
                                                   .owner = &s,
                                                   .progress = progress,
                                                   .check = check,
                                                   .give_up = give_up}));
    assert_ok(tn_host_collectives.make_id(&s.id));
    assert_ok(tn_team_do(team, TN_TEAM_PREPARE, join, &s, &failed));
    assert_ok(tn_team_do(team, TN_TEAM_TOGETHER, sum_halves, &s, &failed));
    assert_ok(tn_team_do(team, TN_TEAM_PREPARE, leave, &s, &failed));
    tn_team_end(team);
}

/* ---- meetings without a team ---------------------------------------------------------------- */

typedef struct lonely {
    tn_join_opts opts;
    bool comes;
    tn_status joined, waited;
    char text[128];
} lonely;

static void *join_and_wait(void *arg)
{
    lonely *l = arg;
    tn_comm *c = NULL;
    l->joined = tn_host_collectives.join(NULL, &l->opts, &c);
    if (l->joined != TN_OK)
        return NULL;
    if (l->comes) {
        l->waited = tn_host_collectives.barrier(c);
        snprintf(l->text, sizeof l->text, "%s", tn_error());
    } else {
        lab_nap(0.6);
    }
    tn_host_collectives.leave(c);
    return NULL;
}

static void who_does_not_come_is_waited_for_in_vain(void **unused)
{
    (void)unused;
    lonely l[2];
    pthread_t thread[2];
    tn_comm_id id;
    assert_ok(tn_host_collectives.make_id(&id));
    for (int i = 0; i < 2; i++) {
        l[i] = (lonely){.opts = {.id = id, .rank = i, .ranks = 2, .stall = 0.2}, .comes = i == 0};
        assert_int_equal(pthread_create(&thread[i], NULL, join_and_wait, &l[i]), 0);
    }
    for (int i = 0; i < 2; i++)
        pthread_join(thread[i], NULL);
    assert_int_equal(l[0].joined, TN_OK);
    assert_int_equal(l[0].waited, TN_ERR_DEVICE);
    assert_string_equal(l[0].text, "rank 1 of 2 did not come within 0.2 s");

    tn_comm *c = NULL;
    const tn_join_opts gone = {.id = id, .ranks = 2};
    assert_fails(tn_host_collectives.join(NULL, &gone, &c), TN_ERR_ARGUMENT, "no such group");
    const tn_join_opts outside = {.id = id, .rank = 2, .ranks = 2};
    assert_fails(tn_host_collectives.join(NULL, &outside, &c), TN_ERR_ARGUMENT, "rank 2 of 2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_one_at_fault_is_named),
        cmocka_unit_test(slow_is_not_stalled_and_a_mistake_is_not_the_end),
        cmocka_unit_test(members_meet),
        cmocka_unit_test(sums_in_bf16_are_rounded),
        cmocka_unit_test(who_does_not_come_is_waited_for_in_vain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
