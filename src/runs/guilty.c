/*
 * A batch that made a run diverge, kept in the folder:
 *
 *     guilty/step-00000012.json         epoch, index and seed of the batch, and of each row item, place, label and name
 *     guilty/step-00000012.images.npy   and labels.npy; of a source 0.npy, 1.npy, ..., its arrays
 *
 * Of several ranks rank 0's rows are there, and all names. Of a batch before the last of an accumulated step the arrays are
 * gone when it is found.
 */
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <tenon/npy.h>

#include "base/aside.h"
#include "runs/guard.h"

enum { MOST_KEPT = 20 };

const char *tn_run_row_name(const tn_run *run, const tn_batch *b, int64_t row)
{
    const int64_t rows = b->num_arrays > 0 ? b->array[0].shape.dim[0] : 0;
    if (!b->item || !run->opts.loader || row < 0 || row >= rows)
        return NULL;
    return tn_loader_item_name(run->opts.loader, b->item[row]);
}

static void write_row(const tn_run *run, const tn_batch *b, tn_json *j, int64_t i)
{
    if (b->item[i] < 0) /* it holds none */
        return;
    tn_json_open(j, NULL, '{');
    tn_json_count(j, "row", i);
    tn_json_count(j, "item", b->item[i]);
    tn_json_count(j, "place", b->place[i]);
    if (b->labels.data)
        tn_json_count(j, "label", ((const int32_t *)b->labels.data)[i]);
    tn_json_text(j, "name", tn_run_row_name(run, b, i));
    tn_json_close(j, '}');
}

static void write_text(const tn_run *run, tn_json *j, const tn_run_fault *f)
{
    const tn_batch *b = f->batch;
    const int64_t rows = b->num_arrays > 0 ? b->array[0].shape.dim[0] : 0;
    char seed[24];
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)b->seed);
    tn_json_open(j, NULL, '{');
    tn_json_count(j, "step", f->at);
    tn_json_count(j, "epoch", b->epoch);
    tn_json_count(j, "index", b->index);
    tn_json_raw(j, "seed", seed);
    tn_json_open(j, "rows", '[');
    for (int64_t i = 0; i < rows && b->item; i++)
        write_row(run, b, j, i);
    tn_json_close(j, ']');
    tn_json_close(j, '}');
}

static tn_status save_text(const tn_run *run, const tn_run_fault *f, const char *path)
{
    tn_json j = {0};
    tn_aside file = {0};
    tn_json_clear(&j);
    write_text(run, &j, f);
    tn_status status = tn_json_end(&j);
    if (status == TN_OK)
        status = tn_aside_open(&file, path);
    if (status == TN_OK)
        status = tn_aside_write(&file, j.text, j.length);
    if (status == TN_OK)
        status = tn_aside_place(&file);
    tn_aside_discard(&file);
    tn_json_free(&j);
    return status;
}

/* Of one rank's rows: the first ones. */
static tn_status save_array(const tn_run *run, const char *base, const char *name, tn_tensor array)
{
    char *path = tn_format("%s.%s.npy", base, name);
    if (!path)
        return tn_no_memory("guilty", strlen(base));
    array.shape.dim[0] /= tn_device_ranks(run->opts.device);
    const tn_status status = array.data ? tn_npy_save(path, array) : TN_OK;
    tn_free(path);
    return status;
}

static tn_status save_arrays(const tn_run *run, const tn_batch *b, const char *base)
{
    char name[16];
    if (b->images.data) {
        TN_TRY(save_array(run, base, "images", b->images));
        return save_array(run, base, "labels", b->labels);
    }
    for (int i = 0; i < b->num_arrays; i++) {
        snprintf(name, sizeof name, "%d", i);
        TN_TRY(save_array(run, base, name, b->array[i]));
    }
    return TN_OK;
}

static tn_status save(const tn_run *run, const tn_run_fault *f, const char *base, const char *text)
{
    if (mkdirat(run->folder.dir, "guilty", 0777) != 0 && errno != EEXIST)
        return tn_fail(TN_ERR_IO, "%s/guilty: cannot be made: %s", run->folder.path,
                       strerror(errno));
    TN_TRY(save_arrays(run, f->batch, base));
    return save_text(run, f, text);
}

void tn_run_keep_guilty(tn_run *run, tn_run_fault *f)
{
    char name[sizeof f->kept];
    if (!run->writes || !run->opts.folder || run->guard.guilty >= MOST_KEPT || !f->batch ||
        f->batch->num_arrays == 0)
        return;
    snprintf(name, sizeof name, "guilty/step-%08lld", (long long)f->at);
    char *base = tn_run_path(&run->folder, name);
    char *text = base ? tn_format("%s.json", base) : NULL;
    tn_error_kept kept;
    tn_error_keep(&kept);
    const tn_status status = text ? save(run, f, base, text) : tn_no_memory(name, sizeof name);
    if (status != TN_OK)
        tn_run_warn(run, "guilty", tn_error());
    else
        snprintf(f->kept, sizeof f->kept, "%.50s.json", name);
    tn_error_put_back(&kept);
    tn_free(text);
    tn_free(base);
}
