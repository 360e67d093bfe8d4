#include <float.h>
#include <string.h>

#include "io/proto.h"

/* How a value is written (the low three bits of a tag). */
enum { VARINT, FIXED_64, LENGTH, GROUP, GROUP_END, FIXED_32 };

/* Where one reads: up to `end`. */
typedef struct cursor {
    const uint8_t *at, *end;
} cursor;

/* One field with its value. */
typedef struct entry {
    int64_t number;
    int wire;
    uint64_t value;      /* of VARINT and FIXED */
    tn_proto_span bytes; /* of LENGTH */
} entry;

/* ---- bytes ------------------------------------------------------------------------------------ */

static bool varint(cursor *c, uint64_t *out)
{
    *out = 0;
    for (int shift = 0; shift < 70 && c->at < c->end; shift += 7) {
        const uint8_t byte = *c->at++;
        *out |= (uint64_t)(byte & 127) << shift;
        if (byte < 128)
            return shift < 63 || byte < 2;
    }
    return false;
}

static bool fixed(cursor *c, size_t size, uint64_t *out)
{
    *out = 0;
    if ((size_t)(c->end - c->at) < size)
        return false;
    for (size_t i = 0; i < size; i++)
        *out |= (uint64_t)c->at[i] << (8 * i);
    c->at += size;
    return true;
}

static bool length(cursor *c, tn_proto_span *out)
{
    uint64_t size;
    if (!varint(c, &size) || size > (uint64_t)(c->end - c->at))
        return false;
    *out = (tn_proto_span){c->at, (size_t)size};
    c->at += size;
    return true;
}

static bool next_entry(cursor *c, entry *e, int depth);

/* What proto2 once had in place of messages: passed over. */
static bool pass_group(cursor *c, int64_t number, int depth)
{
    entry e;
    while (depth < TN_PROTO_DEPTH && c->at < c->end && next_entry(c, &e, depth + 1))
        if (e.wire == GROUP_END)
            return e.number == number;
    return false;
}

/* False: damaged here. */
static bool next_entry(cursor *c, entry *e, int depth)
{
    uint64_t tag;
    *e = (entry){0};
    if (!varint(c, &tag) || tag >> 3 == 0 || tag >> 3 > TN_PROTO_STRAY)
        return false;
    e->number = (int64_t)(tag >> 3);
    e->wire = (int)(tag & 7);
    switch (e->wire) {
    case VARINT:
        return varint(c, &e->value);
    case FIXED_64:
        return fixed(c, 8, &e->value);
    case FIXED_32:
        return fixed(c, 4, &e->value);
    case LENGTH:
        return length(c, &e->bytes);
    case GROUP:
        return pass_group(c, e->number, depth);
    case GROUP_END:
        return depth > 0;
    default:
        return false;
    }
}

static cursor cursor_of(const tn_proto *m)
{
    static const uint8_t none[1];
    const uint8_t *at = m->bytes.at ? m->bytes.at : none;
    return (cursor){at, at + m->bytes.size};
}

/* ---- fields ----------------------------------------------------------------------------------- */

static const tn_proto_field *field_of(const tn_proto_field *type, int64_t number)
{
    for (; type->number; type++)
        if (type->number == number)
            return type;
    return NULL;
}

static int wire_of(tn_proto_kind kind)
{
    switch (kind) {
    case TN_PROTO_INT:
    case TN_PROTO_BOOL:
    case TN_PROTO_ENUM:
        return VARINT;
    case TN_PROTO_FLOAT:
        return FIXED_32;
    case TN_PROTO_DOUBLE:
        return FIXED_64;
    default:
        return LENGTH;
    }
}

/* Numbers one after the other, without tags. */
static bool is_packed(const tn_proto_field *f, const entry *e)
{
    return f->many && e->wire == LENGTH && wire_of(f->kind) != LENGTH;
}

static bool next_packed(cursor *c, int wire, uint64_t *out)
{
    return wire == VARINT ? varint(c, out) : fixed(c, wire == FIXED_32 ? 4 : 8, out);
}

/* How many numbers there are; -1: it is damaged. */
static int64_t count_packed(const tn_proto_field *f, tn_proto_span bytes)
{
    const int wire = wire_of(f->kind);
    cursor c = {bytes.at, bytes.at + bytes.size};
    int64_t count = 0;
    if (wire != VARINT) {
        const size_t size = wire == FIXED_32 ? 4 : 8;
        return bytes.size % size ? -1 : (int64_t)(bytes.size / size);
    }
    for (uint64_t value; c.at < c.end; count++)
        if (!varint(&c, &value))
            return -1;
    return count;
}

/* ---- checking --------------------------------------------------------------------------------- */

typedef struct checking {
    const char *file;
    const uint8_t *begin;
} checking;

static tn_status damaged(const checking *k, const uint8_t *at, const tn_proto_field *f,
                         const char *why)
{
    return tn_fail(TN_ERR_FORMAT, "%s: byte %zu: %s%s%s", k->file, (size_t)(at - k->begin),
                   f ? f->name : "", f ? ": " : "", why);
}

static tn_status check(const checking *k, const tn_proto *m, int depth);

static tn_status check_entry(const checking *k, const uint8_t *at, const tn_proto_field *f,
                             const entry *e, int depth)
{
    if (is_packed(f, e))
        return count_packed(f, e->bytes) < 0 ? damaged(k, at, f, "its list of numbers is damaged")
                                             : TN_OK;
    if (e->wire != wire_of(f->kind))
        return damaged(k, at, f,
                       "it is written as another type: the file is damaged or of another kind");
    if (f->kind != TN_PROTO_MESSAGE)
        return TN_OK;
    if (depth == TN_PROTO_DEPTH)
        return damaged(k, at, f, "messages lie in each other more than 32 deep");
    return check(k, &(tn_proto){f->type, e->bytes}, depth + 1);
}

static tn_status check(const checking *k, const tn_proto *m, int depth)
{
    cursor c = cursor_of(m);
    while (c.at < c.end) {
        const uint8_t *at = c.at;
        entry e;
        if (!next_entry(&c, &e, 0))
            return damaged(k, at, NULL, "the file is damaged or cut off here");
        const tn_proto_field *f = field_of(m->type, e.number);
        if (f)
            TN_TRY(check_entry(k, at, f, &e, depth));
    }
    return TN_OK;
}

tn_status tn_proto_check(const tn_proto *m, const char *file)
{
    return check(&(checking){file, m->bytes.at}, m, 0);
}

/* ---- one value -------------------------------------------------------------------------------- */

/* The last entry of that number, in the way its field is written. */
static bool find(const tn_proto *m, int number, entry *out)
{
    const tn_proto_field *f = field_of(m->type, number);
    cursor c = cursor_of(m);
    bool found = false;
    for (entry e; c.at < c.end && next_entry(&c, &e, 0);)
        if (e.number == number && (!f || e.wire == wire_of(f->kind) || is_packed(f, &e))) {
            *out = e;
            found = true;
        }
    return found;
}

bool tn_proto_has(const tn_proto *m, int number)
{
    entry e;
    return find(m, number, &e);
}

int64_t tn_proto_int(const tn_proto *m, int number, int64_t fallback)
{
    entry e;
    return find(m, number, &e) && e.wire == VARINT ? (int64_t)e.value : fallback;
}

static double real_of(int wire, uint64_t bits)
{
    double d;
    float f;
    const uint32_t low = (uint32_t)bits;
    memcpy(&f, &low, sizeof f);
    memcpy(&d, &bits, sizeof d);
    return wire == FIXED_32 ? (double)f : wire == FIXED_64 ? d : (double)(int64_t)bits;
}

double tn_proto_real(const tn_proto *m, int number, double fallback)
{
    entry e;
    return find(m, number, &e) && e.wire != LENGTH ? real_of(e.wire, e.value) : fallback;
}

tn_proto_span tn_proto_bytes(const tn_proto *m, int number)
{
    entry e;
    return find(m, number, &e) && e.wire == LENGTH ? e.bytes : (tn_proto_span){NULL, 0};
}

bool tn_proto_message(const tn_proto *m, int number, tn_proto *out)
{
    static const tn_proto_field none[1];
    const tn_proto_field *f = field_of(m->type, number);
    *out = (tn_proto){f && f->type ? f->type : none, tn_proto_bytes(m, number)};
    return out->bytes.at;
}

bool tn_proto_is(const tn_proto *m, int number, const char *text)
{
    const tn_proto_span s = tn_proto_bytes(m, number);
    return s.at && s.size == strlen(text) && memcmp(s.at, text, s.size) == 0;
}

int tn_proto_line(const tn_proto *m)
{
    return (int)tn_proto_int(m, TN_PROTO_LINE, 0);
}

/* ---- many ------------------------------------------------------------------------------------- */

tn_proto_walk tn_proto_begin(const tn_proto *m, int number)
{
    return (tn_proto_walk){.of = m, .number = number, .next = cursor_of(m).at};
}

/* What a binary file has beyond the table. */
static bool is_stray(const tn_proto_walk *w, const entry *e)
{
    return w->number == TN_PROTO_STRAY && e->number < TN_PROTO_LINE &&
           !field_of(w->of->type, e->number);
}

static bool found_stray(tn_proto_walk *w, const entry *e)
{
    const int length = snprintf(w->stray, sizeof w->stray, "field %d", (int)e->number);
    w->bytes = (tn_proto_span){(const uint8_t *)w->stray, (size_t)length};
    return true;
}

bool tn_proto_next(tn_proto_walk *w)
{
    const tn_proto_field *f = field_of(w->of->type, w->number);
    cursor c = {w->next, cursor_of(w->of).end};
    for (entry e; c.at < c.end && next_entry(&c, &e, 0);) {
        w->next = c.at;
        if (is_stray(w, &e))
            return found_stray(w, &e);
        if (e.number != w->number || e.wire != LENGTH)
            continue;
        w->bytes = e.bytes;
        w->message = (tn_proto){f ? f->type : NULL, e.bytes};
        return true;
    }
    w->next = c.end;
    return false;
}

/* Each number of a field, packed or not. */
static size_t numbers(const tn_proto *m, int number, void *arg,
                      void (*give)(void *arg, size_t index, int wire, uint64_t bits))
{
    const tn_proto_field *f = field_of(m->type, number);
    const int wire = f ? wire_of(f->kind) : LENGTH;
    size_t count = 0;
    cursor c = cursor_of(m);
    for (entry e; c.at < c.end && next_entry(&c, &e, 0);) {
        if (e.number != number)
            continue;
        if (e.wire == LENGTH && wire != LENGTH) {
            cursor in = {e.bytes.at, e.bytes.at + e.bytes.size};
            for (uint64_t bits; in.at < in.end && next_packed(&in, wire, &bits);)
                give(arg, count++, wire, bits);
        } else {
            give(arg, count++, e.wire, e.value);
        }
    }
    return count;
}

static void give_nothing(void *arg, size_t index, int wire, uint64_t bits)
{
    (void)arg, (void)index, (void)wire, (void)bits;
}

size_t tn_proto_count(const tn_proto *m, int number)
{
    return numbers(m, number, NULL, give_nothing);
}

typedef struct room {
    int64_t *ints;
    float *floats;
    size_t count;
} room;

static void give(void *arg, size_t index, int wire, uint64_t bits)
{
    const room *r = arg;
    if (index >= r->count)
        return;
    if (r->ints)
        r->ints[index] = (int64_t)bits;
    else if (wire == FIXED_32)
        memcpy(&r->floats[index], &(uint32_t){(uint32_t)bits}, sizeof *r->floats);
    else
        r->floats[index] = (float)real_of(wire, bits);
}

size_t tn_proto_ints(const tn_proto *m, int number, int64_t *to, size_t room_for)
{
    room r = {.ints = to, .count = room_for};
    return numbers(m, number, &r, give);
}

size_t tn_proto_floats(const tn_proto *m, int number, float *to, size_t room_for)
{
    room r = {.floats = to, .count = room_for};
    return numbers(m, number, &r, give);
}
