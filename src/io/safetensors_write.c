/*
 * Writing safetensors: aside (base/aside.h), so that whoever opens PATH finds the old file or the new one,
 * whole.
 */
#include <cjson/cJSON.h>
#include <string.h>

#include "base/aside.h"
#include "base/base.h"
#include "io/safetensors.h"

enum { LENGTH_BYTES = 8, ALIGNMENT = 8 };

struct tn_safetensors_writer {
    tn_aside file;
    size_t left; /* bytes of tensors still to come */
};

/* Bytes of the UTF-8 character at p; 0 if it is none (RFC 3629: no surrogates, no longer forms). */
static size_t utf8_length(const unsigned char *p)
{
    if (p[0] < 0x80)
        return 1;
    const size_t length = p[0] >= 0xF0 ? 4 : p[0] >= 0xE0 ? 3 : 2;
    if (p[0] < 0xC2 || p[0] > 0xF4)
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((p[i] & 0xC0) != 0x80) /* the NUL at the end too */
            return 0;
    const bool longer = (p[0] == 0xE0 && p[1] < 0xA0) || (p[0] == 0xF0 && p[1] < 0x90);
    const bool none = (p[0] == 0xED && p[1] > 0x9F) || (p[0] == 0xF4 && p[1] > 0x8F);
    return longer || none ? 0 : length;
}

/* A copy in which U+FFFD stands for each byte that is not UTF-8: a file name may hold any bytes, JSON
 * may not. */
static char *clean_text(const char *text)
{
    static const char replacement[] = "\xEF\xBF\xBD";
    char *clean = tn_alloc(3 * strlen(text) + 1, 1);
    if (!clean)
        return NULL;
    size_t used = 0;
    for (const char *p = text; *p;) {
        const size_t length = utf8_length((const unsigned char *)p);
        const char *from = length ? p : replacement;
        const size_t bytes = length ? length : sizeof replacement - 1;
        memcpy(clean + used, from, bytes);
        used += bytes;
        p += length ? length : 1;
    }
    return clean;
}

/* {"key": value}; takes the value over. False: no memory. */
static bool add(cJSON *object, const char *key, cJSON *value)
{
    char *clean = clean_text(key);
    const bool added = clean && value && cJSON_AddItemToObject(object, clean, value);
    tn_free(clean);
    if (!added)
        cJSON_Delete(value);
    return added;
}

static bool add_number(cJSON *array, double number)
{
    cJSON *item = cJSON_CreateNumber(number);
    return item && cJSON_AddItemToArray(array, item);
}

static bool add_text(cJSON *object, const char *key, const char *text)
{
    char *clean = clean_text(text);
    const bool added = clean && add(object, key, cJSON_CreateString(clean));
    tn_free(clean);
    return added;
}

/* One tensor, its numbers from *place on; moves *place behind them. */
static bool add_tensor(cJSON *header, const tn_safetensor *t, size_t *place)
{
    cJSON *item = cJSON_CreateObject(), *list = NULL;
    size_t bytes = 0;
    bool ok = add(header, t->name, item) &&
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
    cJSON *header = cJSON_CreateObject();
    bool ok = header != NULL;
    if (ok && num_meta > 0) {
        cJSON *object = cJSON_CreateObject();
        ok = add(header, "__metadata__", object);
        for (size_t i = 0; ok && i < num_meta; i++)
            ok = add_text(object, meta[i].key, meta[i].value);
    }
    size_t place = 0;
    for (size_t i = 0; ok && i < count; i++)
        ok = add_tensor(header, &tensors[i], &place);
    char *text = ok ? cJSON_PrintUnformatted(header) : NULL;
    cJSON_Delete(header);
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
