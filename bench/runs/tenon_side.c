/* Reading run folders, driven by compare.py. What is counted as an image is a run, a line, and a call.
 *
 *   tenon_runs list FOLDER      all runs of a folder, by state.json, lock and the end of the log
 *   tenon_runs series RUN       all lines of a log as columns
 *   tenon_runs tail RUN         one more line is appended to a log, and read
 */
#include <stdio.h>
#include <string.h>

#include <tenon/runs.h>

#include "../common/serve.h"

static void append_line(const char *folder, int64_t step)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/log.jsonl", folder);
    FILE *to = fopen(path, "ab");
    if (!to ||
        fprintf(to, "{\"e\":\"step\",\"t\":1.5,\"step\":%lld,\"loss\":0.5}\n", (long long)step) <
            0 ||
        fclose(to) != 0)
        tn_must(tn_fail(TN_ERR_IO, "%s cannot be written", path));
}

static bench_lap list(void *arg, int64_t units)
{
    bench_lap lap = {0};
    const double start = bench_now();
    for (int64_t i = 0; i < units; i++) {
        tn_runs *runs = NULL;
        tn_must(tn_runs_list(&runs, arg));
        lap.images += tn_runs_count(runs);
        tn_runs_close(runs);
    }
    lap.seconds = bench_now() - start;
    return lap;
}

static bench_lap series(void *arg, int64_t units)
{
    bench_lap lap = {0};
    const double start = bench_now();
    for (int64_t i = 0; i < units; i++) {
        tn_series *s = NULL;
        tn_must(tn_run_series(&s, arg));
        lap.images += tn_series_num_events(s);
        tn_series_close(s);
    }
    lap.seconds = bench_now() - start;
    return lap;
}

static bench_lap tail(void *arg, int64_t units)
{
    static tn_series *s;
    bench_lap lap = {0};
    if (!s)
        tn_must(tn_run_series(&s, arg));
    for (int64_t i = 0; i < 100 * units; i++) {
        bool changed = false;
        append_line(arg, 1000000 + tn_series_num_events(s));
        const double start = bench_now();
        tn_must(tn_series_update(s, &changed));
        lap.seconds += bench_now() - start;
        lap.images += changed;
    }
    return lap;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        bench_lap (*work)(void *arg, int64_t units);
    } sides[] = {{"list", list}, {"series", series}, {"tail", tail}};
    for (size_t i = 0; argc == 3 && i < sizeof sides / sizeof sides[0]; i++)
        if (strcmp(argv[1], sides[i].name) == 0) {
            bench_serve(sides[i].name, sides[i].work, argv[2]);
            return 0;
        }
    fprintf(stderr, "usage: tenon_runs list FOLDER | series RUN | tail RUN\n");
    return 2;
}
