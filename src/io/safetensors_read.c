/*
 * Reading safetensors. Nothing in the file is believed: lengths, offsets, shapes and names are
 * checked before any of them is used, so that a damaged or hostile file is only ever an error.
 */
#define _POSIX_C_SOURCE 200809L /* pread, O_CLOEXEC */

#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base.h"
#include "base/escape.h"
#include "io/mapped.h"
#include "io/safetensors.h"
#include "io/seal.h"

enum { LENGTH_BYTES = 8, MAX_HEADER = 100 * 1000 * 1000 };

struct tn_safetensors {
    char *path;
    int fd;               /* -1: it is in memory, */
    const uint8_t *bytes; /* of somebody else's; else NULL */
    cJSON *header;        /* owns every name and text below */
    const cJSON *meta;
    tn_safetensor *tensor; /* sorted by name */
    size_t count;
    size_t file_bytes, data_begin;
};

/* The types of the format that are whole bytes. */
static const struct {
    const char *type;
    int dtype;
    size_t bytes;
} types[] = {
    {"F32", TN_F32, 4}, {"F16", TN_F16, 2}, {"BF16", TN_BF16, 2}, {"I32", TN_I32, 4},
    {"U8", TN_U8, 1},   {"F64", -1, 8},     {"I64", -1, 8},       {"U64", -1, 8},
    {"U32", -1, 4},     {"I16", -1, 2},     {"U16", -1, 2},       {"I8", -1, 1},
    {"BOOL", -1, 1},    {"F8_E4M3", -1, 1}, {"F8_E5M2", -1, 1},
};

const char *tn_safetensors_type(int dtype)
{
    for (size_t i = 0; i < TN_COUNT(types); i++)
        if (types[i].dtype == dtype && dtype >= 0)
            return types[i].type;
    return "?";
}

static tn_status read_at(const tn_safetensors *f, void *to, size_t bytes, size_t offset)
{
    if (!f->bytes)
        return tn_read_at(f->fd, f->path, to, bytes, offset);
    if (bytes > f->file_bytes - offset)
        return tn_fail(TN_ERR_FORMAT, "%s: ends at byte %zu, %zu too early", f->path, f->file_bytes,
                       bytes - (f->file_bytes - offset));
    memcpy(to, f->bytes + offset, bytes);
    return TN_OK;
}

/* O_NONBLOCK: opening a FIFO would wait for a writer. */
static tn_status open_file(tn_safetensors *f)
{
    f->fd = open(f->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat s;
    if (f->fd < 0 || fstat(f->fd, &s) != 0)
        return tn_fail(TN_ERR_IO, "%s: %s", f->path, strerror(errno));
    if (!S_ISREG(s.st_mode))
        return tn_fail(TN_ERR_FORMAT, "%s: is not a regular file", f->path);
    f->file_bytes = (size_t)s.st_size;
    return TN_OK;
}

/* Names and texts as they were before they were escaped. */
static void unescape(cJSON *item)
{
    for (; item; item = item->next) {
        if (item->string)
            tn_text_unescape(item->string);
        if (cJSON_IsString(item))
            tn_text_unescape(item->valuestring);
        unescape(item->child);
    }
}

static tn_status parse_header(tn_safetensors *f)
{
    unsigned char length[LENGTH_BYTES];
    TN_TRY(read_at(f, length, sizeof length, 0));
    uint64_t bytes = 0;
    for (int i = LENGTH_BYTES - 1; i >= 0; i--)
        bytes = bytes << 8 | length[i];
    if (bytes > MAX_HEADER || bytes > f->file_bytes - LENGTH_BYTES)
        return tn_fail(TN_ERR_FORMAT,
                       "%s: is not safetensors, or is cut off: its header would have %llu bytes",
                       f->path, (unsigned long long)bytes);
    f->data_begin = LENGTH_BYTES + (size_t)bytes;
    char *text = tn_alloc((size_t)bytes + 1, 1);
    if (!text)
        return tn_no_memory("safetensors header", (size_t)bytes);
    const tn_status status = read_at(f, text, (size_t)bytes, LENGTH_BYTES);
    const char *end = text;
    if (status == TN_OK)
        f->header = cJSON_ParseWithLengthOpts(text, (size_t)bytes, &end, false);
    const size_t parsed = (size_t)(end - text), padding = strspn(end, " ");
    tn_free(text);
    if (status != TN_OK)
        return status;
    if (!cJSON_IsObject(f->header) || parsed + padding != bytes)
        return tn_fail(TN_ERR_FORMAT, "%s: its header is not a JSON object, from byte %zu on",
                       f->path, LENGTH_BYTES + parsed);
    const cJSON *meta = cJSON_GetObjectItemCaseSensitive(f->header, "__metadata__");
    if (cJSON_GetObjectItemCaseSensitive(meta, TN_SAFETENSORS_ESCAPES))
        unescape(f->header);
    return TN_OK;
}

/* A whole number that a double holds exactly: what dimensions and offsets must be. */
static bool whole(const cJSON *item, size_t *out)
{
    if (!cJSON_IsNumber(item) || !(item->valuedouble >= 0 && item->valuedouble <= 0x1p53))
        return false;
    *out = (size_t)item->valuedouble;
    return (double)*out == item->valuedouble;
}

/* Fills in where a tensor is; false: its data_offsets are none. */
static bool parse_place(const cJSON *item, tn_safetensor *t)
{
    const cJSON *offsets = cJSON_GetObjectItemCaseSensitive(item, "data_offsets");
    size_t end;
    if (cJSON_GetArraySize(offsets) != 2 || !whole(cJSON_GetArrayItem(offsets, 0), &t->begin) ||
        !whole(cJSON_GetArrayItem(offsets, 1), &end) || end < t->begin)
        return false;
    t->bytes = end - t->begin;
    return true;
}

/* Fills in what a tensor is; NULL, or what is wrong with it. */
static const char *parse_type(const cJSON *item, tn_safetensor *t)
{
    const char *type = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(item, "dtype"));
    size_t i = 0;
    while (i < TN_COUNT(types) && !(type && strcmp(types[i].type, type) == 0))
        i++;
    t->type = type ? type : "?";
    t->dtype = i < TN_COUNT(types) ? types[i].dtype : -1;
    if (i == TN_COUNT(types))
        return "its dtype is none that is known";

    const cJSON *shape = cJSON_GetObjectItemCaseSensitive(item, "shape"), *dim;
    size_t bytes = types[i].bytes;
    if (!cJSON_IsArray(shape) || cJSON_GetArraySize(shape) > TN_MAX_DIMS)
        return "it has no shape, or one of too many dimensions";
    cJSON_ArrayForEach(dim, shape)
    {
        size_t d;
        if (!whole(dim, &d))
            return "a dimension is not a whole number";
        if (d > 0 && bytes > SIZE_MAX / d)
            return "its shape has more elements than can be counted";
        bytes *= d;
        t->shape.dim[t->shape.ndim++] = (int64_t)d;
    }
    return t->bytes == bytes ? NULL : "its data_offsets do not fit its shape and dtype";
}

static int by_place(const void *a, const void *b)
{
    const tn_safetensor *x = a, *y = b;
    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    return (x->bytes > y->bytes) - (x->bytes < y->bytes); /* empty ones first */
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const tn_safetensor *)a)->name, ((const tn_safetensor *)b)->name);
}

static tn_status parse_tensors(tn_safetensors *f)
{
    f->tensor = tn_alloc((size_t)cJSON_GetArraySize(f->header), sizeof *f->tensor);
    if (!f->tensor)
        return tn_no_memory("safetensors tensors", sizeof *f->tensor);
    const cJSON *item;
    cJSON_ArrayForEach(item, f->header)
    {
        if (strcmp(item->string, "__metadata__") == 0) {
            if (f->meta)
                return tn_fail(TN_ERR_FORMAT, "%s: has __metadata__ twice", f->path);
            f->meta = item;
            continue;
        }
        tn_safetensor *t = &f->tensor[f->count++];
        t->name = item->string;
        if (!parse_place(item, t))
            return tn_fail(TN_ERR_FORMAT,
                           "%s: tensor %s: its data_offsets are not two rising whole numbers",
                           f->path, item->string);
        t->wrong = parse_type(item, t);
    }
    return TN_OK;
}

/* Every byte behind the header belongs to exactly one tensor, and no name is there twice. */
static tn_status check_places(tn_safetensors *f)
{
    qsort(f->tensor, f->count, sizeof *f->tensor, by_place);
    size_t place = 0;
    for (size_t i = 0; i < f->count; i++) {
        const tn_safetensor *t = &f->tensor[i];
        if (t->begin != place)
            return tn_fail(TN_ERR_FORMAT,
                           "%s: tensor %s begins at %zu, but the one before it ends at %zu",
                           f->path, t->name, t->begin, place);
        place += t->bytes;
    }
    if (place != f->file_bytes - f->data_begin)
        return tn_fail(TN_ERR_FORMAT, "%s: has %zu bytes of tensors, its header tells of %zu",
                       f->path, f->file_bytes - f->data_begin, place);
    qsort(f->tensor, f->count, sizeof *f->tensor, by_name);
    for (size_t i = 1; i < f->count; i++)
        if (by_name(&f->tensor[i - 1], &f->tensor[i]) == 0)
            return tn_fail(TN_ERR_FORMAT, "%s: has tensor %s twice", f->path, f->tensor[i].name);
    return TN_OK;
}

static tn_status open_any(tn_safetensors **out, const char *path, const uint8_t *bytes, size_t size)
{
    tn_safetensors *f = tn_alloc(1, sizeof *f);
    if (!f)
        return tn_no_memory("safetensors", sizeof *f);
    f->fd = -1;
    f->bytes = bytes;
    f->file_bytes = size;
    f->path = tn_copy_text(path);
    tn_status status = f->path ? TN_OK : tn_no_memory("safetensors path", strlen(path));
    if (status == TN_OK && !bytes)
        status = open_file(f);
    if (status == TN_OK)
        status = parse_header(f);
    if (status == TN_OK)
        status = parse_tensors(f);
    if (status == TN_OK)
        status = check_places(f);
    if (status != TN_OK) {
        tn_safetensors_close(f);
        return status;
    }
    *out = f;
    return TN_OK;
}

tn_status tn_safetensors_open(tn_safetensors **out, const char *path)
{
    return open_any(out, path, NULL, 0);
}

tn_status tn_safetensors_open_bytes(tn_safetensors **out, const char *name, const void *bytes,
                                    size_t size)
{
    return open_any(out, name, bytes, size);
}

void tn_safetensors_close(tn_safetensors *f)
{
    if (!f)
        return;
    if (f->fd >= 0)
        close(f->fd); /* read only: nothing can be lost */
    cJSON_Delete(f->header);
    tn_free(f->tensor);
    tn_free(f->path);
    tn_free(f);
}

size_t tn_safetensors_count(const tn_safetensors *f)
{
    return f->count;
}

const tn_safetensor *tn_safetensors_at(const tn_safetensors *f, size_t index)
{
    return index < f->count ? &f->tensor[index] : NULL;
}

const tn_safetensor *tn_safetensors_find(const tn_safetensors *f, const char *name)
{
    const tn_safetensor key = {.name = name};
    return bsearch(&key, f->tensor, f->count, sizeof *f->tensor, by_name);
}

const char *tn_safetensors_meta(const tn_safetensors *f, const char *key)
{
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(f->meta, key));
}

const char *tn_safetensors_meta_at(const tn_safetensors *f, size_t index, const char **value)
{
    const cJSON *item = f->meta ? f->meta->child : NULL;
    while (item && index > 0) {
        item = item->next;
        index--;
    }
    *value = item ? cJSON_GetStringValue(item) : NULL;
    return item ? item->string : NULL;
}

const void *tn_safetensors_data(const tn_safetensors *f, const tn_safetensor *t)
{
    return f->bytes && !t->wrong ? f->bytes + f->data_begin + t->begin : NULL;
}

tn_status tn_safetensors_check_seal(const tn_safetensors *f, bool data)
{
    const char *header = (const char *)f->bytes + LENGTH_BYTES;
    const size_t size = f->data_begin - LENGTH_BYTES;
    const tn_seal told = tn_seal_find(header, size);
    if (!told.header || !told.data)
        return tn_fail(TN_ERR_FORMAT, "%s: is damaged: its header has no digests", f->path);
    tn_digest found;
    TN_TRY(tn_seal_of_header(header, size, told.header, &found));
    if (memcmp(header + told.header, found.text, TN_SEAL_DIGITS) != 0)
        return tn_fail(TN_ERR_FORMAT, "%s: is damaged: its header has the digest %s, not %.*s",
                       f->path, found.text, TN_SEAL_DIGITS, header + told.header);
    if (!data)
        return TN_OK;
    found = tn_digest_of(f->bytes + f->data_begin, f->file_bytes - f->data_begin);
    if (memcmp(header + told.data, found.text, TN_SEAL_DIGITS) == 0)
        return TN_OK;
    return tn_fail(TN_ERR_FORMAT, "%s: is damaged: its numbers have the digest %s, not %.*s",
                   f->path, found.text, TN_SEAL_DIGITS, header + told.data);
}

tn_status tn_safetensors_read(const tn_safetensors *f, const tn_safetensor *t, void *to)
{
    if (t->wrong)
        return tn_fail(TN_ERR_FORMAT, "%s: tensor %s: %s", f->path, t->name, t->wrong);
    return read_at(f, to, t->bytes, f->data_begin + t->begin);
}
