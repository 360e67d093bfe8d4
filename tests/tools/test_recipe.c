/* What alexnet's flags make: each case in a process of its own, since flags stay set. */
#define _POSIX_C_SOURCE 200809L

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lab.h"
#include "optim/optim.h"
#include "train/recipe.h"

static const struct {
    const char *why;
    const char *flags[8];
    tn_crop crop;
    bool flip;
    double jitter, lighting;
    const char *optim;
    tn_on_bad on_bad;
} cases[] = {
    {"defaults", {0}, TN_CROP_RANDOM, true, 0, 0, "sgd", TN_BAD_SKIP},
    {"only the middle", {"--augment", "none"}, TN_CROP_CENTRE, false, 0, 0, "sgd", TN_BAD_SKIP},
    {"all of it",
     {"--augment", "full"},
     TN_CROP_RANDOM_RESIZED,
     true,
     0.4,
     0.1,
     "sgd",
     TN_BAD_SKIP},
    {"all but",
     {"--augment", "full", "--no-flip", "--jitter", "0", "--lighting=0"},
     TN_CROP_RANDOM_RESIZED,
     false,
     0,
     0,
     "sgd",
     TN_BAD_SKIP},
    {"parts alone",
     {"--jitter", "0.2", "--lighting", "0.3", "--crop", "centre"},
     TN_CROP_CENTRE,
     true,
     0.2,
     0.3,
     "sgd",
     TN_BAD_SKIP},
    {"resized",
     {"--crop", "resized", "--optim", "adam"},
     TN_CROP_RANDOM_RESIZED,
     true,
     0,
     0,
     "adam",
     TN_BAD_SKIP},
    {"a crop against none",
     {"--augment", "none", "--crop", "random"},
     TN_CROP_RANDOM,
     false,
     0,
     0,
     "sgd",
     TN_BAD_SKIP},
    {"decay apart",
     {"--optim", "adamw", "--bad", "stop"},
     TN_CROP_RANDOM,
     true,
     0,
     0,
     "adamw",
     TN_BAD_STOP},
};

static recipe parse(const char *const *flags)
{
    char *argv[12] = {(char[]){"alexnet"}, (char[]){"folder"}};
    static char text[10][64]; /* a recipe points to its words */
    int argc = 2;
    for (int i = 0; flags[i]; i++) {
        snprintf(text[i], sizeof text[i], "%s", flags[i]);
        argv[argc++] = text[i];
    }
    recipe r;
    recipe_parse(&r, argc, argv, &(recipe_program){.usage = "test", .about = ""});
    recipe_check(&r, "test");
    return r;
}

static bool same(double got, double want)
{
    return fabs(got - want) < 1e-6;
}

static bool check(size_t i)
{
    const recipe r = parse(cases[i].flags);
    const tn_loader_opts o =
        recipe_loader(&r, &(network){.height = 224, .width = 224, .resize = 256});
    return o.crop == cases[i].crop && o.flip == cases[i].flip && o.shuffle && o.height == 224 &&
           o.width == 224 && o.resize == 256 && same((double)o.brightness, cases[i].jitter) &&
           same((double)o.contrast, cases[i].jitter) &&
           same((double)o.saturation, cases[i].jitter) &&
           same((double)o.lighting, cases[i].lighting) && o.on_bad == cases[i].on_bad &&
           strcmp(recipe_optim(&r).kind->name, cases[i].optim) == 0;
}

/* Epochs as steps. */
static bool check_rate(size_t unused)
{
    (void)unused;
    const recipe r = parse((const char *[]){"--rate-policy", "multistep", "--rate-at", "1,2.5",
                                            "--epochs", "40", NULL});
    const tn_rate rate = recipe_rate(&r, 10);
    return rate.policy == TN_RATE_MULTISTEP && rate.at[0] == 10 && rate.at[1] == 25 &&
           rate.steps == 400 && rate.warmup == 20 && rate.period == 133;
}

static bool in_a_child(bool (*body)(size_t), size_t i)
{
    fflush(NULL);
    const pid_t child = fork();
    if (child == 0)
        _exit(body(i) ? 0 : 1);
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void flags_mean_what_they_say(void **state)
{
    (void)state;
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        print_message("%s\n", cases[i].why);
        assert_true(in_a_child(check, i));
    }
    assert_true(in_a_child(check_rate, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(flags_mean_what_they_say)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
