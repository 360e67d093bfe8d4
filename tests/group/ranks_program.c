/*
 * What check_ranks.py starts as several ranks: ranks_program TEST. `same` compares them with one process; the others
 * break something and tell what came of it.
 */
#define _POSIX_C_SOURCE 200809L /* kill */

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "backends/backend.h"
#include "base/thread.h"
#include "group/group.h"
#include "group/lab_group.h"
#include "group/ranks_orders.h"
#include "lab_set.h"
#include "lab_sim.h"

static const char ranked[] = "mpi:cpu,threads=1";

/* ---- the same as one process ---------------------------------------------------------------- */

static tn_plan_opts with_sgd(void)
{
    return (tn_plan_opts){.optim = tn_sgd(&(tn_sgd_opts){.momentum = 0.9F})};
}

static void near(const lab_history *one, const lab_history *several)
{
    const float difference = lab_group_difference(one, several);
    if (!(difference <= 1e-5F))
        fail_msg("parameters or losses differ by %g", (double)difference);
}

/* Within rounding of one device; to the bit of as many in one process, and of itself. */
static void training_is_that_of_one_process(void **unused)
{
    (void)unused;
    static lab_history one, replicas, ranks, again;
    lab_group s;
    char together[32];
    assert_ok(lab_group_open(&s, ranked, LAB_LENET, with_sgd()));
    snprintf(together, sizeof together, "cpu:0-%d", tn_device_ranks(s.device) - 1);
    lab_group_close(&s);
    for (int clip = 0; clip < 2; clip++) {
        tn_plan_opts opts = with_sgd();
        opts.clip_norm = clip ? 1 : 0;
        opts.accumulate = 1 + clip;
        opts.bucket_bytes = 1000;
        lab_group_train("cpu,threads=1", LAB_LENET, opts, &one);
        lab_group_train(together, LAB_LENET, opts, &replicas);
        lab_group_train(ranked, LAB_LENET, opts, &ranks);
        lab_group_train(ranked, LAB_LENET, opts, &again);
        near(&one, &ranks);
        assert_memory_equal(&ranks, &replicas, sizeof ranks);
        assert_memory_equal(&ranks, &again, sizeof ranks);
    }
}

static void batchnorm_may_see_the_whole_batch(void **unused)
{
    (void)unused;
    static lab_history one, ranks;
    tn_plan_opts opts = with_sgd();
    lab_group_train("cpu,threads=1", LAB_RESNET, opts, &one);
    opts.sync_batchnorm = true;
    lab_group_train(ranked, LAB_RESNET, opts, &ranks);
    near(&one, &ranks);
}

enum { LOGITS = GROUP_ROWS * GROUP_CLASSES };

typedef struct answers {
    float loss, logits[LOGITS];
    int32_t top_1, labels[GROUP_ROWS];
    double sum;
    int64_t runs;
} answers;

static void ask(const char *device, answers *a)
{
    lab_group s;
    *a = (answers){0};
    assert_ok(lab_group_open(&s, device, LAB_LENET, with_sgd()));
    assert_ok(lab_group_step(&s, 0, 1));
    assert_ok(lab_group_set(&s, 5)); /* with rows that have no label */
    assert_ok(tn_plan_evaluate(s.plan));
    assert_ok(lab_group_loss(&s, &a->loss));
    assert_ok(tn_plan_get(s.plan, s.loss.top_1, (tn_tensor){TN_I32, {0}, &a->top_1}));
    assert_ok(tn_plan_get(s.plan, s.logits,
                          (tn_tensor){TN_F32, TN_SHAPE(GROUP_ROWS, GROUP_CLASSES), a->logits}));
    assert_ok(tn_plan_get(s.plan, s.label, (tn_tensor){TN_I32, TN_SHAPE(GROUP_ROWS), a->labels}));
    assert_ok(tn_plan_take_sum(s.plan, s.loss.top_1, &a->sum, &a->runs));
    lab_group_close(&s);
}

static void what_is_read_is_of_the_whole_batch(void **unused)
{
    (void)unused;
    static answers one, ranks;
    ask("cpu,threads=1", &one);
    ask(ranked, &ranks);
    assert_true(fabsf(one.loss - ranks.loss) <= 1e-5F);
    for (int i = 0; i < LOGITS; i++)
        assert_true(fabsf(one.logits[i] - ranks.logits[i]) <= 1e-5F);
    assert_memory_equal(one.labels, ranks.labels, sizeof one.labels);
    assert_int_equal(one.top_1, ranks.top_1);
    assert_true(one.sum == ranks.sum);
    assert_int_equal(one.runs, ranks.runs);
}

/* Rank 0 makes it, all use it. */
static const char *make_one_set(tn_device *d)
{
    static char all[4][512];
    char own[sizeof *all] = "";
    if (tn_device_rank(d) == 0) {
        snprintf(own, sizeof own, "%s", lab_make_folder());
        lab_write_classes(own, 3, 9);
        lab_write_text(lab_path(own, "class1/3.ppm"), "no image");
        lab_write_text(lab_path(own, "class2/4.ppm"), "P6 nor this");
    }
    assert_true(tn_device_ranks(d) <= (int)TN_COUNT(all));
    assert_ok(tn_device_gather(d, own, sizeof own, all));
    return all[0];
}

/* Each fills its own rows, images first, and knows the labels of all: the images of the whole batch in
 * the same order, with what holds none at the end of each rank's rows. */
static void assert_shared(const tn_device *d, const tn_batch *whole, const tn_batch *share)
{
    enum { ROWS = 8, BYTES = 16 * 16 * 3 };
    const int own = ROWS / tn_device_ranks(d);
    const int32_t *labels = share->labels.data, *wanted = whole->labels.data;
    const uint8_t *images = share->images.data, *whole_images = whole->images.data;
    const uint8_t black[BYTES] = {0};
    int count = 0;
    for (int i = 0; i < ROWS; i++) {
        const bool is_own = i / own == tn_device_rank(d), holds = labels[i] >= 0;
        assert_true(holds || labels[i] == -1);
        assert_true(!holds || i % own == 0 || labels[i - 1] >= 0);
        if (holds)
            assert_int_equal(labels[i], wanted[count]);
        if (is_own)
            assert_memory_equal(images + i * BYTES, holds ? whole_images + count * BYTES : black,
                                BYTES);
        if (holds && share->partners.data)
            assert_int_equal(((const int32_t *)share->partners.data)[i],
                             ((const int32_t *)whole->partners.data)[count]);
        if (holds && is_own && share->shares.data)
            assert_true(((const float *)share->shares.data)[i] ==
                        ((const float *)whole->shares.data)[count]);
        count += holds;
    }
    assert_int_equal(share->count, count);
    assert_int_equal(whole->count, count);
}

static void share_a_batch(float mixup)
{
    tn_device *d = NULL;
    tn_dataset *set = NULL;
    tn_loader *whole = NULL, *share = NULL;
    tn_loader_opts opts = {.batch = 8,
                           .height = 16,
                           .width = 16,
                           .shuffle = true,
                           .seed = 5,
                           .max_bad = 20,
                           .mixup = mixup};
    assert_ok(tn_device_open(&d, ranked));
    const char *folder = make_one_set(d);
    assert_ok(tn_dataset_open(&set, &(tn_dataset_opts){.path = folder}));
    assert_ok(tn_loader_open(&whole, set, &opts));
    opts.device = d;
    assert_ok(tn_loader_open(&share, set, &opts));
    tn_batch a, b;
    tn_status status;
    while ((status = tn_loader_next(whole, &a)) == TN_OK) {
        assert_ok(tn_loader_next(share, &b));
        assert_shared(d, &a, &b);
    }
    assert_int_equal(status, TN_END);
    assert_int_equal(tn_loader_num_bad(share), 2);
    for (int i = 0; i < 2; i++) {
        assert_string_equal(tn_loader_bad_path(whole, i), tn_loader_bad_path(share, i));
        assert_string_equal(tn_loader_bad_reason(whole, i), tn_loader_bad_reason(share, i));
    }
    tn_loader_close(share);
    opts.batch = 9; /* not by 2 nor 4 */
    assert_fails(tn_loader_open(&share, set, &opts), TN_ERR_ARGUMENT, "cannot share a batch of 9");
    opts.batch = 3 * tn_device_ranks(d);
    opts.mixup = 0.2F;
    assert_fails(tn_loader_open(&share, set, &opts), TN_ERR_ARGUMENT, "is an odd number for each");
    opts.mixup = mixup;
    opts.batch = 8;
    opts.max_bad = 0.1; /* one is allowed */
    assert_ok(tn_loader_open(&share, set, &opts));
    while ((status = tn_loader_next(share, &b)) == TN_OK)
        ;
    assert_int_equal(status, TN_ERR_FORMAT); /* on all ranks, with the same batch */
    tn_loader_close(share);
    tn_loader_close(whole);
    tn_dataset_close(set);
    char done[4] = "";
    assert_ok(tn_device_gather(d, &done[tn_device_rank(d)], 1, done));
    if (tn_device_rank(d) == 0)
        lab_remove(folder);
    tn_device_close(d);
}

static void loaders_share_a_batch(void **unused)
{
    (void)unused;
    share_a_batch(0);
    share_a_batch(0.4F); /* pairs are those of one process */
}

/* A sum is made in stretches of 4 Mi numbers: two whole ones, and one with less than a number for each rank. */
static tn_status sum_long(tn_plan *p, void *unused)
{
    (void)unused;
    enum { COUNT = 2 * (4 << 20) + 1, EACH = 1000 };
    const tn_share *s = &p->share;
    float *x = tn_alloc(COUNT, sizeof *x);
    tn_status status = x ? TN_OK : tn_no_memory("x", COUNT * sizeof *x);
    for (int i = 0; status == TN_OK && i < COUNT; i++)
        x[i] = (float)(i % EACH * (s->rank + 1));
    if (status == TN_OK)
        status = s->collectives->all_reduce(s->comm, TN_MARK_NONE, x, COUNT, TN_F32);
    for (int i = 0; status == TN_OK && i < COUNT; i++)
        if (x[i] != (float)(i % EACH * (s->ranks * (s->ranks + 1) / 2)))
            status = tn_fail(TN_ERR_DEVICE, "number %d of a long sum is %g", i, (double)x[i]);
    tn_free(x);
    return status;
}

static void long_sums_are_made_in_stretches(void **unused)
{
    (void)unused;
    lab_group s;
    assert_ok(lab_group_open(&s, ranked, LAB_LENET, with_sgd()));
    assert_ok(tn_group_each(s.plan->group, sum_long, NULL, 0));
    lab_group_close(&s);
}

/* Only the first writes; all are told what came of it, and go on. */
static void checkpoints_are_written_once(void **unused)
{
    (void)unused;
    lab_group s;
    assert_ok(lab_group_open(&s, ranked, LAB_LENET, with_sgd()));
    assert_ok(lab_group_step(&s, 0, 1));
    assert_fails(tn_checkpoint_save(s.plan, "/no/such/place", NULL, 0), TN_ERR_IO,
                 "rank 0: /no/such/place");
    assert_ok(lab_group_step(&s, 1, 1));
    lab_group_close(&s);
}

/* Where each process sees one GPU, its own, that is the one it takes, whatever its number on the machine. */
static void each_may_see_a_gpu_of_its_own(void **unused)
{
    (void)unused;
    lab_need_sim(sim);
    tn_device *d = NULL;
    sim->set_devices(1);
    assert_ok(tn_device_open(&d, "mpi:sim,graph=off"));
    assert_string_equal(tn_device_name(d->member[0]), "sim:0,graph=off");
    tn_device_close(d);
}

static void mistakes_are_named(void **unused)
{
    (void)unused;
    tn_device *d = NULL;
    assert_fails(tn_device_open(&d, "mpi:cpu:0-1"), TN_ERR_UNSUPPORTED, "a rank has one cpu");
    assert_fails(tn_device_open(&d, "mpi:cpu,threads=0"), TN_ERR_ARGUMENT,
                 "rank 0: cpu: option threads=0");
    assert_fails(tn_device_open(&d, "mpi:"), TN_ERR_ARGUMENT, "begins with no backend");
    lab_group s;
    tn_plan_opts opts = with_sgd();
    opts.reduce_bf16 = true;
    assert_fails(lab_group_open(&s, ranked, LAB_LENET, opts), TN_ERR_UNSUPPORTED,
                 "between ranks as f32 only");
    /* One rank forgets an input: all are told, and nobody waits. */
    uint8_t pixels[GROUP_ROWS * GROUP_PIXELS] = {0};
    const tn_shape shape = TN_SHAPE(GROUP_ROWS, GROUP_SIDE, GROUP_SIDE, 1);
    assert_ok(lab_group_open(&s, ranked, LAB_LENET, with_sgd()));
    if (tn_device_rank(s.device) == 0)
        assert_ok(tn_plan_set(s.plan, s.image, (tn_tensor){TN_U8, shape, pixels}));
    assert_ok(tn_plan_set(s.plan, s.label,
                          (tn_tensor){TN_I32, TN_SHAPE(GROUP_ROWS), (int32_t[GROUP_ROWS]){0}}));
    assert_fails(tn_plan_run(s.plan), TN_ERR_ARGUMENT, "input image has never been set");
    lab_group_close(&s);
}

static int same(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(training_is_that_of_one_process),
        cmocka_unit_test(batchnorm_may_see_the_whole_batch),
        cmocka_unit_test(what_is_read_is_of_the_whole_batch),
        cmocka_unit_test(long_sums_are_made_in_stretches),
        cmocka_unit_test(loaders_share_a_batch),
        cmocka_unit_test(checkpoints_are_written_once),
        cmocka_unit_test(orders_reach_all_ranks),
        cmocka_unit_test(each_may_see_a_gpu_of_its_own),
        cmocka_unit_test(mistakes_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* ---- what breaks ---------------------------------------------------------------------------- */

/* Rank 1 has a label that is no class; or is killed, stopped, or ends, after so many steps. */
static tn_status train(lab_group *s, const char *test)
{
    const bool victim = tn_device_rank(s->device) == 1;
    int32_t labels[GROUP_ROWS] = {0, 1, 2, 3, 0, 1, 2, 77};
    for (int i = 0; i < 1000; i++) {
        TN_TRY(lab_group_set(s, i));
        if (i == 3 && strcmp(test, "label") == 0)
            TN_TRY(
                tn_plan_set(s->plan, s->label, (tn_tensor){TN_I32, TN_SHAPE(GROUP_ROWS), labels}));
        if (i == 3 && victim && strcmp(test, "kill") == 0)
            kill(getpid(), SIGKILL);
        if (i == 3 && victim && strcmp(test, "stop") == 0)
            kill(getpid(), SIGSTOP);
        if (i == 3 && victim && strcmp(test, "end") == 0)
            return tn_fail(TN_ERR_IO, "the disk is full");
        TN_TRY(tn_plan_run(s->plan));
        TN_TRY(tn_plan_update(s->plan, 0.01F));
    }
    return TN_OK;
}

/* Rank 1 is late, for rank 0 too late: then its message must not land any more where rank 0 waited for it. */
static tn_status be_late(lab_group *s)
{
    enum { BYTES = 64 };
    unsigned char all[2 * BYTES], was[BYTES];
    const tn_ranks *ranks = s->device->ranks;
    const int rank = tn_device_rank(s->device);
    memset(all, 0xa5, sizeof all);
    memset(was, 0xa5, sizeof was);
    if (rank == 1)
        lab_nap(3);
    const tn_status status = tn_device_gather(s->device, all + rank * BYTES, BYTES, all);
    for (double begun = tn_now(); rank == 0 && tn_now() - begun < 2; lab_nap(0.01))
        ranks->check(); /* calls MPI, if it is still called */
    fprintf(stderr, "rank %d: what was not received is %s\n", rank,
            memcmp(all + (1 - rank) * BYTES, was, BYTES) ? "overwritten" : "as it was");
    if (status == TN_OK)
        return status;
    char said[1024];
    snprintf(said, sizeof said, "%s", tn_error());
    const tn_status again = tn_device_gather(s->device, all + rank * BYTES, BYTES, all);
    return again == TN_OK ? tn_fail(TN_ERR_ARGUMENT, "it goes on")
                          : tn_fail(status, "%s, then %s", said, tn_error());
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return fprintf(stderr, "usage: ranks_program same|label|kill|stop|end|late\n"), 2;
    if (strcmp(argv[1], "same") == 0)
        return same();
    lab_group s;
    tn_plan_opts opts = with_sgd();
    opts.stall = 2;
    tn_must(lab_group_open(&s, ranked, LAB_LENET, opts));
    const bool late = strcmp(argv[1], "late") == 0;
    if ((late ? be_late(&s) : train(&s, argv[1])) == TN_OK) {
        sleep(late ? 4 : 0); /* see below */
        return 0;
    }
    const int rank = tn_device_rank(s.device);
    fprintf(stderr, "rank %d ends: %s\n", rank, tn_error());
    if (strcmp(argv[1], "label") == 0 || late)
        sleep(4); /* so that mpirun does not end the others before they say why they end */
    return 1;     /* with its device open: it has failed */
}
