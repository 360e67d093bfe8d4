/*
 * What a run that goes on reads: config.json, its log, and what a checkpoint says of the run. Whatever the bytes, there is
 * an answer or an error with its reason; what was read of a checkpoint is written so that the same is read again.
 */
#define _POSIX_C_SOURCE 200809L /* mkdtemp */

#include <string.h>

#include "base/escape.h"
#include "fuzz.h"
#include "io/safetensors.h"
#include "runs/checkpoints.h"

#define FUZZ_FILES "config.json", "log.jsonl", "x.safetensors"
#include "fuzz_files.h"

const int fuzz_rounds = 8000;

/* ---- config.json ------------------------------------------------------------------------------ */

static void read_config(const uint8_t *bytes, size_t size)
{
    char *text = NULL;
    tn_run_folder f;
    write_file("config.json", bytes, size);
    if (tn_run_folder_look(&f, fuzz_folder) != TN_OK)
        abort();
    const tn_status status = tn_run_config(fuzz_folder, &text);
    if (status != TN_OK && (status != TN_ERR_FORMAT || !strstr(tn_error(), "config.json")))
        abort();
    /* What it began with is what it goes on with. */
    size_t good;
    if (status == TN_OK && tn_text_is_utf8(text, &good) && tn_run_config_check(&f, text) != TN_OK &&
        !strstr(tn_error(), "twice"))
        abort();
    const tn_status other =
        tn_run_config_check(&f, "{\"rate\": 1, \"net\": {\"device\": \"cpu\"}}");
    if (other != TN_OK && !strstr(tn_error(), "config.json"))
        abort();
    tn_run_text_free(text);
    tn_run_folder_close(&f);
}

/* ---- log.jsonl -------------------------------------------------------------------------------- */

static void read_log(const uint8_t *bytes, size_t size)
{
    char path[128];
    tn_run_scan s;
    write_file("log.jsonl", bytes, size);
    file_in_folder(path, "log.jsonl");
    if (tn_run_scan_log(&s, path) != TN_OK)
        abort();
    if (s.whole < 0 || s.whole > (int64_t)size || (s.whole > 0 && bytes[s.whole - 1] != '\n'))
        abort();
    for (size_t i = 0; i < s.count; i++)
        if (s.told[i].step < 0 || !s.told[i].text)
            abort();
    tn_run_scan_free(&s);
}

/* ---- metadata --------------------------------------------------------------------------------- */

enum { MOST_META = 16 };

/* "key=value" and a NUL, one after the other. */
static int split(tn_meta *meta, char *text, size_t size)
{
    int count = 0;
    for (char *p = text; p < text + size && count < MOST_META; p += strlen(p) + 1) {
        char *value = strchr(p, '=');
        if (!value)
            continue;
        *value++ = '\0';
        meta[count++] = (tn_meta){p, value};
        p = value;
    }
    return count;
}

static tn_status read_back(tn_run *run, const tn_meta *meta, int count)
{
    char path[128];
    tn_safetensors_writer *w = NULL;
    tn_checkpoint_info *info = NULL;
    file_in_folder(path, "x.safetensors");
    if (tn_safetensors_create(&w, path, NULL, 0, meta, (size_t)count) != TN_OK ||
        tn_safetensors_commit(w) != TN_OK || tn_checkpoint_info_open(&info, path) != TN_OK)
        abort();
    tn_safetensors_destroy(w);
    const tn_status status = tn_run_meta_read(run, info, path);
    if (status != TN_OK && status != TN_ERR_FORMAT && status != TN_ERR_ARGUMENT)
        abort();
    tn_checkpoint_info_close(info);
    return status;
}

static void free_texts(tn_run *run)
{
    while (run->num_kept > 0) {
        tn_free(run->kept[--run->num_kept].name);
        tn_free(run->kept[run->num_kept].text);
    }
    tn_free(run->kept);
}

static void check_round_trip(const tn_run *run)
{
    tn_run_meta m;
    tn_run again = {.opts.set = run->opts.set};
    if (run->now.set.keep < 1 || run->now.set.log_every < 1 || run->epoch < 0 || run->index < 0)
        abort();
    if (tn_run_meta_write(run, &m) != TN_OK || read_back(&again, m.meta, m.count) != TN_OK)
        abort();
    if (again.epoch != run->epoch || again.index != run->index || again.num_kept != run->num_kept ||
        again.num_numbers != run->num_numbers || again.train.images != run->train.images ||
        again.window.loss.count != run->window.loss.count)
        abort();
    free_texts(&again);
    tn_run_meta_free(&m);
}

static void read_meta(const uint8_t *bytes, size_t size)
{
    tn_meta meta[MOST_META];
    tn_run run = {.opts.set = {.keep = 3, .log_every = 20}};
    char *text = calloc(size + 1, 1);
    if (!text)
        abort();
    memcpy(text, bytes, size);
    write_file("log.jsonl", bytes, 0); /* makes the folder */
    if (read_back(&run, meta, split(meta, text, size)) == TN_OK)
        check_round_trip(&run);
    free_texts(&run);
    free(text);
}

/* ---- all -------------------------------------------------------------------------------------- */

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    if (size == 0)
        return 0;
    if (bytes[0] == 'c')
        read_config(bytes + 1, size - 1);
    else if (bytes[0] == 'l')
        read_log(bytes + 1, size - 1);
    else
        read_meta(bytes + 1, size - 1);
    return 0;
}

void fuzz_seeds(void (*seed)(void *arg, const uint8_t *bytes, size_t size), void *arg)
{
    static const char config[] = "c{\"rate\": 0.1, \"net\": {\"text\": \"\\u00e9\", \"device\": "
                                 "\"mpi:cuda:0\"}, \"list\": [1, null], "
                                 "\"tenon\": {\"v\": 1}}";
    static const char log[] = "l{\"e\":\"start\",\"t\":1.5,\"step\":0}\n{\"e\":\"bad_file\",\"t\":"
                              "1,\"step\":3,\"path\":\"a\",\"reason\":"
                              "\"b\"}\n{\"e\":\"checkpoint\",\"step\":7,\"xxh3\":\"00\"}\n{\"e\":"
                              "\"order\",\"step\":9,\"applied\":true}\n"
                              "{\"e\":\"resume\",\"step\":7}\n{\"e\":\"step\",\"st";
    static const char meta[] = "mrun.position=3 17\0run.train=71 24 41 108.5 1e-300\0run.window=8 "
                               "3 4 nan\0run.best=0.5 2 20\0"
                               "run.set=0.1 90 0 3 20 0 0 0\0run.said=3 20\0run.numbers=1.5 "
                               "norm\n-inf val/x\n\0run.kept=a\nb\n\0"
                               "run.kept.a=x\0run.kept.b=";
    seed(arg, (const uint8_t *)config, sizeof config - 1);
    seed(arg, (const uint8_t *)log, sizeof log - 1);
    seed(arg, (const uint8_t *)meta, sizeof meta - 1);
}
