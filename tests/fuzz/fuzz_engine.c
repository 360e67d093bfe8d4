#define _POSIX_C_SOURCE 200809L /* fmemopen */
/*
 * Engines: whatever the bytes, opening comes back with one that can be asked for all that it is, or an error and its reason. Each
 * input is opened as it is, which its digests see to, and with digests that are right, as who means harm would make them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tenon/infer.h>

#include "base/base.h"
#include "fuzz.h"
#include "io/seal.h"

const int fuzz_rounds = 3000;

static void ask(const tn_engine *e)
{
    char text[1 << 12];
    FILE *to = fmemopen(text, sizeof text, "w");
    if (!to)
        abort();
    (void)!tn_engine_describe(e, to); /* there may be more of it than that */
    fclose(to);
    for (int output = 0; output < 2; output++)
        for (int i = 0; i < tn_engine_ports(e, output != 0); i++) {
            const tn_port *p = tn_engine_port(e, output != 0, i);
            int64_t count;
            if (!p->name || !p->op || tn_shape_count(&p->shape, &count) != TN_OK)
                abort();
        }
    for (int i = 0; i < tn_engine_num_classes(e); i++)
        if (!tn_engine_class(e, i))
            abort();
}

static void open_it(const uint8_t *bytes, size_t size)
{
    tn_engine *e = NULL;
    if (tn_engine_open_memory(&e, "fuzz", bytes, size, NULL) == TN_OK)
        ask(e);
    else if (tn_error()[0] == '\0')
        abort();
    tn_engine_close(e);
    if (tn_alloc_live() != 0)
        abort();
}

/* Digests that are right, if there is a place for them. */
static void seal(uint8_t *bytes, size_t size)
{
    uint64_t length = 0;
    for (int i = 7; i >= 0; i--)
        length = length << 8 | bytes[i];
    if (length > size - 8)
        return;
    char *header = (char *)bytes + 8;
    const tn_seal at = tn_seal_find(header, (size_t)length);
    tn_digest digest = tn_digest_of(bytes + 8 + length, size - 8 - (size_t)length);
    if (!at.header || !at.data)
        return;
    memcpy(header + at.data, digest.text, TN_SEAL_DIGITS);
    if (tn_seal_of_header(header, (size_t)length, at.header, &digest) == TN_OK)
        memcpy(header + at.header, digest.text, TN_SEAL_DIGITS);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    uint8_t *copy = malloc(size + 8);
    if (!copy)
        abort();
    memcpy(copy, bytes, size);
    open_it(copy, size);
    if (size >= 8)
        seal(copy, size);
    open_it(copy, size);
    free(copy);
    return 0;
}

static void seed(void (*each)(void *, const uint8_t *, size_t), void *arg, const char *graph,
                 const char *tensors, size_t data)
{
    uint8_t bytes[2048] = {0};
    char *header = (char *)bytes + 8;
    int length = snprintf(
        header, 1500,
        "{\"__metadata__\":{\"tenon.digest\":\"" TN_SEAL_ZERO "\",\"tenon.data\":\"" TN_SEAL_ZERO
        "\",\"tenon.version\":\"0.1.0\",\"tenon.engine\":\"1\",\"tenon.classes\":"
        "\"a\\nb\",\"tenon.fit\":\"resize=9 order=bgr\",\"tenon.kernels\":\"machine "
        "m\\nrows 1\\ny\\tk\",\"tenon.graph\":\"tenon "
        "graph 1\\n%s\"},%s}",
        graph, tensors);
    while ((8 + length) % 64)
        header[length++] = ' ';
    bytes[0] = (uint8_t)(length & 255);
    bytes[1] = (uint8_t)(length >> 8);
    seal(bytes, 8 + (size_t)length + data);
    tn_engine *e = NULL;
    tn_must(tn_engine_open_memory(&e, "seed", bytes, 8 + (size_t)length + data, NULL));
    tn_engine_close(e);
    each(arg, bytes, 8 + (size_t)length + data);
}

void fuzz_seeds(void (*each)(void *arg, const uint8_t *bytes, size_t size), void *arg)
{
    seed(each, arg,
         "input image u8 N 8 8 3\\nx = image_input(image) scale=0.01\\nc = conv2d(x) filters=1 "
         "kernel=1 no_bias\\ny = reduce(c) axes=1,2,3\\noutput y\\n",
         "\"c.weight\":{\"dtype\":\"F32\",\"shape\":[1,3,1,1],\"data_offsets\":[0,12]}", 12);
    seed(
        each, arg,
        "input x f32 N 4\\ny = dense(x) units=2 no_bias\\nz = softmax(y)\\noutput y\\noutput z\\n",
        "\"a\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[0,3]},\".pad0\":{\"dtype\":\"U8\","
        "\"shape\":[61],\"data_offsets\":[3,64]},\"y.weight\":{\"dtype\":\"F32\",\"shape\":[2,4],"
        "\"data_offsets\":[64,96]}",
        96);
    seed(
        each, arg,
        "input x f32 N 4\\nw = param() shape=2,4\\nq = fake_quant(w) axis=0\\ny = dense(x) units=2 "
        "no_bias weight.value=q\\noutput y\\n",
        "\".scale.w\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},\".pad0\":{"
        "\"dtype\":"
        "\"U8\",\"shape\":[56],\"data_offsets\":[8,64]},\"w\":{\"dtype\":\"I8\",\"shape\":[2,4],"
        "\"data_offsets\":[64,72]}",
        72);
    seed(each, arg, "input x f32 N 4\\ny = dense(x) units=2 no_bias\\noutput y\\n",
         "\"y.weight\":{\"dtype\":\"BF16\",\"shape\":[2,4],\"data_offsets\":[0,16]}", 16);
}
