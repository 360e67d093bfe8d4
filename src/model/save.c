/*
 * save: a model of what a plan holds, and a model as a file.
 */
#include <stdio.h>
#include <string.h>

#include <tenon/build.h>

#include "base/arena.h"
#include "io/checkpoint_parts.h"
#include "model/export.h"
#include "model/narrow.h"
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

/* What is being saved: of each number in what it is stored, and room for one at a time. */
typedef struct saving {
    const tn_model *m;
    const char *path;
    bool engine;
    tn_narrow *narrow;
    tn_safetensor *tensor; /* of each number one or two */
    size_t tensors;
    float *numbers, *packed; /* of the largest one */
    tn_arena arena;
} saving;

static tn_status take_room(saving *s)
{
    const tn_model *m = s->m;
    size_t most = 0, bytes;
    for (size_t i = 0; i < m->num_numbers; i++) {
        TN_TRY(tn_shape_bytes(&m->number[i].shape, TN_F32, &bytes));
        most = bytes > most ? bytes : most;
    }
    s->narrow = tn_arena_alloc(&s->arena, m->num_numbers, sizeof *s->narrow);
    s->tensor = tn_arena_alloc(&s->arena, 2 * m->num_numbers, sizeof *s->tensor);
    s->numbers = tn_alloc_aligned(most);
    s->packed = tn_alloc_aligned(most);
    return s->narrow && s->tensor && s->numbers && s->packed ? TN_OK : tn_no_memory("model", most);
}

/* The tensors of number i. */
static tn_status choose(saving *s, size_t i)
{
    const tn_model *m = s->m;
    const tn_model_number *n = &m->number[i];
    s->narrow[i] = (tn_narrow){.dtype = TN_F32};
    if (s->engine) {
        TN_TRY(m->numbers.read(&m->numbers, i, s->numbers));
        s->narrow[i] = tn_narrow_choose(m, i, s->numbers);
    }
    if (s->narrow[i].whole) {
        const size_t size = strlen(TN_NARROW_SCALES) + strlen(n->name) + 1;
        char *name = tn_arena_alloc(&s->arena, size, 1);
        if (!name)
            return tn_no_memory("model", size);
        (void)snprintf(name, size, TN_NARROW_SCALES "%s", n->name);
        s->tensor[s->tensors++] =
            (tn_safetensor){.name = name, .dtype = TN_F32, .shape = TN_SHAPE(n->shape.dim[0])};
    }
    s->tensor[s->tensors++] = (tn_safetensor){.name = n->name,
                                              .dtype = (int)s->narrow[i].dtype,
                                              .type = s->narrow[i].whole ? "I8" : NULL,
                                              .shape = n->shape};
    return TN_OK;
}

static tn_status create(saving *s, tn_safetensors_writer **w)
{
    const tn_model *m = s->m;
    size_t num_meta = 0;
    tn_meta *meta = tn_arena_alloc(&s->arena, m->num_facts + 2, sizeof *meta);
    if (!meta)
        return tn_no_memory("model", m->num_facts * sizeof *meta);
    meta[num_meta++] = (tn_meta){"tenon.version", tn_version()};
    if (s->engine)
        meta[num_meta++] = (tn_meta){"tenon.engine", "1"};
    for (size_t i = 0; i < m->num_facts; i++)
        if (tn_model_goes_along(m->fact[i].key) || (s->engine && is_of_engine(m->fact[i].key)))
            meta[num_meta++] = m->fact[i];
    return (s->engine ? tn_safetensors_create_sealed
                      : tn_safetensors_create)(w, s->path, s->tensor, s->tensors, meta, num_meta);
}

static tn_status write_number(saving *s, size_t i, tn_safetensors_writer *w)
{
    const tn_model *m = s->m;
    const tn_shape *shape = &m->number[i].shape;
    const tn_narrow *n = &s->narrow[i];
    const size_t rows = n->whole ? (size_t)shape->dim[0] : 0;
    float *scales = rows ? tn_alloc(rows, sizeof *scales) : NULL;
    size_t bytes;
    if (rows && !scales)
        return tn_no_memory("model", rows * sizeof *scales);
    tn_status status = m->numbers.read(&m->numbers, i, s->numbers);
    if (status == TN_OK)
        status = tn_shape_bytes(shape, n->dtype, &bytes);
    if (status == TN_OK)
        tn_narrow_write(n, shape, s->numbers, s->packed, scales);
    if (status == TN_OK && rows)
        status = tn_safetensors_write(w, scales, rows * sizeof *scales);
    if (status == TN_OK)
        status = tn_safetensors_write(w, s->packed, bytes);
    tn_free(scales);
    return status;
}

static tn_status write_all(saving *s, tn_safetensors_writer **w)
{
    TN_TRY(take_room(s));
    for (size_t i = 0; i < s->m->num_numbers; i++)
        TN_TRY(choose(s, i));
    TN_TRY(create(s, w));
    for (size_t i = 0; i < s->m->num_numbers; i++)
        TN_TRY(write_number(s, i, *w));
    return tn_safetensors_commit(*w);
}

static tn_status save(const tn_model *m, const char *path, bool engine)
{
    saving s = {.m = m, .path = path, .engine = engine};
    tn_safetensors_writer *w = NULL;
    if (m->num_numbers == 0)
        return tn_fail(TN_ERR_ARGUMENT, "%s: has a net but no numbers to be saved in %s", m->path,
                       path);
    const tn_status status = write_all(&s, &w);
    tn_safetensors_destroy(w);
    tn_free(s.numbers);
    tn_free(s.packed);
    tn_arena_free(&s.arena);
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
