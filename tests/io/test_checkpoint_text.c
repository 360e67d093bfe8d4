/* What travels in a checkpoint beside tensors, and whether it can be written at all. */
#include <stdio.h>
#include <string.h>

#include "lab.h"

typedef struct net {
    tn_graph *g;
    tn_device *device;
    tn_plan *plan;
} net;

static net net_open(int64_t inputs, int64_t units, bool dry)
{
    net n = {0};
    assert_ok(tn_device_open(&n.device, "cpu"));
    assert_ok(tn_graph_create(&n.g));
    const tn_value x = tn_input(n.g, "x", TN_F32, TN_SHAPE(2, inputs)),
                   y = tn_dense(n.g, x, &(tn_dense_opts){.units = units});
    assert_ok(tn_plan_create(&n.plan, n.g, n.device,
                             &(tn_plan_opts){.keep = &y, .num_keep = 1, .dry = dry}));
    return n;
}

static void net_close(net *n)
{
    tn_plan_destroy(n->plan);
    tn_device_close(n->device);
    tn_graph_destroy(n->g);
}

static const char *folder;

static const char *file(const char *name)
{
    static char path[4][1100];
    static int next;
    char *p = path[next++ % 4];
    snprintf(p, sizeof path[0], "%s/%s", folder, name);
    return p;
}

static void where_nothing_can_be_saved(void **state)
{
    (void)state;
    net n = net_open(3, 4, false);
    assert_ok(tn_checkpoint_probe(n.plan, file("probed")));
    assert_false(lab_exists(file("probed")));
    assert_fails(tn_checkpoint_probe(n.plan, folder), TN_ERR_IO, "is a folder");
    assert_fails(tn_checkpoint_probe(n.plan, file("none/x")), TN_ERR_IO, "No such file");
    net_close(&n);
    n = net_open(1 << 20, 1 << 20, true); /* 4 TiB of weights, and what a header may take */
    assert_fails(tn_checkpoint_probe(n.plan, file("large")), TN_ERR_IO, "wants 439805");
    assert_int_equal(lab_entries(folder), 0);
    net_close(&n);
}

/* The folder of a class may be called anything; Python reads the file all the same. */
static void names_may_be_any_bytes(void **state)
{
    (void)state;
    net n = net_open(3, 4, false);
    const tn_meta meta[] = {{"classes", "caf\xE9\ncaf\xC3\xA9\n\xEF\x9F\xA9"}, {"\xFF", "\x80"}};
    assert_ok(tn_checkpoint_save(n.plan, file("bytes"), meta, 2));
    tn_checkpoint_info *info = NULL;
    assert_ok(tn_checkpoint_info_open(&info, file("bytes")));
    for (int i = 0; i < 2; i++)
        assert_string_equal(tn_checkpoint_info_get(info, meta[i].key), meta[i].value);
    tn_checkpoint_info_close(info);
    assert_ok(tn_checkpoint_load(n.plan, file("bytes"), TN_LOAD_PARAMS));

    /* What another program wrote in the same characters is what it is. */
    FILE *f = fopen(file("other"), "wb");
    assert_true(f && fwrite("\x35\0\0\0\0\0\0\0", 1, 8, f) == 8);
    assert_int_equal(
        fputs("{\"__metadata__\":{\"classes\":\"\xEF\x9E\x80\",\"Tenon.escapes\":\"\"}}", f) >= 0 &&
            fclose(f) == 0,
        true);
    assert_ok(tn_checkpoint_info_open(&info, file("other")));
    assert_string_equal(tn_checkpoint_info_get(info, "classes"), "\xEF\x9E\x80");
    tn_checkpoint_info_close(info);
    net_close(&n);
}

static void metadata_travels(void **state)
{
    (void)state;
    net n = net_open(3, 4, false);
    const tn_meta meta[] = {{"classes", "tench, \"Tinca\"\nchurch"}, {"epoch", "3"}, {"none", ""}};
    assert_ok(tn_checkpoint_save(n.plan, file("meta"), meta, 3));
    tn_checkpoint_info *info = NULL;
    assert_ok(tn_checkpoint_info_open(&info, file("meta")));
    for (int i = 0; i < 3; i++)
        assert_string_equal(tn_checkpoint_info_get(info, meta[i].key), meta[i].value);
    assert_null(tn_checkpoint_info_get(info, "other"));
    assert_string_equal(tn_checkpoint_info_get(info, "tenon.version"), tn_version());
    tn_checkpoint_info_close(info);
    tn_checkpoint_info_close(NULL);
    assert_fails(tn_checkpoint_info_open(&info, file("none")), TN_ERR_IO, "No such file");

    const struct {
        tn_meta meta[2];
        const char *says;
    } refused[] = {
        {{{"", "x"}, {"b", "x"}}, "has no key"},
        {{{"a", "x"}, {"b", NULL}}, "no value"},
        {{{"a", "x"}, {"a", "y"}}, "there twice"},
        {{{"a", "x"}, {"tenon.updates", "9"}}, "the library's"},
    };
    for (size_t i = 0; i < TN_COUNT(refused); i++)
        assert_fails(tn_checkpoint_save(n.plan, file("refused"), refused[i].meta, 2),
                     TN_ERR_ARGUMENT, refused[i].says);
    assert_false(lab_exists(file("refused")));
    net_close(&n);
}

int main(void)
{
    folder = lab_make_folder();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(where_nothing_can_be_saved),
        cmocka_unit_test(names_may_be_any_bytes),
        cmocka_unit_test(metadata_travels),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    lab_remove(folder);
    return failed;
}
