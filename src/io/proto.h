/*
 * Protocol buffers by tables: files of other programs, in binary and in text form. What a message may hold is a table of
 * fields; nothing here knows whose messages they are.
 *
 * Reading copies nothing and takes no memory: a message is a piece of the file, and what is asked for is looked for in it.
 * tn_proto_check() goes through all of it once; after that the other functions find what they look for, or nothing.
 * Text is made binary first (tn_proto_of_text()), so that there is one reader. Fields that a table does not know are passed
 * over, and told by tn_proto_next() with TN_PROTO_STRAY, and so are words that an enumeration does not have: whether one
 * matters is for who knows what it means.
 *
 * Encoding: protobuf.dev/programming-guides/encoding; text: protobuf.dev/reference/protobuf/textformat-spec.
 * Threads: nothing has a state but what it is given.
 */
#ifndef TN_PROTO_H
#define TN_PROTO_H

#include "base/base.h"

typedef enum tn_proto_kind {
    TN_PROTO_INT, /* int32, int64, uint32, uint64; not sint and fixed, which nobody asked for */
    TN_PROTO_BOOL,
    TN_PROTO_ENUM,
    TN_PROTO_FLOAT,
    TN_PROTO_DOUBLE,
    TN_PROTO_TEXT,
    TN_PROTO_BYTES,
    TN_PROTO_MESSAGE
} tn_proto_kind;

/* A word of an enumeration; the last of a table has no name. */
typedef struct tn_proto_word {
    const char *name;
    int number;
} tn_proto_word;

/* A message's type is a table of these; the last one has number 0. */
typedef struct tn_proto_field {
    int number;
    const char *name;
    tn_proto_kind kind;
    bool many;                         /* repeated, packed or not */
    const struct tn_proto_field *type; /* of a message */
    const tn_proto_word *words;        /* of an enumeration */
} tn_proto_field;

enum {
    TN_PROTO_DEPTH = 32, /* messages in messages */
    /* Numbers beyond all that may be declared (2^29 - 1), by which text leaves something in the binary form. */
    TN_PROTO_LINE = 1 << 29, /* of the text, where the message begins */
    TN_PROTO_STRAY           /* a field that the table does not know: a text */
};

/* A piece of a file. `at` is NULL where there is none; not ended by 0. */
typedef struct tn_proto_span {
    const uint8_t *at;
    size_t size;
} tn_proto_span;

typedef struct tn_proto {
    const tn_proto_field *type;
    tn_proto_span bytes;
} tn_proto;

/* @return TN_ERR_FORMAT: the file, the byte and the field at which it is damaged or too deep. */
tn_status tn_proto_check(const tn_proto *m, const char *file);

/* ---- one value: the last one, as the format has it ---- */

bool tn_proto_has(const tn_proto *m, int number);
int64_t tn_proto_int(const tn_proto *m, int number,
                     int64_t fallback); /* bools and enumerations, too */
double tn_proto_real(const tn_proto *m, int number, double fallback);
tn_proto_span tn_proto_bytes(const tn_proto *m, int number);
bool tn_proto_message(const tn_proto *m, int number, tn_proto *out); /* false, and empty: none */
bool tn_proto_is(const tn_proto *m, int number, const char *text);
/* The line of a text at which it begins; 0 of a binary file. */
int tn_proto_line(const tn_proto *m);

/* ---- many ---- */

/* Each message or text of a field, in their order:
 *     for (tn_proto_walk w = tn_proto_begin(m, 1); tn_proto_next(&w);) ... w.bytes or w.message
 * Strays: w.bytes is "12: resize_param", the line and the name, "12: pool MEAN" of a word, or in a binary file "field 150". */
typedef struct tn_proto_walk {
    const tn_proto *of;
    int number;
    const uint8_t *next;
    tn_proto_span bytes;
    tn_proto message;
    char stray[24];
} tn_proto_walk;
tn_proto_walk tn_proto_begin(const tn_proto *m, int number);
bool tn_proto_next(tn_proto_walk *w);
size_t tn_proto_count(const tn_proto *m, int number); /* numbers as well */

/* How many numbers there are, of which the first `room` are given. */
size_t tn_proto_ints(const tn_proto *m, int number, int64_t *to, size_t room);
size_t tn_proto_floats(const tn_proto *m, int number, float *to, size_t room); /* doubles too */

/* ---- writing ---- */

/* Writes the bytes that number `index` of something has. */
typedef tn_status tn_proto_read(const void *of, size_t index, void *to);

/* A message that grows; begins as {0}. What goes wrong first stays in `status`, and nothing more is put then. */
typedef struct tn_proto_out {
    uint8_t *bytes;
    size_t size, capacity;
    struct tn_proto_lent { /* bytes of others, that belong behind `before` of our own */
        size_t before;
        tn_proto_span span; /* of what is asked for later the size alone */
        tn_proto_read *read;
        const void *of;
        size_t index;
    } * lent;
    size_t num_lent, lent_capacity;
    size_t lent_size; /* of all of them */
    tn_status status;
} tn_proto_out;

void tn_proto_put_int(tn_proto_out *o, int number, int64_t value);
void tn_proto_put_float(tn_proto_out *o, int number, float value);
void tn_proto_put_double(tn_proto_out *o, int number, double value);
void tn_proto_put_bytes(tn_proto_out *o, int number, const void *at, size_t size);
void tn_proto_put_text(tn_proto_out *o, int number, const char *text);
/* Bytes that are not copied, so must be there until the message is written to its file. */
void tn_proto_lend(tn_proto_out *o, int number, const void *at, size_t size);
/* Bytes that are asked for when the file is written, one after the other in the same memory. */
void tn_proto_lend_later(tn_proto_out *o, int number, size_t size, tn_proto_read *read,
                         const void *of, size_t index);
/* A message in it: what is put between belongs to that. */
typedef struct tn_proto_mark {
    size_t at, lent;
} tn_proto_mark;
tn_proto_mark tn_proto_put_message(tn_proto_out *o, int number);
void tn_proto_end_message(tn_proto_out *o, tn_proto_mark mark);
/* The file appears whole or not at all. */
tn_status tn_proto_save(const tn_proto_out *o, const char *path);
void tn_proto_drop(tn_proto_out *o);

/* ---- text ---- */

/* Text as a message of that type, in out->bytes, with lines and strays; `file` is for messages. @return TN_ERR_FORMAT naming
 * the line and column: no such text, a value that its field cannot have, a field said twice, too deep. */
tn_status tn_proto_of_text(tn_proto_out *out, const tn_proto_field *type, const char *file,
                           const char *text, size_t size);

#endif
