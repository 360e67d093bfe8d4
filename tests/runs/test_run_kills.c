/*
 * Kill -9 at random moments, of processes that train and save as fast as they can: every run can be resumed, says of
 * itself what is true, and is in the end the run that nobody killed. $TENON_TEST_KILLS: how many; default 60.
 */
#define _DEFAULT_SOURCE /* flock */

#include <cjson/cJSON.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/random.h"
#include "lab_life.h"

static const lab_run_kind kinds[] = {
    {"cpu", .log_every = 2, .save_steps = 3, .keep = 2, .events = true}};

enum { STEPS = 120, MOST_A_RUN = 25 };

static long wanted(void)
{
    const char *text = getenv("TENON_TEST_KILLS");
    return text ? atol(text) : LAB_SLOW ? 20 : 60;
}

static cJSON *read_state(const char *folder)
{
    static char text[8192];
    char path[1200];
    snprintf(path, sizeof path, "%s/state.json", folder);
    FILE *f = fopen(path, "r");
    if (!f)
        return NULL; /* it was not even begun */
    text[fread(text, 1, sizeof text - 1, f)] = '\0';
    fclose(f);
    cJSON *state = cJSON_Parse(text);
    if (!state)
        fail_msg("%s is no JSON: %s", path, text);
    return state;
}

/* Nobody holds the lock, and the state is one that a run dies in, or its end. */
static void assert_dead(const char *folder)
{
    char path[1200];
    snprintf(path, sizeof path, "%s/lock", folder);
    const int fd = open(path, O_RDWR);
    if (fd >= 0) {
        assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
        close(fd);
    }
    cJSON *state = read_state(folder);
    if (!state)
        return;
    const char *is = cJSON_GetStringValue(cJSON_GetObjectItem(state, "state"));
    if (!is || !strstr("starting running stopping done", is))
        fail_msg("%s: its state is %s", folder, is ? is : "no text");
    cJSON_Delete(state);
}

/* True: it came to its end before. */
static bool kill_one(const char *folder, tn_random *random, double seconds)
{
    const int pid = lab_life_begin(folder, 0, STEPS);
    int status;
    lab_nap((double)tn_random_below(random, 1000000) / 1e6 * seconds);
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) != 0)
        fail_msg("%s: a life ended with status %d", folder, WEXITSTATUS(status));
    assert_dead(folder);
    return WIFEXITED(status);
}

static void no_kill_loses_anything(void **state)
{
    (void)state;
    tn_random random = tn_random_begin(5, TN_RANDOM_TEST, 0);
    char whole[1024];
    snprintf(whole, sizeof whole, "%s", lab_make_folder()); /* whose memory is used again */
    struct timespec a, b;
    clock_gettime(CLOCK_MONOTONIC, &a);
    lab_life(whole, 0, STEPS, LAB_DONE);
    clock_gettime(CLOCK_MONOTONIC, &b);
    const double seconds = (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) / 1e9;
    long kills = 0, runs = 0;
    for (const long most = wanted(); kills < most; runs++) {
        const char *folder = lab_make_folder();
        for (int i = 0; i < MOST_A_RUN; i++, kills++)
            if (kill_one(folder, &random, seconds))
                break;
        lab_life(folder, 0, STEPS, LAB_DONE);
        lab_same_runs("killed at random", whole, folder, false);
        lab_remove(folder);
    }
    print_message("%ld kills, %ld runs\n", kills, runs);
    lab_remove(whole);
}

int main(int argc, char **argv)
{
    lab_life_main(argc, argv, kinds);
    const struct CMUnitTest tests[] = {cmocka_unit_test(no_kill_loses_anything)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
