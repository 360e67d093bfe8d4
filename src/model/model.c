/*
 * model: made, asked and closed. Opening one is open.c, saving one save.c.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <tenon/text.h>

#include "base/number.h"
#include "graph/text.h"
#include "io/mapped.h"
#include "model/import.h"
#include "model/narrow.h"

/* ---- its numbers, as a plan sees them --------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
    return strcmp(((const tn_model_number *)a)->name, ((const tn_model_number *)b)->name);
}

static const char *number_name(const tn_numbers *n, size_t index)
{
    const tn_model *m = (const tn_model *)n;
    return index < m->num_numbers ? m->number[index].name : NULL;
}

static int compare_name(const void *key, const void *number)
{
    return strcmp(key, ((const tn_model_number *)number)->name);
}

static ptrdiff_t find_number(const tn_numbers *n, const char *name, tn_shape *shape)
{
    const tn_model *m = (const tn_model *)n;
    const tn_model_number *found =
        m->num_numbers ? bsearch(name, m->number, m->num_numbers, sizeof *m->number, compare_name)
                       : NULL;
    if (!found)
        return -1;
    *shape = found->shape;
    return found - m->number;
}

static tn_status read_number(const tn_numbers *n, size_t index, float *to)
{
    const tn_model *m = (const tn_model *)n;
    const tn_model_number *number = &m->number[index];
    if (!number->stored) {
        size_t bytes;
        TN_TRY(tn_shape_bytes(&number->shape, TN_F32, &bytes));
        if (number->source) {
            const tn_model_source *from = &m->source[number->source - 1];
            return tn_read_at(from->fd, from->path, to, bytes, number->offset);
        }
        memcpy(to, number->data, bytes);
        return TN_OK;
    }
    return tn_narrow_read(m, number, to);
}

static tn_stored number_at(const tn_numbers *n, size_t index)
{
    enum { ALIGNMENT = 64 };
    const tn_model *m = (const tn_model *)n;
    const tn_model_number *number = &m->number[index];
    tn_stored s = {.dtype = TN_F32, .at = number->data};
    if (number->stored && tn_narrow_find(m, number, &s) != TN_OK)
        s.at = NULL;
    if ((uintptr_t)s.at % ALIGNMENT != 0 || (uintptr_t)s.scale % ALIGNMENT != 0)
        s.at = NULL;
    return s;
}

bool tn_model_keeps_average(const tn_model *model)
{
    return model && model->keeps_average;
}

tn_status tn_model_check_stored(const tn_model *m)
{
    tn_stored s;
    for (size_t i = 0; i < m->num_numbers; i++)
        if (m->number[i].stored && m->graph && tn_names_find(m->graph, m->number[i].name))
            TN_TRY(tn_narrow_find(m, &m->number[i], &s));
    return TN_OK;
}

/* ---- making ----------------------------------------------------------------------------------- */

tn_status tn_model_create(tn_model **out, const char *path)
{
    tn_model *m = tn_alloc(1, sizeof *m);
    char *copy = m ? tn_copy_text(path) : NULL;
    if (!copy) {
        tn_free(m);
        return tn_no_memory("model", sizeof *m);
    }
    m->path = copy;
    m->numbers = (tn_numbers){copy, number_name, find_number, read_number, number_at};
    *out = m;
    return TN_OK;
}

tn_status tn_model_add(tn_model *m, const char *name, const tn_shape *shape,
                       const tn_safetensor *stored, float *data)
{
    char *copy = tn_copy_text(name);
    tn_status status = copy ? tn_grow((void **)&m->number, m->num_numbers, &m->number_capacity,
                                      sizeof *m->number, "model")
                            : tn_no_memory("model", strlen(name));
    if (status != TN_OK) {
        tn_free(copy);
        tn_free(data);
        return status;
    }
    m->number[m->num_numbers++] = (tn_model_number){copy, *shape, stored, data, 0, 0};
    return TN_OK;
}

tn_status tn_model_add_source(tn_model *m, int fd, const char *path, int *source)
{
    char *copy = tn_copy_text(path);
    const tn_status status = copy ? tn_grow((void **)&m->source, m->num_sources,
                                            &m->source_capacity, sizeof *m->source, "model")
                                  : tn_no_memory("model", strlen(path));
    if (status != TN_OK) {
        tn_free(copy);
        close(fd); /* read only: nothing can be lost */
        return status;
    }
    m->source[m->num_sources++] = (tn_model_source){fd, copy};
    *source = (int)m->num_sources;
    return TN_OK;
}

tn_status tn_model_add_stored(tn_model *m, const char *name, const tn_shape *shape, int source,
                              size_t offset)
{
    TN_TRY(tn_model_add(m, name, shape, NULL, NULL));
    m->number[m->num_numbers - 1].source = source;
    m->number[m->num_numbers - 1].offset = offset;
    return TN_OK;
}

void tn_model_sort(tn_model *m)
{
    if (m->num_numbers > 1)
        qsort(m->number, m->num_numbers, sizeof *m->number, by_name);
}

static void free_classes(tn_model *m)
{
    for (int i = 0; i < m->num_classes; i++)
        tn_free(m->class_name[i]);
    tn_free(m->class_name);
    m->class_name = NULL;
    m->num_classes = 0;
}

/* A line each. */
static tn_status read_classes(tn_model *m, const char *text)
{
    size_t lines = *text != '\0';
    for (const char *p = text; *p; p++)
        lines += *p == '\n';
    free_classes(m);
    m->class_name = tn_alloc(lines + 1, sizeof *m->class_name);
    if (!m->class_name)
        return tn_no_memory("model", lines * sizeof *m->class_name);
    for (size_t i = 0; i < lines; i++) {
        const size_t length = strcspn(text, "\n");
        char *name = tn_alloc(length + 1, 1);
        if (!name)
            return tn_no_memory("model", length + 1);
        memcpy(name, text, length);
        m->class_name[m->num_classes++] = name;
        text += length + 1;
    }
    return TN_OK;
}

static tn_meta *find_fact(const tn_model *m, const char *key)
{
    for (size_t i = 0; i < m->num_facts; i++)
        if (strcmp(m->fact[i].key, key) == 0)
            return &m->fact[i];
    return NULL;
}

static void free_fact(const tn_meta *fact)
{
    tn_free((void *)(uintptr_t)fact->key);
    tn_free((void *)(uintptr_t)fact->value);
}

tn_status tn_model_set_fact(tn_model *m, const char *key, const char *value)
{
    tn_meta *old = find_fact(m, key);
    const tn_meta fact = {tn_copy_text(key), tn_copy_text(value)};
    tn_status status = fact.key && fact.value ? TN_OK : tn_no_memory("model", strlen(value));
    if (status == TN_OK && strcmp(key, "tenon.classes") == 0)
        status = read_classes(m, value);
    if (status == TN_OK && !old)
        status =
            tn_grow((void **)&m->fact, m->num_facts, &m->fact_capacity, sizeof *m->fact, "model");
    if (status != TN_OK) {
        free_fact(&fact);
        return status;
    }
    if (old)
        free_fact(old);
    *(old ? old : &m->fact[m->num_facts++]) = fact;
    return TN_OK;
}

tn_status tn_model_add_notice(tn_model *m, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    tn_vprint(text, sizeof text, format, args);
    va_end(args);
    TN_TRY(tn_grow((void **)&m->notice, m->num_notices, &m->notice_capacity, sizeof *m->notice,
                   "model"));
    char *copy = tn_copy_text(text);
    if (!copy)
        return tn_no_memory("model", strlen(text));
    m->notice[m->num_notices++] = copy;
    return TN_OK;
}

tn_status tn_model_take_graph(tn_model *m, tn_graph *g)
{
    char *text = NULL;
    TN_TRY(tn_graph_format(g, NULL, &text));
    const tn_status status = tn_model_set_fact(m, "tenon.graph", text);
    tn_free(text);
    if (status == TN_OK)
        m->graph = g;
    return status;
}

tn_status tn_model_new_number(tn_model *m, const char *name, const tn_shape *shape, float **data)
{
    int64_t count;
    TN_TRY(tn_shape_count(shape, &count));
    *data = tn_alloc((size_t)count, sizeof **data);
    if (!*data)
        return tn_no_memory("weights", (size_t)count * sizeof **data);
    return tn_model_add(m, name, shape, NULL, *data);
}

tn_status tn_model_read_graph(tn_model *m, int64_t batch)
{
    const char *text = tn_model_fact(m, "tenon.graph");
    char *name = tn_format("%s: tenon.graph", m->path);
    if (!name)
        return tn_no_memory("model", strlen(m->path));
    const tn_graph_read_opts opts = {.name = name, .batch = batch};
    const tn_status status = tn_graph_read(&m->graph, text, strlen(text), &opts);
    tn_free(name);
    return status;
}

void tn_model_clear(tn_model *m)
{
    for (size_t i = 0; i < m->num_numbers; i++) {
        tn_free(m->number[i].name);
        tn_free(m->number[i].data);
    }
    for (size_t i = 0; i < m->num_sources; i++) {
        close(m->source[i].fd);
        tn_free(m->source[i].path);
    }
    for (size_t i = 0; i < m->num_facts; i++)
        free_fact(&m->fact[i]);
    for (size_t i = 0; i < m->num_notices; i++)
        tn_free(m->notice[i]);
    free_classes(m);
    tn_graph_destroy(m->graph);
    m->graph = NULL;
    m->num_numbers = m->num_sources = m->num_facts = m->num_notices = 0;
}

void tn_model_close(tn_model *m)
{
    if (!m)
        return;
    tn_model_clear(m);
    tn_free(m->number);
    tn_free(m->source);
    tn_free(m->fact);
    tn_free(m->notice);
    tn_safetensors_close(m->file);
    tn_free(m->path);
    tn_free(m);
}

/* ---- asking ----------------------------------------------------------------------------------- */

const tn_graph *tn_model_graph(const tn_model *m)
{
    return m ? m->graph : NULL;
}

const char *tn_model_fact(const tn_model *m, const char *key)
{
    const tn_meta *fact = m && key ? find_fact(m, key) : NULL;
    return fact ? fact->value : NULL;
}

const char *tn_model_notice(const tn_model *m, int index)
{
    return m && index >= 0 && (size_t)index < m->num_notices ? m->notice[index] : NULL;
}

const char *tn_model_tensor(const tn_model *m, int index, tn_shape *shape)
{
    if (!m || index < 0 || (size_t)index >= m->num_numbers)
        return NULL;
    if (shape)
        *shape = m->number[index].shape;
    return m->number[index].name;
}

tn_status tn_model_tensor_get(const tn_model *m, int index, tn_tensor host)
{
    tn_shape shape;
    TN_NEED(m, "model");
    TN_NEED(host.data, "host.data");
    const char *name = tn_model_tensor(m, index, &shape);
    if (!name)
        return tn_fail(TN_ERR_ARGUMENT, "%s: has %zu tensors, none of number %d", m->path,
                       m->num_numbers, index);
    if (host.dtype != TN_F32 || !tn_shape_equal(&host.shape, &shape))
        return tn_fail(TN_ERR_SHAPE, "%s: %s is f32 %s, not %s %s", m->path, name,
                       tn_shape_format(&shape).text, tn_dtype_name(host.dtype),
                       tn_shape_format(&host.shape).text);
    return m->numbers.read(&m->numbers, (size_t)index, host.data);
}

int tn_model_num_classes(const tn_model *m)
{
    return m ? m->num_classes : 0;
}

const char *tn_model_class(const tn_model *m, int index)
{
    return m && index >= 0 && index < m->num_classes ? m->class_name[index] : NULL;
}
