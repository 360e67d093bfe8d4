/* Opening a set, driven by compare.py.
 *
 *   tenon_data open PATH [EXCLUDE]      open and close what tn_dataset_open() takes
 *   tenon_data list PATH FILE           write it as a list, and end
 */
#include <stdio.h>
#include <string.h>

#include <tenon/tenon.h>

#include "../common/serve.h"

static bench_lap work(void *arg, int64_t units)
{
    const tn_dataset_opts *opts = arg;
    bench_lap lap = {0};
    const double start = bench_now();
    for (int64_t i = 0; i < units; i++) {
        tn_dataset *set = NULL;
        tn_must(tn_dataset_open(&set, opts));
        lap.images += tn_dataset_count(set);
        tn_dataset_close(set);
    }
    lap.seconds = bench_now() - start;
    return lap;
}

int main(int argc, char **argv)
{
    const bool list = argc == 4 && strcmp(argv[1], "list") == 0;
    if (!list && (argc < 3 || argc > 4 || strcmp(argv[1], "open") != 0)) {
        fprintf(stderr, "usage: tenon_data open PATH [EXCLUDE] | list PATH FILE\n");
        return 2;
    }
    tn_dataset_opts opts = {.path = argv[2], .exclude = list ? NULL : argv[3]};
    if (!list) {
        bench_serve("tn_dataset_open", work, &opts);
        return 0;
    }
    tn_dataset *set = NULL;
    tn_must(tn_dataset_open(&set, &opts));
    tn_must(tn_dataset_write_list(set, argv[3]));
    tn_dataset_close(set);
    return 0;
}
