/*
 * Writing safetensors: aside (base/aside.h), so that whoever opens PATH finds the old file or the new one,
 * whole.
 */
#include <cjson/cJSON.h>
#include <string.h>

#include "base/aside.h"
#include "base/base.h"
#include "base/escape.h"
#include "io/safetensors.h"

enum { LENGTH_BYTES = 8, ALIGNMENT = 8 };

struct tn_safetensors_writer {
    tn_aside file;
    size_t left; /* bytes of tensors still to come */
};

/* The header while it is made. */
typedef struct header {
    cJSON *json;
    bool escaped; /* some text in it is not as it was given */
} header;

static char *escape(header *h, const char *text)
{
    char *escaped = tn_text_escape(text);
    h->escaped |= escaped && strcmp(escaped, text) != 0;
    return escaped;
}

/* {"key": value}; takes the value over. False: no memory. */
static bool add(header *h, cJSON *object, const char *key, cJSON *value)
{
    char *name = escape(h, key);
    const bool added = name && value && cJSON_AddItemToObject(object, name, value);
    tn_free(name);
    if (!added)
        cJSON_Delete(value);
    return added;
}

static bool add_number(cJSON *array, double number)
{
    cJSON *item = cJSON_CreateNumber(number);
    return item && cJSON_AddItemToArray(array, item);
}

static bool add_text(header *h, cJSON *object, const char *key, const char *text)
{
    char *value = escape(h, text);
    const bool added = value && add(h, object, key, cJSON_CreateString(value));
    tn_free(value);
    return added;
}

/* One tensor, its numbers from *place on; moves *place behind them. */
static bool add_tensor(header *h, const tn_safetensor *t, size_t *place)
{
    cJSON *item = cJSON_CreateObject(), *list = NULL;
    size_t bytes = 0;
    bool ok = add(h, h->json, t->name, item) &&
              tn_shape_bytes(&t->shape, (tn_dtype)t->dtype, &bytes) == TN_OK &&
              cJSON_AddStringToObject(item, "dtype", tn_safetensors_type(t->dtype)) &&
              (list = cJSON_AddArrayToObject(item, "shape"));
    for (int i = 0; ok && i < t->shape.ndim; i++)
        ok = add_number(list, (double)t->shape.dim[i]);
    ok = ok && (list = cJSON_AddArrayToObject(item, "data_offsets")) &&
         add_number(list, (double)*place) && add_number(list, (double)(*place + bytes));
    *place += bytes;
    return ok;
}

/* The header as JSON text, for cJSON_free(); NULL: no memory. */
static char *make_header(const tn_safetensor *tensors, size_t count, const tn_meta *meta,
                         size_t num_meta)
{
    header h = {.json = cJSON_CreateObject()};
    cJSON *object = cJSON_CreateObject();
    bool ok = add(&h, h.json, "__metadata__", object);
    for (size_t i = 0; ok && i < num_meta; i++)
        ok = add_text(&h, object, meta[i].key, meta[i].value);
    size_t place = 0;
    for (size_t i = 0; ok && i < count; i++)
        ok = add_tensor(&h, &tensors[i], &place);
    if (ok && h.escaped)
        ok = add_text(&h, object, TN_SAFETENSORS_ESCAPES, TN_SAFETENSORS_ESCAPES_TO);
    if (ok && cJSON_GetArraySize(object) == 0)
        cJSON_DeleteItemFromObjectCaseSensitive(h.json, "__metadata__");
    char *text = ok ? cJSON_PrintUnformatted(h.json) : NULL;
    cJSON_Delete(h.json);
    return text;
}

static tn_status write_header(tn_safetensors_writer *w, const tn_safetensor *tensors, size_t count,
                              const tn_meta *meta, size_t num_meta)
{
    char *text = make_header(tensors, count, meta, num_meta);
    if (!text)
        return tn_no_memory("safetensors header", count * sizeof *tensors);
    const size_t used = strlen(text), padding = (ALIGNMENT - used % ALIGNMENT) % ALIGNMENT;
    unsigned char length[LENGTH_BYTES];
    for (int i = 0; i < LENGTH_BYTES; i++)
        length[i] = (unsigned char)((uint64_t)(used + padding) >> 8 * i);
    tn_status status = tn_aside_write(&w->file, length, sizeof length);
    if (status == TN_OK)
        status = tn_aside_write(&w->file, text, used);
    if (status == TN_OK)
        status = tn_aside_write(&w->file, "       ", padding);
    cJSON_free(text);
    return status;
}

tn_status tn_safetensors_create(tn_safetensors_writer **out, const char *path,
                                const tn_safetensor *tensors, size_t count, const tn_meta *meta,
                                size_t num_meta)
{
    size_t all = 0;
    for (size_t i = 0; i < count; i++) {
        size_t bytes;
        TN_TRY(tn_shape_bytes(&tensors[i].shape, (tn_dtype)tensors[i].dtype, &bytes));
        all += bytes;
    }
    tn_safetensors_writer *w = tn_alloc(1, sizeof *w);
    if (!w)
        return tn_no_memory("safetensors", sizeof *w);
    w->left = all;
    tn_status status = tn_aside_open(&w->file, path);
    if (status == TN_OK)
        status = write_header(w, tensors, count, meta, num_meta);
    if (status != TN_OK) {
        tn_safetensors_destroy(w);
        return status;
    }
    *out = w;
    return TN_OK;
}

tn_status tn_safetensors_write(tn_safetensors_writer *w, const void *data, size_t bytes)
{
    if (bytes > w->left)
        return tn_fail(TN_ERR_ARGUMENT, "%s: %zu bytes more than its header tells of",
                       w->file.given, bytes - w->left);
    TN_TRY(tn_aside_write(&w->file, data, bytes));
    w->left -= bytes;
    return TN_OK;
}

tn_status tn_safetensors_commit(tn_safetensors_writer *w)
{
    if (w->left > 0)
        return tn_fail(TN_ERR_ARGUMENT, "%s: %zu bytes fewer than its header tells of",
                       w->file.given, w->left);
    return tn_aside_place(&w->file);
}

void tn_safetensors_destroy(tn_safetensors_writer *w)
{
    if (!w)
        return;
    tn_aside_discard(&w->file);
    tn_free(w);
}
