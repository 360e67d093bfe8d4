/*
 * Protocol buffers: whatever the bytes, as a binary message and as text, they are read within bounds or refused with the place.
 * What was accepted as text passes the binary check, and every question finds an answer.
 */
#include <stdlib.h>
#include <string.h>

#include "../golden/proto.h"
#include "fuzz.h"
#include "io/proto.h"

const int fuzz_rounds = 60000;

static const tn_proto_word kinds[] = {{"MAX", 0}, {"AVE", 1}, {"STOCHASTIC", -2}, {NULL, 0}};

static const tn_proto_field node[] = {
    {1, "name", TN_PROTO_TEXT},
    {2, "pads", TN_PROTO_INT, .many = true},
    {3, "sizes", TN_PROTO_INT, .many = true},
    {4, "slope", TN_PROTO_FLOAT},
    {5, "fine", TN_PROTO_DOUBLE},
    {6, "on", TN_PROTO_BOOL},
    {7, "kind", TN_PROTO_ENUM, .words = kinds},
    {8, "data", TN_PROTO_FLOAT, .many = true},
    {9, "loose", TN_PROTO_FLOAT, .many = true},
    {10, "raw", TN_PROTO_BYTES},
    {11, "child", TN_PROTO_MESSAGE, .many = true, .type = node},
    {16, "words", TN_PROTO_TEXT, .many = true},
    {536870911, "far", TN_PROTO_INT},
    {0},
};

static void inside(const tn_proto *m, tn_proto_span s)
{
    if (s.at && (s.at < m->bytes.at || s.size > (size_t)(m->bytes.at + m->bytes.size - s.at)))
        abort();
}

static void ask(const tn_proto *m, int depth)
{
    int64_t ints[4];
    float floats[4];
    for (const tn_proto_field *f = node; f->number; f++) {
        (void)tn_proto_int(m, f->number, 0);
        (void)tn_proto_real(m, f->number, 0);
        (void)tn_proto_ints(m, f->number, ints, 4);
        if (tn_proto_floats(m, f->number, floats, 4) != tn_proto_count(m, f->number))
            abort();
        inside(m, tn_proto_bytes(m, f->number));
    }
    for (tn_proto_walk w = tn_proto_begin(m, TN_PROTO_STRAY); tn_proto_next(&w);)
        if (!w.bytes.at || !w.bytes.size)
            abort();
    for (tn_proto_walk w = tn_proto_begin(m, 11); tn_proto_next(&w);) {
        inside(m, w.bytes);
        if (depth < TN_PROTO_DEPTH)
            ask(&w.message, depth + 1);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    const tn_proto m = {node, {bytes, size}};
    if (tn_proto_check(&m, "fuzz") != TN_OK && strncmp(tn_error(), "fuzz: byte ", 11) != 0)
        abort();
    ask(&m, 0);
    tn_proto_out o = {0};
    if (tn_proto_of_text(&o, node, "fuzz", (const char *)bytes, size) == TN_OK) {
        const tn_proto made = {node, {o.bytes, o.size}};
        if (tn_proto_check(&made, "made") != TN_OK)
            abort();
        ask(&made, 0);
    } else if (strncmp(tn_error(), "fuzz:", 5) != 0) {
        abort();
    }
    tn_proto_drop(&o);
    if (tn_alloc_live() != 0)
        abort();
    return 0;
}

void fuzz_seeds(void (*seed)(void *arg, const uint8_t *bytes, size_t size), void *arg)
{
    seed(arg, proto_wire, sizeof proto_wire);
    seed(arg, (const uint8_t *)proto_text, strlen(proto_text));
}
