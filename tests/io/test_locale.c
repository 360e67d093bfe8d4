/*
 * A program may have set its locale to one that writes 1.5 as "1,5": what the library says and keeps stays the same.
 * The locale is made here, as glibc's localedef would; where that does not take, the test is skipped.
 */
#define _POSIX_C_SOURCE 200809L /* setenv, mkdir */
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/number.h"
#include "lab.h"
#include "lab_sim.h"

static const char *folder;

/* comma/LC_NUMERIC: a magic number, the count of fields, where each begins, then they: point, thousands, grouping, both
 * again as wide characters, the encoding. */
static bool write_locale(void)
{
    const uint32_t head[] = {0x20031114, 6, 32, 34, 36, 40, 44, 48};
    const uint32_t wide[] = {',', '.'};
    char path[1100];
    snprintf(path, sizeof path, "%s/comma", folder);
    if (mkdir(path, 0755) != 0)
        return false;
    snprintf(path, sizeof path, "%s/comma/LC_NUMERIC", folder);
    FILE *f = fopen(path, "wb");
    if (!f)
        return false;
    fwrite(head, sizeof head, 1, f);
    fwrite(",\0.\0\3\3\0\0", 8, 1, f);
    fwrite(wide, sizeof wide, 1, f);
    fwrite("UTF-8", 6, 1, f);
    return fclose(f) == 0;
}

static int set_comma(void **state)
{
    (void)state;
    folder = lab_make_folder();
    return write_locale() && setenv("LOCPATH", folder, 1) == 0 ? 0 : -1;
}

static int back_to_c(void **state)
{
    (void)state;
    setlocale(LC_ALL, "C");
    lab_remove(folder);
    return 0;
}

#define need_comma()                                                                \
    do {                                                                            \
        char comma_text[8] = "";                                                    \
        if (setlocale(LC_NUMERIC, "comma"))                                         \
            snprintf(comma_text, sizeof comma_text, "%.1f", 1.5);                   \
        if (strcmp(comma_text, "1,5") != 0) {                                       \
            print_message("skipped: no locale with a decimal comma can be made\n"); \
            skip();                                                                 \
        }                                                                           \
    } while (0)

static void numbers_have_a_point(void **state)
{
    (void)state;
    char text[32], *end;
    need_comma();
    assert_int_equal(tn_print(text, sizeof text, "%.2f %d", 2.25, 7), 6);
    assert_string_equal(text, "2.25 7");
    strcpy(text, "1.5 2,5");
    assert_true(tn_parse(text, &end) == 1.5);
    assert_true(tn_parse(end, &end) == 2);
    assert_string_equal(end, ",5");
    char *made = tn_format("%g", 0.5);
    assert_string_equal(made, "0.5");
    tn_free(made);
    assert_fails(tn_fail(TN_ERR_ARGUMENT, "it is %g", 0.5), TN_ERR_ARGUMENT, "it is 0.5");
    snprintf(text, sizeof text, "%.1f", 1.5); /* the program's own numbers are its own affair */
    assert_string_equal(text, "1,5");
}

typedef struct net {
    tn_graph *g;
    tn_device *device;
    tn_plan *plan;
    tn_value x;
} net;

static net net_open(const char *device, tn_precision precision)
{
    net n = {0};
    assert_ok(tn_device_open(&n.device, device));
    assert_ok(tn_graph_create(&n.g));
    n.x = tn_input(n.g, "x", TN_F32, TN_SHAPE(2, 3));
    const tn_value target = tn_input(n.g, "target", TN_F32, TN_SHAPE(2, 2));
    const tn_value y = tn_dense(n.g, n.x, &(tn_dense_opts){.name = "d", .units = 2});
    assert_ok(tn_plan_create(&n.plan, n.g, n.device,
                             &(tn_plan_opts){.loss = tn_mse(n.g, y, target, NULL),
                                             .optim = tn_sgd(NULL),
                                             .precision = precision,
                                             .loss_scale = 1024.5F}));
    return n;
}

static void net_close(net *n)
{
    tn_plan_destroy(n->plan);
    tn_graph_destroy(n->g);
    tn_device_close(n->device);
}

static void a_plan_is_described_with_points(void **state)
{
    (void)state;
    char line[1024];
    need_comma();
    net n = net_open("cpu", TN_PRECISION_DEFAULT);
    FILE *f = tmpfile();
    assert_non_null(f);
    assert_ok(tn_plan_describe(n.plan, TN_DESCRIBE_TEXT, f));
    rewind(f);
    int points = 0;
    while (fgets(line, sizeof line, f)) {
        for (const char *c = line; *c; c++) {
            points += *c == '.';
            assert_false(*c == ',' && c[1] >= '0' && c[1] <= '9');
        }
    }
    assert_true(points > 10);
    fclose(f);
    net_close(&n);
}

static void a_checkpoint_is_the_same_in_any_locale(void **state)
{
    (void)state;
    char path[1100];
    float scale;
    lab_need_sim(sim);
    need_comma();
    snprintf(path, sizeof path, "%s/a.safetensors", folder);
    net n = net_open("sim", TN_PRECISION_F16);
    assert_ok(tn_checkpoint_save(n.plan, path, NULL, 0));
    tn_checkpoint_info *info = NULL;
    assert_ok(tn_checkpoint_info_open(&info, path));
    assert_string_equal(tn_checkpoint_info_get(info, "tenon.loss_scale"), "1024.5 0 0");
    tn_checkpoint_info_close(info);
    assert_ok(tn_checkpoint_load(n.plan, path, TN_LOAD_RESUME));
    setlocale(LC_ALL, "C");
    assert_ok(tn_checkpoint_load(n.plan, path, TN_LOAD_RESUME));
    assert_ok(tn_plan_loss_scale(n.plan, &scale));
    assert_true(scale == 1024.5F);
    net_close(&n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_have_a_point),
        cmocka_unit_test(a_plan_is_described_with_points),
        cmocka_unit_test(a_checkpoint_is_the_same_in_any_locale),
    };
    return cmocka_run_group_tests(tests, set_comma, back_to_c);
}
