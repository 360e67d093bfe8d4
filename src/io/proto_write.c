#include <string.h>

#include "base/aside.h"
#include "io/proto.h"

/* The length of a message is known when it has ended: room for 35 bits of it is left before, which readers take
 * (a varint may have leading zeros). */
enum { LENGTH_BYTES = 5 };

static uint8_t *grow(tn_proto_out *o, size_t size)
{
    if (o->status != TN_OK)
        return NULL;
    if (o->capacity - o->size < size) {
        const size_t capacity = 2 * (o->size + size) + 64;
        uint8_t *bytes = tn_alloc(capacity, 1);
        if (!bytes) {
            o->status = tn_no_memory("a message", capacity);
            return NULL;
        }
        if (o->size)
            memcpy(bytes, o->bytes, o->size);
        tn_free(o->bytes);
        o->bytes = bytes;
        o->capacity = capacity;
    }
    o->size += size;
    return o->bytes + o->size - size;
}

static void put_varint(tn_proto_out *o, uint64_t value)
{
    uint8_t bytes[10];
    size_t count = 0;
    for (; value > 127; value >>= 7)
        bytes[count++] = (uint8_t)(value | 128);
    bytes[count++] = (uint8_t)value;
    uint8_t *to = grow(o, count);
    if (to)
        memcpy(to, bytes, count);
}

static void put_tag(tn_proto_out *o, int number, int wire)
{
    put_varint(o, (uint64_t)number << 3 | (uint64_t)wire);
}

static void put_fixed(tn_proto_out *o, uint64_t bits, size_t size)
{
    uint8_t *to = grow(o, size);
    for (size_t i = 0; to && i < size; i++)
        to[i] = (uint8_t)(bits >> (8 * i));
}

void tn_proto_put_int(tn_proto_out *o, int number, int64_t value)
{
    put_tag(o, number, 0);
    put_varint(o, (uint64_t)value);
}

void tn_proto_put_float(tn_proto_out *o, int number, float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    put_tag(o, number, 5);
    put_fixed(o, bits, sizeof bits);
}

void tn_proto_put_double(tn_proto_out *o, int number, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    put_tag(o, number, 1);
    put_fixed(o, bits, sizeof bits);
}

void tn_proto_put_bytes(tn_proto_out *o, int number, const void *at, size_t size)
{
    put_tag(o, number, 2);
    put_varint(o, size);
    uint8_t *to = grow(o, size);
    if (to && size)
        memcpy(to, at, size);
}

void tn_proto_put_text(tn_proto_out *o, int number, const char *text)
{
    tn_proto_put_bytes(o, number, text, strlen(text));
}

static void lend(tn_proto_out *o, int number, struct tn_proto_lent lent)
{
    put_tag(o, number, 2);
    put_varint(o, lent.span.size);
    if (o->status == TN_OK)
        o->status = tn_grow((void **)&o->lent, o->num_lent, &o->lent_capacity, sizeof *o->lent,
                            "a message");
    if (o->status != TN_OK)
        return;
    lent.before = o->size;
    o->lent[o->num_lent++] = lent;
    o->lent_size += lent.span.size;
}

void tn_proto_lend(tn_proto_out *o, int number, const void *at, size_t size)
{
    lend(o, number, (struct tn_proto_lent){.span = {at, size}});
}

void tn_proto_lend_later(tn_proto_out *o, int number, size_t size, tn_proto_read *read,
                         const void *of, size_t index)
{
    lend(o, number,
         (struct tn_proto_lent){.span = {NULL, size}, .read = read, .of = of, .index = index});
}

tn_proto_mark tn_proto_put_message(tn_proto_out *o, int number)
{
    put_tag(o, number, 2);
    grow(o, LENGTH_BYTES);
    return (tn_proto_mark){o->size, o->lent_size};
}

void tn_proto_end_message(tn_proto_out *o, tn_proto_mark mark)
{
    if (o->status != TN_OK)
        return;
    uint64_t size = o->size - mark.at + o->lent_size - mark.lent;
    uint8_t *to = o->bytes + mark.at - LENGTH_BYTES;
    for (int i = 0; i < LENGTH_BYTES; i++, size >>= 7)
        to[i] = (uint8_t)((size & 127) | (i + 1 < LENGTH_BYTES ? 128 : 0));
    if (size)
        o->status = tn_fail(TN_ERR_ARGUMENT, "a message of more than 32 GiB cannot be written");
}

/* Room for the largest of what is read. */
static tn_status take_buffer(const tn_proto_out *o, void **out)
{
    size_t most = 0;
    for (size_t i = 0; i < o->num_lent; i++)
        if (o->lent[i].read && o->lent[i].span.size > most)
            most = o->lent[i].span.size;
    *out = most ? tn_alloc_aligned(most) : NULL;
    return most && !*out ? tn_no_memory("a message", most) : TN_OK;
}

static tn_status write_all(const tn_proto_out *o, tn_aside *a, void *buffer)
{
    size_t at = 0;
    for (size_t i = 0; i < o->num_lent; i++) {
        const struct tn_proto_lent *l = &o->lent[i];
        if (l->read)
            TN_TRY(l->read(l->of, l->index, buffer));
        TN_TRY(tn_aside_write(a, o->bytes + at, l->before - at));
        TN_TRY(tn_aside_write(a, l->read ? buffer : l->span.at, l->span.size));
        at = l->before;
    }
    return tn_aside_write(a, o->bytes + at, o->size - at);
}

tn_status tn_proto_save(const tn_proto_out *o, const char *path)
{
    tn_aside a;
    void *buffer;
    if (o->status != TN_OK)
        return o->status;
    TN_TRY(take_buffer(o, &buffer));
    tn_status status = tn_aside_open(&a, path);
    if (status == TN_OK) {
        status = write_all(o, &a, buffer);
        if (status == TN_OK)
            status = tn_aside_place(&a);
        tn_aside_discard(&a);
    }
    tn_free(buffer);
    return status;
}

void tn_proto_drop(tn_proto_out *o)
{
    tn_free(o->bytes);
    tn_free(o->lent);
    *o = (tn_proto_out){0};
}
