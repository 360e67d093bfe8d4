/*
 * A bucket is marked when all of its gradients are there, and only then: what is in it does not change any more until
 * sums are taken. Both calls go through here (the linker's --wrap); on CPUs the arenas are the host's memory.
 */
#include <string.h>

#include "group/lab_group.h"
#include "run/run.h"

enum { REPLICAS = 2, MOST = GROUP_MOST_PARAMS };

/* Of each replica's last run. */
static struct {
    float at_mark[MOST];
    int marked;
    bool early; /* a gradient came later */
} seen[REPLICAS];

tn_status __real_tn_plan_bucket_done(tn_plan *p, int bucket);
tn_status __wrap_tn_plan_bucket_done(tn_plan *p, int bucket);
tn_status __wrap_tn_plan_bucket_done(tn_plan *p, int bucket)
{
    const tn_bucket *b = &p->bucket[bucket];
    memcpy(seen[p->share.rank].at_mark + b->begin, p->gradients + b->begin,
           (b->end - b->begin) * sizeof(float));
    seen[p->share.rank].marked++;
    return __real_tn_plan_bucket_done(p, bucket);
}

tn_status __real_tn_plan_reduce(tn_plan *p);
tn_status __wrap_tn_plan_reduce(tn_plan *p);
tn_status __wrap_tn_plan_reduce(tn_plan *p)
{
    seen[p->share.rank].early |=
        memcmp(seen[p->share.rank].at_mark, p->gradients, p->trained_count * sizeof(float)) != 0;
    return __real_tn_plan_reduce(p);
}

/* Several layers read a parameter, as theirs and as an input, the last of them first in the graph; one is frozen. */
static void shared_parameters(lab_group *s)
{
    assert_ok(tn_graph_create(&s->g));
    tn_graph *g = s->g;
    const tn_param_opts halves = {.init = {.kind = TN_INIT_CONSTANT, .value = 0.5F}};
    s->image = tn_input(g, "image", TN_U8, TN_SHAPE(GROUP_ROWS, GROUP_SIDE, GROUP_SIDE, 1));
    s->label = tn_input(g, "label", TN_I32, TN_SHAPE(GROUP_ROWS));
    const tn_value square = tn_param(g, "square", TN_SHAPE(12, 12), NULL);
    const tn_value shift = tn_param(g, "shift", TN_SHAPE(12), &halves);
    const tn_value frozen = tn_param(g, "frozen", TN_SHAPE(12), &(tn_param_opts){.frozen = true});
    tn_value x = tn_image_input(g, s->image, &(tn_image_input_opts){.scale = {1 / 256.F}});
    x = tn_dense(g, x, &(tn_dense_opts){.units = 12});
    for (int i = 0; i < 3; i++) {
        const tn_dense_opts tied = {
            .units = 12, .weight.value = square, .bias.value = i == 1 ? frozen : shift};
        x = tn_tanh(g, tn_dense(g, x, &tied), NULL);
        x = tn_dense(g, x, &(tn_dense_opts){.units = 12});
    }
    x = tn_mul(g, x, shift, NULL);
    s->logits = tn_dense(g, x, &(tn_dense_opts){.units = GROUP_CLASSES});
    s->loss = tn_softmax_xent(g, s->logits, s->label, NULL);
}

static void check(lab_group *s, const char *why, size_t bucket_bytes)
{
    assert_true(tn_plan_first(s->plan)->trained_count <= MOST);
    const int buckets = tn_plan_first(s->plan)->num_buckets;
    print_message("%s, %zu bytes: %d buckets\n", why, bucket_bytes, buckets);
    assert_true(bucket_bytes == 0 ? buckets == 1 : buckets > 3);
    memset(seen, 0, sizeof seen);
    for (int i = 0; i < 4; i++)
        assert_ok(lab_group_step(s, i, 1));
    for (int r = 0; r < REPLICAS; r++) {
        if (seen[r].early)
            fail_msg(
                "%s, buckets of %zu bytes: one is marked before all of its gradients are there",
                why, bucket_bytes);
        assert_int_equal(seen[r].marked, 4 * buckets);
    }
}

static void buckets_are_whole_when_they_are_marked(void **unused)
{
    (void)unused;
    static const size_t sizes[] = {0, 1, 600, 2000};
    static const char *const nets[] = {"lenet", "resnet", "shared parameters"};
    for (int net = 0; net < 3; net++)
        for (size_t i = 0; i < TN_COUNT(sizes); i++) {
            lab_group s = {0};
            tn_plan_opts opts = {.optim = tn_sgd(NULL), .bucket_bytes = sizes[i]};
            if (net < 2) {
                assert_ok(lab_group_open(&s, "cpu:0-1,threads=2", (lab_net)net, opts));
            } else {
                shared_parameters(&s);
                opts.loss = s.loss.loss;
                assert_ok(tn_device_open(&s.device, "cpu:0-1,threads=2"));
                assert_ok(tn_plan_create(&s.plan, s.g, s.device, &opts));
            }
            check(&s, nets[net], sizes[i]);
            lab_group_close(&s);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(buckets_are_whole_when_they_are_marked)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
