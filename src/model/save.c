/*
 * save: a model of what a plan holds, and a model as a file.
 */
#include <stdio.h>
#include <string.h>

#include <tenon/build.h>

#include "io/checkpoint_parts.h"
#include "model/export.h"
#include "model/model.h"
#include "plan/plan_io.h"

/* ---- of a plan -------------------------------------------------------------------------------- */

static tn_status take_params(tn_model *m, tn_plan *plan)
{
    for (int i = 0; i < tn_plan_num_params(plan); i++) {
        tn_param_info info;
        size_t bytes;
        TN_TRY(tn_plan_param(plan, i, &info));
        TN_TRY(tn_shape_bytes(&info.shape, TN_F32, &bytes));
        float *data = tn_alloc_aligned(bytes);
        TN_TRY(data ? tn_model_add(m, info.full_name, &info.shape, NULL, data)
                    : tn_no_memory("model", bytes));
        TN_TRY(tn_plan_param_get(plan, i, TN_PARAM_VALUE, (tn_tensor){TN_F32, info.shape, data}));
    }
    tn_model_sort(m);
    return TN_OK;
}

static tn_status take_plan(tn_model *m, tn_plan *plan)
{
    char *text = NULL;
    int64_t batch;
    TN_TRY(tn_plan_text(plan, &text, &batch));
    tn_status status = tn_model_set_fact(m, "tenon.graph", text);
    tn_free(text);
    if (status == TN_OK)
        status = tn_model_read_graph(m, batch);
    return status == TN_OK ? take_params(m, plan) : status;
}

tn_status tn_model_of_plan(tn_model **out, tn_plan *plan)
{
    TN_NEED(out, "out");
    TN_NEED(plan, "plan");
    tn_model *m = NULL;
    TN_TRY(tn_model_create(&m, "a plan"));
    const tn_status status = take_plan(m, plan);
    if (status != TN_OK) {
        tn_model_close(m);
        return status;
    }
    *out = m;
    return TN_OK;
}

tn_status tn_model_tell(tn_model *m, const char *key, const char *value)
{
    TN_NEED(m, "model");
    TN_NEED(key, "key");
    TN_NEED(value, "value");
    TN_TRY(tn_checkpoint_check_meta(&(tn_meta){key, value}, 1));
    return tn_model_set_fact(m, key, value);
}

/* ---- as a file -------------------------------------------------------------------------------- */

/* Of a run that goes on, which a model does not, or of the file that it came from. */
static bool is_of_file(const char *key)
{
    static const char *const keys[] = {
        "tenon.version",     "tenon.optimizer",  "tenon.updates", "tenon.runs",
        "tenon.accumulated", "tenon.loss_scale", "tenon.skipped", TN_SAFETENSORS_ESCAPES,
        "tenon.engine",      "tenon.digest",     "tenon.data"};
    for (size_t i = 0; i < TN_COUNT(keys); i++)
        if (strcmp(keys[i], key) == 0)
            return true;
    return false;
}

/* What only an engine says of itself. */
static bool is_of_engine(const char *key)
{
    return strcmp(key, "tenon.build") == 0 || strcmp(key, "tenon.report") == 0 ||
           strcmp(key, "tenon.kernels") == 0;
}

bool tn_model_goes_along(const char *key)
{
    return !is_of_file(key) && !is_of_engine(key);
}

static tn_status create(const tn_model *m, const char *path, bool engine, tn_safetensors_writer **w)
{
    size_t num_meta = 1;
    tn_meta *meta = tn_alloc(m->num_facts + 2, sizeof *meta);
    tn_safetensor *tensor = tn_alloc(m->num_numbers, sizeof *tensor);
    tn_status status = TN_OK;
    if (!meta || !tensor) {
        status = tn_no_memory("model", m->num_numbers * sizeof *tensor);
    } else {
        meta[0] = (tn_meta){"tenon.version", tn_version()};
        if (engine)
            meta[num_meta++] = (tn_meta){"tenon.engine", "1"};
        for (size_t i = 0; i < m->num_facts; i++)
            if (tn_model_goes_along(m->fact[i].key) || (engine && is_of_engine(m->fact[i].key)))
                meta[num_meta++] = m->fact[i];
        for (size_t i = 0; i < m->num_numbers; i++)
            tensor[i] = (tn_safetensor){
                .name = m->number[i].name, .dtype = TN_F32, .shape = m->number[i].shape};
        status = (engine ? tn_safetensors_create_sealed
                         : tn_safetensors_create)(w, path, tensor, m->num_numbers, meta, num_meta);
    }
    tn_free(meta);
    tn_free(tensor);
    return status;
}

/* One after the other through one buffer. */
static tn_status write_numbers(const tn_model *m, tn_safetensors_writer *w)
{
    size_t most = 0, bytes;
    for (size_t i = 0; i < m->num_numbers; i++) {
        TN_TRY(tn_shape_bytes(&m->number[i].shape, TN_F32, &bytes));
        most = bytes > most ? bytes : most;
    }
    float *buffer = tn_alloc_aligned(most);
    tn_status status = buffer ? TN_OK : tn_no_memory("model", most);
    for (size_t i = 0; i < m->num_numbers && status == TN_OK; i++) {
        status = m->numbers.read(&m->numbers, i, buffer);
        if (status == TN_OK)
            status = tn_shape_bytes(&m->number[i].shape, TN_F32, &bytes);
        if (status == TN_OK)
            status = tn_safetensors_write(w, buffer, bytes);
    }
    tn_free(buffer);
    return status;
}

static tn_status save(const tn_model *m, const char *path, bool engine)
{
    tn_safetensors_writer *w = NULL;
    if (m->num_numbers == 0)
        return tn_fail(TN_ERR_ARGUMENT, "%s: has a net but no numbers to be saved in %s", m->path,
                       path);
    tn_status status = create(m, path, engine, &w);
    if (status == TN_OK)
        status = write_numbers(m, w);
    if (status == TN_OK)
        status = tn_safetensors_commit(w);
    tn_safetensors_destroy(w);
    return status;
}

/* Who writes paths that end so; NULL: Tenon itself. */
static const tn_exporter *exporter(const char *path)
{
    const char *end = strrchr(path, '.');
    for (size_t i = 0; end && tn_exporters[i]; i++)
        if (strcmp(tn_exporters[i]->ending, end) == 0)
            return tn_exporters[i];
    return NULL;
}

tn_status tn_model_save_onnx(const tn_model *m, const char *path, const tn_onnx_opts *opts)
{
    static const tn_onnx_opts none;
    TN_NEED(m, "model");
    TN_NEED(path, "path");
    return exporter(".onnx")->save(m, path, opts ? opts : &none);
}

tn_status tn_model_save(const tn_model *m, const char *path)
{
    TN_NEED(m, "model");
    TN_NEED(path, "path");
    return exporter(path) ? tn_model_save_onnx(m, path, NULL) : save(m, path, false);
}

tn_status tn_engine_save(const tn_model *m, const char *path)
{
    TN_NEED(m, "model");
    TN_NEED(path, "path");
    if (!m->graph || !tn_graph_output_at(m->graph, 0).id)
        return tn_fail(TN_ERR_ARGUMENT, "%s: has no net with an output to make an engine of",
                       m->path);
    return save(m, path, true);
}
