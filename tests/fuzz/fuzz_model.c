/*
 * Models: whatever the bytes, there is a model whose net, facts and numbers can be asked for, or an error and its reason.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <tenon/model.h>

#include "base/base.h"
#include "fuzz.h"

const int fuzz_rounds = 3000;

/* The reader takes paths; one file a process, written anew for each input. */
static const char *write_input(const uint8_t *bytes, size_t size)
{
    static char path[64];
    snprintf(path, sizeof path, "/tmp/tenon-fuzz-%ld.model", (long)getpid());
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(bytes, 1, size, f) != size || fclose(f) != 0)
        abort();
    return path;
}

static void ask(const tn_model *m)
{
    tn_picture picture;
    tn_shape shape;
    for (int i = 0; tn_model_class(m, i); i++)
        if (i >= tn_model_num_classes(m))
            abort();
    for (int i = 0; tn_model_tensor(m, i, &shape); i++)
        if (shape.ndim < 0 || shape.ndim > TN_MAX_DIMS)
            abort();
    if (!tn_model_graph(m) != !tn_model_fact(m, "tenon.graph"))
        abort();
    if (tn_model_picture(m, &picture) == TN_OK &&
        (picture.input.id == 0 || picture.fit.height < 1 || picture.fit.width < 1))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    const char *path = write_input(bytes, size);
    tn_model *m = NULL;
    if (tn_model_open(&m, path, &(tn_model_opts){.no_net = size % 2}) == TN_OK)
        ask(m);
    else if (tn_error()[0] == '\0')
        abort();
    tn_model_close(m);
    remove(path);
    if (tn_alloc_live() != 0)
        abort();
    return 0;
}

static void seed(void (*each)(void *, const uint8_t *, size_t), void *arg, const char *header,
                 size_t data)
{
    uint8_t bytes[2048] = {0};
    const size_t length = strlen(header);
    bytes[0] = (uint8_t)length;
    bytes[1] = (uint8_t)(length >> 8);
    memcpy(bytes + 8, header, length);
    memset(bytes + 8 + length, 0x40, data);
    each(arg, bytes, 8 + length + data);
}

void fuzz_seeds(void (*each)(void *arg, const uint8_t *bytes, size_t size), void *arg)
{
    static const char text[] = "tenon graph 1\ninput i u8 N 4 4 3\nx = image_input(i)\n"
                               "fc = dense(x) units=2\noutput fc\n";
    each(arg, (const uint8_t *)text, sizeof text - 1);
    seed(each, arg,
         "{\"__metadata__\":{\"tenon.version\":\"0.1.0\",\"tenon.optimizer\":\"sgd momentum\","
         "\"tenon.fit\":\"resize=8 order=bgr\",\"tenon.classes\":\"a\\nb\","
         "\"tenon.graph\":\"tenon graph 1\\ninput i u8 N 4 4 3\\nx = image_input(i)\\n"
         "fc = dense(x) units=2\\noutput fc\\n\"},"
         "\"fc.bias\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
         "\"fc.weight\":{\"dtype\":\"F32\",\"shape\":[2,2],\"data_offsets\":[8,24]},"
         "\"optimizer.fc.bias.momentum\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[24,32]}"
         "}",
         32);
}
