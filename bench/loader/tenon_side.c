/* Tenon's loader, driven by compare.py.
 *
 *   tenon_loader rrc SET BATCH THREADS      JPEG: random-resized crop of 224, flip, from the second epoch
 *   tenon_loader first SET BATCH THREADS    the same in the first, in which each file is judged whole
 *   tenon_loader plain SET BATCH THREADS    from the second epoch, without maps of the files
 *   tenon_loader crop SET BATCH THREADS     packed at 256: random crop of 224, flip
 *   tenon_loader pack SET FOLDER            write SET packed at 256, and end
 *
 * SET is what tn_dataset_open() takes. */
#include <string.h>

#include <tenon/tenon.h>

#include "../common/serve.h"

enum { SIDE = 224, PACKED_SIDE = 256, WARM = 8 }; /* WARM: batches, more than are ready ahead */

typedef struct state {
    tn_dataset *set;
    bool judged; /* the first epoch is left out */
    tn_loader_opts opts;
} state;

/* Images in the next batches; past the end of an epoch the next one begins. */
static int64_t take(tn_loader *loader, int64_t batches)
{
    int64_t images = 0;
    for (int64_t taken = 0; taken < batches;) {
        tn_batch batch;
        const tn_status status = tn_loader_next(loader, &batch);
        if (status == TN_END)
            continue;
        tn_must(status);
        images += batch.count;
        taken++;
    }
    return images;
}

/* A loader of its own each time: between two laps its threads do not read ahead, and the clock sees
 * only the pace that they keep up. */
static bench_lap work(void *arg, int64_t units)
{
    state *s = arg;
    tn_loader *loader = NULL;
    tn_must(tn_loader_open(&loader, s->set, &s->opts));
    take(loader, WARM + (s->judged ? tn_loader_batches(loader) : 0));
    const double start = bench_now();
    const int64_t images = take(loader, units);
    const bench_lap lap = {.seconds = bench_now() - start, .images = images};
    tn_loader_close(loader);
    s->opts.seed++;
    return lap;
}

static void serve(state *s, const char *mode, int batch, int threads)
{
    s->opts = (tn_loader_opts){.batch = batch,
                               .height = SIDE,
                               .width = SIDE,
                               .resize = PACKED_SIDE,
                               .crop = TN_CROP_RANDOM,
                               .flip = true,
                               .shuffle = true,
                               .drop_last = true,
                               .threads = threads,
                               .seed = 1};
    s->judged = strcmp(mode, "first") != 0 && strcmp(mode, "crop") != 0;
    if (strcmp(mode, "plain") == 0)
        s->opts.jpeg_maps = TN_ZERO;
    if (strcmp(mode, "crop") != 0) {
        s->opts.crop = TN_CROP_RANDOM_RESIZED;
        s->opts.resize = 0;
    }
    char about[128];
    snprintf(about, sizeof about, "Tenon %s, %s, %d threads", tn_version(), mode, threads);
    bench_serve(about, work, s);
}

int main(int argc, char **argv)
{
    const bool packing = argc == 4 && strcmp(argv[1], "pack") == 0;
    const bool loading =
        argc == 5 && (strcmp(argv[1], "rrc") == 0 || strcmp(argv[1], "first") == 0 ||
                      strcmp(argv[1], "plain") == 0 || strcmp(argv[1], "crop") == 0);
    if (!packing && !loading) {
        fprintf(stderr, "usage: tenon_loader rrc|first|plain|crop SET BATCH THREADS\n"
                        "       tenon_loader pack SET FOLDER\n");
        return 2;
    }
    state s = {0};
    tn_must(tn_dataset_open(&s.set, &(tn_dataset_opts){.path = argv[2]}));
    if (packing)
        tn_must(tn_dataset_pack(s.set, &(tn_pack_opts){.folder = argv[3], .side = PACKED_SIDE}));
    else
        serve(&s, argv[1], bench_number("BATCH", argv[3], 1), bench_number("THREADS", argv[4], 1));
    tn_dataset_close(s.set);
    return 0;
}
