/* Orders to a run: obeyed between two updates, written down, refused with the reason whatever a file holds. */
#define _POSIX_C_SOURCE 200809L /* symlink, mkfifo, utimensat */

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/thread.h"
#include "lab_run.h"
#include "runs/order.h"

static const lab_run_kind plain = {.log_every = 5};
static const char *folder;

static int make(void **state)
{
    (void)state;
    folder = lab_make_folder();
    return 0;
}

static int clean(void **state)
{
    (void)state;
    lab_remove(folder);
    return 0;
}

static const char *path_of(const char *name)
{
    static char path[1200];
    snprintf(path, sizeof path, "%s/control/%s", folder, name);
    return path;
}

/* As an asker does: beside, then renamed. */
static void order_bytes(const char *name, const char *text, size_t size)
{
    char aside[1300], path[1200];
    snprintf(path, sizeof path, "%s", path_of(name));
    snprintf(aside, sizeof aside, "%s.tmp", path);
    FILE *f = fopen(aside, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, size, f), size);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(rename(aside, path), 0);
}

static void order(const char *name, const char *text)
{
    order_bytes(name, text, strlen(text));
}

static void begin(lab_run *r, const lab_run_kind *kind)
{
    lab_run_plan(r, kind);
    assert_ok(lab_run_open(r, folder, false));
}

static void assert_empty(void)
{
    if (lab_entries(path_of("")) != 0)
        fail_msg("there is something left in %s", path_of(""));
}

/* ---- obeyed ----------------------------------------------------------------------------------- */

static void what_is_set_holds_from_then_on(void **state)
{
    (void)state;
    lab_run r;
    tn_optim_settings now;
    begin(&r, &plain);
    assert_true(fabsf(r.orders.set.momentum - 0.9F) < 1e-6F); /* as it was planned */
    lab_run_train(&r, 3);
    order("b.json", "{\"v\":1,\"order\":\"set\",\"by\":\"anna\",\"set\":{\"rate_scale\":0.125,"
                    "\"momentum\":0.5,\"decay\":0.25,\"clip\":2,\"patience\":3,\"keep\":7,"
                    "\"log_every\":2}}");
    order("a.json", "{\"v\":1,\"order\":\"set\",\"set\":{\"keep\":9}}"); /* its name comes first */
    lab_run_train(&r, 4);
    const tn_run_set *s = &r.orders.set;
    assert_true(s->rate_scale == 0.125 && s->momentum == 0.5F && s->decay == 0.25F);
    assert_true(s->clip == 2 && s->patience == 3 && s->keep == 7 && s->log_every == 2);
    assert_ok(tn_plan_optim(r.plan, &now));
    assert_true(now.momentum == 0.5F && now.weight_decay == 0.25F && now.clip_norm == 2);
    order("c.json", "{\"v\":1,\"order\":\"set\",\"set\":{\"momentum\":0,\"clip\":0}}");
    lab_run_train(&r, 6);
    assert_ok(tn_plan_optim(r.plan, &now));
    assert_true(now.momentum == 0 && now.weight_decay == 0.25F && now.clip_norm == 0);
    assert_empty();
    lab_run_end(&r, TN_RUN_DONE);
    assert_int_equal(lab_run_lines(folder, "order", "\"applied\":true}"), 3);
    assert_non_null(strstr(lab_run_line(folder, "order", 0), "\"step\":4,\"id\":\"a\""));
    assert_non_null(strstr(lab_run_line(folder, "order", 1),
                           "\"id\":\"b\",\"by\":\"anna\",\"order\":\"set\",\"set\":{\"rate_scale\":"
                           "0.125,\"momentum\":0.5,"));
    assert_non_null(strstr(lab_run_line(folder, "order", 2), "\"step\":5,\"id\":\"c\""));
    assert_int_equal(lab_run_lines(folder, "step", "\"step\":6,"), 1); /* log_every */
}

static void a_step_that_is_named_is_waited_for(void **state)
{
    (void)state;
    lab_run r;
    begin(&r, &plain);
    order("late.json", "{\"v\":1,\"order\":\"set\",\"at_step\":7,\"set\":{\"rate_scale\":0.5}}");
    order("now.json", "{\"v\":1,\"order\":\"set\",\"at_step\":1,\"set\":{\"keep\":5}}");
    lab_run_train(&r, 2);
    assert_int_equal(r.orders.set.keep, 5);
    lab_nap(1.1); /* the folder is old now, and is not read any more */
    lab_run_train(&r, 6);
    assert_true(r.orders.set.rate_scale == 1);
    assert_int_equal(lab_entries(path_of("")), 1);
    lab_run_train(&r, 7);
    assert_true(r.orders.set.rate_scale == 0.5);
    order("past.json", "{\"v\":1,\"order\":\"set\",\"at_step\":3,\"set\":{\"rate_scale\":2}}");
    lab_run_train(&r, 8);
    assert_true(r.orders.set.rate_scale == 0.5);
    assert_empty();
    lab_run_end(&r, TN_RUN_DONE);
    assert_non_null(strstr(lab_run_line(folder, "order", 1), "\"step\":7,\"id\":\"late\""));
    assert_non_null(strstr(lab_run_line(folder, "order", 2),
                           "\"applied\":false,\"why\":\"step 3 is over: the run is at step 8\""));
}

/* Times of a folder are coarse: what comes within the same one is seen all the same. */
static void a_folder_whose_time_stands_still_is_read(void **state)
{
    (void)state;
    lab_run r;
    struct stat s;
    begin(&r, &plain);
    lab_run_train(&r, 1);
    for (int i = 2; i < 6; i++) {
        assert_int_equal(stat(path_of(""), &s), 0);
        order("x.json", "{\"v\":1,\"order\":\"set\",\"set\":{\"keep\":4}}");
        const struct timespec times[2] = {s.st_atim, s.st_mtim};
        assert_int_equal(utimensat(AT_FDCWD, path_of(""), times, 0), 0);
        lab_run_train(&r, i);
        assert_empty();
    }
    lab_run_end(&r, TN_RUN_DONE);
    assert_int_equal(lab_run_lines(folder, "order", "\"applied\":true"), 4);
}

static void stop_snapshot_and_evaluate(void **state)
{
    (void)state;
    lab_run r;
    begin(&r, &plain);
    order("1.json", "{\"v\":1,\"order\":\"snapshot\",\"at_step\":3}");
    order("2.json", "{\"v\":1,\"order\":\"evaluate\",\"at_step\":4}");
    order("3.json", "{\"v\":1,\"order\":\"stop\",\"at_step\":6}");
    lab_run_train(&r, 4);
    assert_true(r.orders.evaluate);
    lab_run_train(&r, 5);
    assert_false(r.orders.evaluate); /* once */
    lab_run_train(&r, 100);
    assert_true(r.orders.stop);
    assert_int_equal(tn_plan_updates(r.plan), 6);
    lab_run_end(&r, TN_RUN_STOPPED);
    assert_int_equal(lab_run_lines(folder, "checkpoint", "step-00000003"), 1);
    assert_int_equal(lab_run_lines(folder, "checkpoint", "step-00000006"), 1);
    assert_int_equal(lab_run_lines(folder, "end", "stopped"), 1);
}

static void what_the_run_cannot_do_is_refused(void **state)
{
    (void)state;
    static const lab_run_kind adam = {.log_every = 5};
    lab_run_kind without = adam;
    lab_run r;
    without.optim = tn_sgd(NULL);
    begin(&r, &without);
    order("1.json", "{\"v\":1,\"order\":\"set\",\"set\":{\"rate_scale\":0.5,\"momentum\":0.9}}");
    order("2.json", "{\"v\":1,\"order\":\"set\",\"set\":{\"epochs\":5}}");
    order("3.json", "{\"v\":1,\"order\":\"set\",\"set\":{\"decay\":0.5}}");
    lab_run_train(&r, 2);
    assert_true(r.orders.set.rate_scale == 1); /* all of an order or nothing */
    assert_true(r.orders.set.decay == 0.5F);
    assert_empty();
    lab_run_end(&r, TN_RUN_DONE);
    assert_non_null(
        strstr(lab_run_line(folder, "order", 0),
               "\"applied\":false,\"why\":\"sgd: the plan was made without momentum and "
               "keeps none: it cannot be 0.9 now\""));
    assert_non_null(strstr(lab_run_line(folder, "order", 1), "this run has no number of them"));
    assert_int_equal(lab_run_lines(folder, "order", "\"applied\":true"), 1);
}

/* What was ordered after the step that a run goes back to does not hold there, and is done again when it gets to it. */
static void a_run_goes_back_before_an_order(void **state)
{
    (void)state;
    const lab_run_kind often = {.log_every = 5, .save_steps = 4};
    lab_run r;
    tn_optim_settings now;
    begin(&r, &often);
    order("1.json", "{\"v\":1,\"order\":\"set\",\"at_step\":6,\"set\":{\"momentum\":0.5}}");
    lab_run_train(&r, 7);
    lab_nap(1.1);
    lab_run_train(&r, 9);
    assert_ok(tn_run_back(r.run, 6));
    tn_run_position(r.run, &r.epoch, &r.index);
    assert_int_equal(tn_plan_updates(r.plan), 4);
    assert_ok(tn_plan_optim(r.plan, &now));
    assert_true(fabsf(now.momentum - 0.9F) < 1e-6F);
    lab_run_train(&r, 5);
    assert_true(fabsf(r.orders.set.momentum - 0.9F) < 1e-6F);
    lab_run_train(&r, 6);
    assert_ok(tn_plan_optim(r.plan, &now));
    assert_true(now.momentum == 0.5F);
    lab_run_end(&r, TN_RUN_DONE);
    assert_int_equal(lab_run_lines(folder, "order", "\"step\":6,\"id\":\"1\""), 2);
}

/* ---- what is none ------------------------------------------------------------------------------ */

static const struct {
    const char *name, *text, *why;
} bad[] = {
    {"empty", "", "is no JSON object"},
    {"torn", "{\"v\":1,\"order\":\"st", "is no JSON object"},
    {"list", "[1]", "is no JSON object"},
    {"more", "{\"v\":1,\"order\":\"stop\"} {}", "is no JSON object"},
    {"version", "{\"v\":2,\"order\":\"stop\"}", "v is not 1"},
    {"versionless", "{\"order\":\"stop\"}", "v is missing"},
    {"orderless", "{\"v\":1}", "order is missing"},
    {"unknown", "{\"v\":1,\"order\":\"fly\"}", "no order \\\"fly\\\""},
    {"number", "{\"v\":1,\"order\":3}", "no order"},
    {"member", "{\"v\":1,\"order\":\"stop\",\"now\":true}", "no member \\\"now\\\""},
    {"twice", "{\"v\":1,\"order\":\"stop\",\"order\":\"set\"}", "order is there twice"},
    {"setless", "{\"v\":1,\"order\":\"set\"}", "set is missing"},
    {"needless", "{\"v\":1,\"order\":\"stop\",\"set\":{\"keep\":1}}", "set is of no use"},
    {"nothing", "{\"v\":1,\"order\":\"set\",\"set\":{}}", "nothing to set|something to set"},
    {"batch", "{\"v\":1,\"order\":\"set\",\"set\":{\"batch\":1}}", "cannot be set while"},
    {"text", "{\"v\":1,\"order\":\"set\",\"set\":{\"keep\":\"1\"}}", "keep is no number"},
    {"none", "{\"v\":1,\"order\":\"set\",\"set\":{\"rate_scale\":null}}", "is no number"},
    {"again", "{\"v\":1,\"order\":\"set\",\"set\":{\"keep\":1,\"keep\":2}}", "keep is there twice"},
    {"negative", "{\"v\":1,\"order\":\"set\",\"set\":{\"rate_scale\":-1}}", "rate_scale is -1"},
    {"huge", "{\"v\":1,\"order\":\"set\",\"set\":{\"rate_scale\":1e999}}", "rate_scale is inf"},
    {"one", "{\"v\":1,\"order\":\"set\",\"set\":{\"momentum\":0.99999999}}", "momentum is 0.9999"},
    {"half", "{\"v\":1,\"order\":\"set\",\"set\":{\"keep\":1.5}}", "not a whole number from 1"},
    {"zero", "{\"v\":1,\"order\":\"set\",\"set\":{\"log_every\":0}}", "log_every is 0"},
    {"step", "{\"v\":1,\"order\":\"stop\",\"at_step\":-3}", "at_step is no whole number"},
    {"step2", "{\"v\":1,\"order\":\"stop\",\"at_step\":1e300}", "at_step is no whole number"},
    {"by", "{\"v\":1,\"order\":\"stop\",\"by\":5}", "by is no text"},
    {"a b", "{\"v\":1,\"order\":\"stop\"}", "the name is no id"},
    {"<img src=x onerror=alert(1)>", "{\"v\":1,\"order\":\"stop\"}", "the name is no id"},
    {"line\nbreak\"", "{\"v\":1,\"order\":\"stop\"}", "the name is no id"},
    {"\xff\xfe", "{\"v\":1,\"order\":\"stop\"}", "the name is no id"},
};

static void put_strange_things(void)
{
    static char large[TN_RUN_ORDER_MOST_BYTES + 2];
    memset(large, ' ', sizeof large);
    order_bytes("large.json", large, sizeof large);
    order_bytes("nul.json", "{\"v\":1,\0\"order\":\"stop\"}", 24);
    assert_int_equal(mkdir(path_of("folder.json"), 0777), 0);
    assert_int_equal(mkdir(path_of("folder.json/inside"), 0777), 0);
    assert_int_equal(mkfifo(path_of("fifo.json"), 0666), 0);
    char target[1300];
    snprintf(target, sizeof target, "%s/config.json", folder);
    assert_int_equal(symlink(target, path_of("link.json")), 0);
    assert_int_equal(symlink("nowhere", path_of("dangling.json")), 0);
    order("no order", "{\"v\":1,\"order\":\"stop\"}"); /* nor is this looked at */
    order(".hidden.json", "{\"v\":1,\"order\":\"stop\"}");
}

static void hostile_files_are_answered_once(void **state)
{
    (void)state;
    lab_run r;
    char name[300], in_log[80];
    begin(&r, &plain);
    for (size_t i = 0; i < TN_COUNT(bad); i++) {
        snprintf(name, sizeof name, "%s.json", bad[i].name);
        order(name, bad[i].text);
    }
    memset(name, 'x', 250);
    strcpy(name + 250, ".json");
    order_bytes("y.json", "", 0); /* the long name has no room for .tmp */
    char from[1200];
    snprintf(from, sizeof from, "%s", path_of("y.json"));
    assert_int_equal(rename(from, path_of(name)), 0);
    put_strange_things();
    order("zz.json", "{\"v\":1,\"order\":\"set\",\"set\":{\"keep\":8}}");
    lab_run_train(&r, 1);
    assert_int_equal(r.orders.set.keep, 8);
    assert_false(r.orders.stop);
    enum { STRANGE = 6, OTHER = 1 };
    const int refused = (int)TN_COUNT(bad) + STRANGE + OTHER;
    assert_int_equal(lab_run_lines(folder, "order", "\"applied\":false"), refused);
    for (size_t i = 0; i < TN_COUNT(bad); i++) {
        snprintf(in_log, sizeof in_log, "%.*s", (int)strcspn(bad[i].why, "|"), bad[i].why);
        const char *other = strchr(bad[i].why, '|');
        if (lab_run_lines(folder, "order", in_log) == 0 &&
            (!other || lab_run_lines(folder, "order", other + 1) == 0))
            fail_msg("%s: the log does not say \"%s\"", bad[i].name, bad[i].why);
    }
    assert_int_equal(lab_run_lines(folder, "order", "is not a regular file"), 2);
    assert_int_equal(lab_run_lines(folder, "order", "is a link"), 2);
    assert_int_equal(lab_run_lines(folder, "order", "more than the 65536"), 1);
    lab_run_train(&r, 8);
    assert_int_equal(lab_run_lines(folder, "order", NULL), refused + 1); /* not tried again */
    assert_int_equal(lab_entries(path_of("")), 3); /* folder.json.refused and two others */
    lab_run_end(&r, TN_RUN_DONE);
}

/* ---- memory ------------------------------------------------------------------------------------ */

static tn_status read_one(void *unused)
{
    static const char text[] = "{\"v\":1,\"order\":\"set\",\"set\":{\"keep\":8}}";
    tn_run_order o;
    (void)unused;
    return tn_run_order_read(&o, text, sizeof text - 1);
}

static tn_status put_one(void *unused)
{
    const tn_run_order o = {.kind = TN_RUN_ORDER_STOP, .at_step = -1, .id = "one"};
    (void)unused;
    return tn_run_order_put(folder, &o);
}

static void memory_may_be_lacking(void **state)
{
    (void)state;
    assert_int_equal(mkdir(path_of(""), 0777), 0);
    lab_fail_each_allocation(read_one, NULL);
    assert_true(lab_fail_each_allocation(put_one, NULL) > 0);
    assert_int_equal(lab_entries(path_of("")), 1);
}

int main(void)
{
#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, make, clean)
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(what_is_set_holds_from_then_on),
        WITH_FOLDER(a_step_that_is_named_is_waited_for),
        WITH_FOLDER(a_folder_whose_time_stands_still_is_read),
        WITH_FOLDER(stop_snapshot_and_evaluate),
        WITH_FOLDER(what_the_run_cannot_do_is_refused),
        WITH_FOLDER(a_run_goes_back_before_an_order),
        WITH_FOLDER(hostile_files_are_answered_once),
        WITH_FOLDER(memory_may_be_lacking),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
