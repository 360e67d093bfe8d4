/* Kernels that were found to be the fastest are in the file, with the machine: there they are taken, elsewhere not. */
#define _GNU_SOURCE

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lab.h"
#include "lab_engine.h"
#include "lab_op.h"

enum { MOST = 3 };

static const char *folder;
static char path[1100];
static tn_model *model;
static uint8_t pixels[MOST * LAB_PIXELS];
static float fc[MOST * LAB_CLASSES], sure[MOST * LAB_CLASSES];

/* What a context says of itself and its steps; its numbers are the model's all the same. To be freed. */
static char *describe(const tn_context_opts *opts)
{
    tn_engine *e = NULL;
    tn_context *c = NULL;
    char *text = NULL;
    size_t size = 0;
    float got[MOST * LAB_CLASSES], got_sure[MOST * LAB_CLASSES];
    const int rows = opts->rows ? (int)opts->rows : 1;
    assert_ok(tn_engine_open(&e, path, NULL));
    assert_ok(tn_context_create(&c, e, opts));
    FILE *to = open_memstream(&text, &size);
    assert_ok(tn_context_describe(c, to));
    assert_int_equal(fclose(to), 0);
    if (!opts->height) {
        assert_ok(lab_engine_run(c, pixels, rows, got, got_sure));
        assert_true(lab_engine_off(got, fc, rows * LAB_CLASSES) < 1e-4F);
    }
    tn_context_destroy(c);
    tn_engine_close(e);
    return text;
}

static void says(const tn_context_opts *opts, const char *what)
{
    char *text = describe(opts);
    if (!strstr(text, what))
        fail_msg("\"%s\" is not in %s", what, text);
    free(text);
}

static char *machine_of(const char *name)
{
    tn_device *d = NULL;
    assert_ok(tn_device_open(&d, name));
    char *text = strdup(tn_device_describe(d));
    tn_device_close(d);
    return text;
}

static void save_with(const char *kernels)
{
    assert_ok(tn_model_tell(model, "tenon.kernels", kernels));
    assert_ok(tn_engine_save(model, path));
}

static tn_status count(void *arg, const tn_kernel_choice *tried, double seconds, double best)
{
    assert_non_null(tried->node);
    assert_true(seconds > 0 && best > 0);
    ++*(int *)arg;
    return TN_OK;
}

static void what_was_found_is_taken_here(void **state)
{
    (void)state;
    int tried = 0;
    tn_device *d = NULL;
    tn_tuned *found = NULL;
    char own[100];
    const tn_tune_opts how = {.runs = 1, .progress = count, .arg = &tried};
    assert_ok(tn_device_open(&d, "cpu,threads=1"));
    for (int rows = 1; rows <= 2; rows++)
        assert_ok(tn_engine_tune(model, d, rows, &how, NULL));
    assert_ok(tn_engine_tune(model, d, 1, &how, &found)); /* in place of what was found before */
    tn_device_close(d);
    assert_true(tried > 0 && found->num_kernels > 0);
    const char *said = tn_model_fact(model, "tenon.kernels");
    snprintf(own, sizeof own, "\n%s\t%s\n", found->kernels[0].node, found->kernels[0].kernel);
    assert_non_null(strstr(said, own));
    assert_null(strstr(strstr(said, "rows 1\n") + 1, "rows 1\n"));
    tn_tuned_destroy(found);
    assert_ok(tn_engine_save(model, path));
    says(&(tn_context_opts){.threads = 1}, "kernels of the file, found on this machine\n");
    says(&(tn_context_opts){.threads = 1, .rows = 2}, "kernels of the file, found on this machine");
    says(&(tn_context_opts){.threads = 1, .rows = 3}, "kernels by rules: the file has none for 3");
    says(&(tn_context_opts){.threads = 1, .height = 14, .width = 14},
         "kernels by rules: those of the file are for its own sizes, in f32\n");
    says(&(tn_context_opts){.device = "cpu,reference"},
         "kernels by rules: those of the file were found on another machine, ");
}

/* One that does the layer now and one that could; false: there is no other. */
static bool find_two(const char *layer, char now[100], char other[100])
{
    tn_device *d = NULL;
    tn_plan *p = NULL;
    tn_step_info step;
    const char *name;
    *other = '\0';
    assert_ok(tn_device_open(&d, "cpu,threads=1"));
    assert_ok(tn_plan_create(&p, tn_model_graph(model), d,
                             &(tn_plan_opts){.from = model, .batch = 1, .kept_weights = INFINITY}));
    for (int i = 0; tn_plan_step(p, i, &step) == TN_OK; i++) {
        if (strcmp(step.node, layer) != 0)
            continue;
        assert_ok(tn_plan_kernel(p, i, TN_KERNEL_NOW, &name));
        snprintf(now, 100, "%s", name ? name : "");
        for (int k = 0; name && !*other; k++) {
            assert_ok(tn_plan_kernel(p, i, k, &name));
            if (name && strcmp(name, now) != 0)
                snprintf(other, 100, "%s", name);
        }
        break;
    }
    tn_plan_destroy(p);
    tn_device_close(d);
    return *other;
}

/* The line of a layer in a description; to be freed, with the whole. */
static char *line_of(char *text, const char *layer)
{
    char *at = strstr(text, layer);
    if (!at)
        fail_msg("%s is not in %s", layer, text);
    at[strcspn(at, "\n")] = '\0';
    return at;
}

/* The kernel that is named does the layer, though the rules would have another. */
static void a_name_decides(void **state)
{
    (void)state;
    char now[100], other[100], kernels[1000];
    if (!find_two("conv2", now, other)) {
        print_message("skipped: only one kernel can do it\n");
        return;
    }
    char *machine = machine_of("cpu,threads=1");
    snprintf(kernels, sizeof kernels,
             "machine another one\nrows 1\nconv2\t%s\n"
             "machine %s\nrows 2\nconv1\tnothing\nrows 1\nconv2\t%s\nnobody\t%s\nfc\tnothing\n",
             now, machine, other, now);
    save_with("machine elsewhere\nrows 1\n");
    char *by_rule = describe(&(tn_context_opts){.threads = 1});
    save_with(kernels);
    char *by_name = describe(&(tn_context_opts){.threads = 1});
    assert_non_null(strstr(by_name, "kernels of the file, found on this machine\n"));
    assert_string_not_equal(line_of(by_rule, "  conv2 "), line_of(by_name, "  conv2 "));
    free(by_rule);
    free(by_name);
    free(machine);
}

/* Whatever stands there, an engine runs. */
static void what_says_nothing_is_passed_over(void **state)
{
    (void)state;
    static const char *const kernels[] = {"", "machine", "rows 1\nconv2\treference\n", "\t\n\t",
                                          "machine elsewhere\nrows 1\nconv2\treference"};
    for (size_t i = 0; i < TN_COUNT(kernels); i++) {
        save_with(kernels[i]);
        says(&(tn_context_opts){.threads = 1}, "kernels by rules: those of the file were found on");
    }
}

static tn_status make(void *arg)
{
    tn_engine *e = arg;
    tn_context *c = NULL;
    TN_TRY(tn_context_create(&c, e, NULL));
    tn_context_destroy(c);
    return TN_OK;
}

static void allocations_may_fail(void **state)
{
    (void)state;
    tn_engine *e = NULL;
    assert_ok(tn_engine_open(&e, path, NULL));
    lab_fail_each_allocation(make, e);
    tn_engine_close(e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_found_is_taken_here),
        cmocka_unit_test(a_name_decides),
        cmocka_unit_test(what_says_nothing_is_passed_over),
        cmocka_unit_test(allocations_may_fail),
    };
    folder = lab_make_folder();
    snprintf(path, sizeof path, "%s/net.plan", folder);
    model = lab_engine_model(false);
    lab_engine_pixels(0, MOST, pixels);
    lab_engine_expect(model, pixels, MOST, fc, sure);
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    tn_model_close(model);
    unlink(path);
    rmdir(folder);
    return failed;
}
