/*
 * Images on their way to a GPU: from any memory of the host, from memory that the device copies from by itself,
 * and from a loader that fills such. The host may write anew as soon as tn_plan_set() returns.
 */
#include <stdio.h>
#include <string.h>

#include "lab_op.h"
#include "lab_set.h"
#include "lab_sim.h"

/* More bytes than are worth a copy on the host, also in half of the rows. */
enum { ROWS = 4, HEIGHT = 96, WIDTH = 128, BYTES = ROWS * HEIGHT * WIDTH * 3, BATCHES = 5 };

typedef struct rig {
    tn_device *device;
    tn_graph *g;
    tn_value image, y;
    tn_plan *plan;
} rig;

static void open(rig *r, const char *device)
{
    assert_ok(tn_device_open(&r->device, device));
    assert_ok(tn_graph_create(&r->g));
    r->image = tn_input(r->g, "image", TN_U8, TN_SHAPE(ROWS, HEIGHT, WIDTH, 3));
    r->y = tn_pool2d(r->g, tn_image_input(r->g, r->image, NULL),
                     &(tn_pool2d_opts){.kind = TN_POOL_MEAN, .global = true});
    assert_ok(tn_plan_create(
        &r->plan, r->g, r->device,
        &(tn_plan_opts){.keep = &r->y, .num_keep = 1, .precision = TN_PRECISION_F32}));
}

static void close(rig *r)
{
    tn_plan_destroy(r->plan);
    tn_graph_destroy(r->g);
    tn_device_close(r->device);
}

static uint8_t pixel(int batch, int i)
{
    return (uint8_t)(7 * batch + (i % 3 + 1) * i);
}

/* Each batch is written over as soon as it was set; what comes of it must be its own. */
static void run_batches(rig *r, uint8_t *memory)
{
    double want[ROWS * 3];
    float got[ROWS * 3];
    for (int batch = 0; batch < BATCHES; batch++) {
        memset(want, 0, sizeof want);
        for (int i = 0; i < BYTES; i++) {
            memory[i] = pixel(batch, i);
            want[i / (BYTES / ROWS) * 3 + i % 3] += (double)memory[i] / (HEIGHT * WIDTH);
        }
        const tn_tensor images = {TN_U8, TN_SHAPE(ROWS, HEIGHT, WIDTH, 3), memory};
        assert_ok(tn_plan_set(r->plan, r->image, images));
        memset(memory, 0xff, BYTES);
        assert_ok(tn_plan_evaluate(r->plan));
        if (batch % 2) /* the next one is set before this one is looked at */
            continue;
        assert_ok(tn_plan_get(r->plan, r->y, (tn_tensor){TN_F32, TN_SHAPE(ROWS, 3, 1, 1), got}));
        lab_assert_close("y", got, want, ROWS * 3, 0);
    }
}

static void any_memory_will_do(void **unused)
{
    (void)unused;
    static uint8_t plain[BYTES];
    enum { BEFORE = 192 };
    for (const char *const *device = lab_devices(); *device; device++) {
        rig r;
        void *own = NULL;
        print_message("%s\n", *device);
        open(&r, *device);
        run_batches(&r, plain);
        assert_ok(tn_device_host_alloc(r.device, BEFORE + BYTES, &own));
        assert_int_equal((uintptr_t)own % 64, 0);
        run_batches(&r, own);
        run_batches(&r, (uint8_t *)own + BEFORE);
        tn_device_host_free(r.device, own);
        tn_device_host_free(r.device, NULL);
        assert_fails(tn_device_host_alloc(r.device, 0, &own), TN_ERR_ARGUMENT, "no bytes");
        close(&r);
    }
}

/* Whatever order streams run in. */
static void the_device_copies_by_itself(void **unused)
{
    (void)unused;
    lab_need_sim(sim);
    rig r;
    void *own;
    for (uint64_t seed = 0; seed < 4; seed++) {
        sim->set_seed(seed);
        open(&r, "sim:0");
        assert_ok(tn_device_host_alloc(r.device, BYTES, &own));
        run_batches(&r, own);
        tn_device_host_free(r.device, own);
        close(&r);
    }
    sim->set_seed(0);
    open(&r, "sim:0");
    sim->fail_at("cudaHostAlloc", 1);
    assert_fails(tn_device_host_alloc(r.device, BYTES, &own), TN_ERR_MEMORY, "sim:0");
    sim->fail_at("cudaPointerGetAttributes", 1);
    static uint8_t plain[BYTES];
    const tn_tensor images = {TN_U8, TN_SHAPE(ROWS, HEIGHT, WIDTH, 3), plain};
    assert_fails(tn_plan_set(r.plan, r.image, images), TN_ERR_DEVICE,
                 "sim:0: cudaPointerGetAttributes");
    close(&r);
    sim->check_leaks();
}

/* Each GPU of a group takes its rows from where the batch lies. */
static void several_devices_take_their_rows(void **unused)
{
    (void)unused;
    lab_need_sim(sim);
    rig r;
    void *own;
    sim->set_devices(2);
    open(&r, "sim:0-1");
    assert_ok(tn_device_host_alloc(r.device, BYTES, &own));
    sim->trace_begin();
    run_batches(&r, own);
    for (int d = 0; d < 2; d++) {
        assert_int_equal(sim->trace_device(d).copies_to_device, BATCHES);
        assert_int_equal(sim->trace_device(d).bytes_to_device, BATCHES * BYTES / 2);
    }
    tn_device_host_free(r.device, own);
    close(&r);
    sim->check_leaks();
}

/* A loader gives the same batches in a device's memory. */
static void loaders_fill_it(void **unused)
{
    (void)unused;
    char root[1024];
    snprintf(root, sizeof root, "%s", lab_make_folder());
    lab_write_classes(root, 2, 3);
    tn_dataset *set = NULL;
    assert_ok(tn_dataset_open(&set, &(tn_dataset_opts){.path = root}));
    for (const char *const *device = lab_devices(); *device; device++) {
        tn_device *d = NULL;
        tn_loader *plain = NULL, *own = NULL;
        tn_loader_opts opts = {.batch = 4, .height = 16, .width = 20, .shuffle = true, .seed = 5};
        assert_ok(tn_device_open(&d, *device));
        assert_ok(tn_loader_open(&plain, set, &opts));
        opts.device = d;
        assert_ok(tn_loader_open(&own, set, &opts));
        for (int i = 0; i < 6; i++) {
            tn_batch a, b;
            const tn_status status = tn_loader_next(plain, &a);
            assert_int_equal(tn_loader_next(own, &b), status);
            if (status == TN_OK)
                assert_memory_equal(b.images.data, a.images.data, (size_t)4 * 16 * 20 * 3);
        }
        tn_loader_close(own);
        tn_loader_close(plain);
        tn_device_close(d);
    }
    tn_dataset_close(set);
    lab_remove(root);
    if (lab_find_sim())
        lab_find_sim()->check_leaks();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_memory_will_do),
        cmocka_unit_test(the_device_copies_by_itself),
        cmocka_unit_test(several_devices_take_their_rows),
        cmocka_unit_test(loaders_fill_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
