/*
 * Writing safetensors: aside (base/aside.h), so that whoever opens PATH finds the old file or the new one,
 * whole.
 */
#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

#include "base/aside.h"
#include "base/base.h"
#include "base/escape.h"
#include "io/safetensors.h"
#include "io/seal.h"

enum { LENGTH_BYTES = 8, ALIGNMENT = 64 };

struct tn_safetensors_writer {
    tn_aside file;
    size_t left;    /* bytes of tensors still to come */
    char *header;   /* of a sealed file, with its padding; else NULL */
    size_t size;    /* of that */
    size_t written; /* bytes of tensors so far */
    tn_digesting *digest;
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
    bool ok =
        add(h, h->json, t->name, item) &&
        tn_shape_bytes(&t->shape, (tn_dtype)t->dtype, &bytes) == TN_OK &&
        cJSON_AddStringToObject(item, "dtype", t->type ? t->type : tn_safetensors_type(t->dtype)) &&
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

static tn_status write_length(tn_safetensors_writer *w, size_t size)
{
    unsigned char length[LENGTH_BYTES];
    for (int i = 0; i < LENGTH_BYTES; i++)
        length[i] = (unsigned char)((uint64_t)size >> 8 * i);
    return tn_aside_write(&w->file, length, sizeof length);
}

/* So that what is behind it begins at a multiple of 64. */
static tn_status write_header(tn_safetensors_writer *w, const char *text, bool sealed)
{
    const size_t used = strlen(text);
    w->size = used + (ALIGNMENT - (LENGTH_BYTES + used) % ALIGNMENT) % ALIGNMENT;
    w->header = tn_alloc(w->size + 1, 1);
    if (!w->header)
        return tn_no_memory("safetensors header", w->size);
    memset(w->header, ' ', w->size);
    memcpy(w->header, text, used);
    TN_TRY(write_length(w, w->size));
    TN_TRY(tn_aside_write(&w->file, w->header, w->size));
    if (!sealed)
        return TN_OK;
    w->digest = tn_digest_begin();
    return w->digest ? TN_OK : tn_no_memory("a digest", 1);
}

static tn_status begin(tn_safetensors_writer *w, const char *path, const tn_safetensor *tensors,
                       size_t count, const tn_meta *meta, size_t num_meta, bool sealed)
{
    for (size_t i = 0; i < count; i++) {
        size_t bytes;
        TN_TRY(tn_shape_bytes(&tensors[i].shape, (tn_dtype)tensors[i].dtype, &bytes));
        w->left += bytes;
    }
    char *text = make_header(tensors, count, meta, num_meta);
    if (!text)
        return tn_no_memory("safetensors header", count * sizeof *tensors);
    tn_status status = tn_aside_open(&w->file, path);
    if (status == TN_OK)
        status = write_header(w, text, sealed);
    cJSON_free(text);
    return status;
}

static tn_status create(tn_safetensors_writer **out, const char *path, const tn_safetensor *tensors,
                        size_t count, const tn_meta *meta, size_t num_meta, bool sealed)
{
    tn_safetensors_writer *w = tn_alloc(1, sizeof *w);
    if (!w)
        return tn_no_memory("safetensors", sizeof *w);
    const tn_status status = begin(w, path, tensors, count, meta, num_meta, sealed);
    if (status != TN_OK) {
        tn_safetensors_destroy(w);
        return status;
    }
    *out = w;
    return TN_OK;
}

tn_status tn_safetensors_create(tn_safetensors_writer **out, const char *path,
                                const tn_safetensor *tensors, size_t count, const tn_meta *meta,
                                size_t num_meta)
{
    return create(out, path, tensors, count, meta, num_meta, false);
}

/* ---- sealed ----------------------------------------------------------------------------------- */

enum { PAD_NAME = 16 };

static size_t pad_at(size_t place)
{
    return (ALIGNMENT - place % ALIGNMENT) % ALIGNMENT;
}

/* All tensors, with those between them; names[] is where the names of the latter go. */
static tn_status lay_out(const tn_safetensor *tensors, size_t count, tn_safetensor *all,
                         size_t *num_all, char (*names)[PAD_NAME])
{
    size_t place = 0, pads = 0;
    for (size_t i = 0; i < count; i++) {
        size_t bytes;
        const size_t pad = pad_at(place);
        TN_TRY(tn_shape_bytes(&tensors[i].shape, (tn_dtype)tensors[i].dtype, &bytes));
        if (pad > 0) {
            snprintf(names[pads], PAD_NAME, TN_SAFETENSORS_PAD "%zu", pads);
            all[(*num_all)++] = (tn_safetensor){
                .name = names[pads++], .dtype = TN_U8, .shape = TN_SHAPE((int64_t)pad)};
        }
        all[(*num_all)++] = tensors[i];
        place += pad + bytes;
    }
    return TN_OK;
}

tn_status tn_safetensors_create_sealed(tn_safetensors_writer **out, const char *path,
                                       const tn_safetensor *tensors, size_t count,
                                       const tn_meta *meta, size_t num_meta)
{
    size_t num_all = 0;
    tn_meta *told = tn_alloc(num_meta + 2, sizeof *told);
    tn_safetensor *all = tn_alloc(2 * count, sizeof *all);
    char(*names)[PAD_NAME] = tn_alloc(count, sizeof *names);
    tn_status status = told && all && names ? TN_OK : tn_no_memory("safetensors", count);
    if (status == TN_OK)
        status = lay_out(tensors, count, all, &num_all, names);
    if (status == TN_OK) {
        told[0] = (tn_meta){TN_SEAL_HEADER, TN_SEAL_ZERO};
        told[1] = (tn_meta){TN_SEAL_DATA, TN_SEAL_ZERO};
        if (num_meta > 0)
            memcpy(told + 2, meta, num_meta * sizeof *meta);
        status = create(out, path, all, num_all, told, num_meta + 2, true);
    }
    tn_free(told);
    tn_free(all);
    tn_free(names);
    return status;
}

/* The digits of a digest take the place of zeros, in the header that is kept and in the file's. */
static tn_status put(tn_safetensors_writer *w, size_t at, const tn_digest *digest)
{
    memcpy(w->header + at, digest->text, TN_SEAL_DIGITS);
    return tn_aside_write_at(&w->file, digest->text, TN_SEAL_DIGITS, LENGTH_BYTES + at);
}

static tn_status seal(tn_safetensors_writer *w)
{
    const tn_seal at = tn_seal_find(w->header, w->size);
    const tn_digest data = tn_digest_end(w->digest);
    tn_digest whole;
    w->digest = NULL;
    TN_TRY(put(w, at.data, &data));
    TN_TRY(tn_seal_of_header(w->header, w->size, at.header, &whole));
    return put(w, at.header, &whole);
}

/* ---- then ------------------------------------------------------------------------------------- */

static tn_status append(tn_safetensors_writer *w, const void *data, size_t bytes)
{
    if (bytes > w->left)
        return tn_fail(TN_ERR_ARGUMENT, "%s: %zu bytes more than its header tells of",
                       w->file.given, bytes - w->left);
    TN_TRY(tn_aside_write(&w->file, data, bytes));
    if (w->digest)
        tn_digest_add(w->digest, data, bytes);
    w->left -= bytes;
    w->written += bytes;
    return TN_OK;
}

tn_status tn_safetensors_write(tn_safetensors_writer *w, const void *data, size_t bytes)
{
    static const unsigned char zero[ALIGNMENT];
    const size_t pad = w->digest ? pad_at(w->written) : 0;
    if (pad > 0 && w->left > 0)
        TN_TRY(append(w, zero, pad));
    return append(w, data, bytes);
}

tn_status tn_safetensors_commit(tn_safetensors_writer *w)
{
    if (w->left > 0)
        return tn_fail(TN_ERR_ARGUMENT, "%s: %zu bytes fewer than its header tells of",
                       w->file.given, w->left);
    if (w->digest)
        TN_TRY(seal(w));
    return tn_aside_place(&w->file);
}

void tn_safetensors_destroy(tn_safetensors_writer *w)
{
    if (!w)
        return;
    if (w->digest)
        (void)tn_digest_end(w->digest);
    tn_aside_discard(&w->file);
    tn_free(w->header);
    tn_free(w);
}
