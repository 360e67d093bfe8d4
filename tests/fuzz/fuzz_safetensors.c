/*
 * Safetensors files: whatever the bytes, opening comes back with tensors that can be read or say why not, or an
 * error and its reason.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "fuzz.h"
#include "io/safetensors.h"

const int fuzz_rounds = 3000;

/* The reader takes paths; one file a process, written anew for each input. */
static const char *write_input(const uint8_t *bytes, size_t size)
{
    static char path[64];
    snprintf(path, sizeof path, "/tmp/tenon-fuzz-%ld.safetensors", (long)getpid());
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(bytes, 1, size, f) != size || fclose(f) != 0)
        abort();
    return path;
}

static void read_all(const tn_safetensors *f)
{
    for (size_t i = 0; i < tn_safetensors_count(f); i++) {
        const tn_safetensor *t = tn_safetensors_at(f, i);
        if (tn_safetensors_find(f, t->name) != t)
            abort();
        void *numbers = malloc(t->bytes + 1);
        if (!numbers || (tn_safetensors_read(f, t, numbers) == TN_OK) == (t->wrong != NULL))
            abort();
        free(numbers);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    const char *path = write_input(bytes, size);
    tn_safetensors *f = NULL;
    const tn_status status = tn_safetensors_open(&f, path);
    if (status == TN_OK) {
        read_all(f);
        tn_safetensors_meta(f, "classes");
    } else if (tn_error()[0] == '\0') {
        abort();
    }
    tn_safetensors_close(f);
    remove(path);
    if (tn_alloc_live() != 0)
        abort();
    return 0;
}

static void seed(void (*each)(void *, const uint8_t *, size_t), void *arg, const char *header,
                 size_t data)
{
    uint8_t bytes[1024] = {0};
    const size_t length = strlen(header);
    bytes[0] = (uint8_t)length;
    bytes[1] = (uint8_t)(length >> 8);
    memcpy(bytes + 8, header, length);
    memset(bytes + 8 + length, 0x40, data);
    each(arg, bytes, 8 + length + data);
}

void fuzz_seeds(void (*each)(void *arg, const uint8_t *bytes, size_t size), void *arg)
{
    seed(each, arg, "{}      ", 0);
    seed(each, arg,
         "{\"__metadata__\":{\"classes\":\"a\\nb \\u00e4\"},"
         "\"conv1.weight\":{\"dtype\":\"F32\",\"shape\":[2,1,2,2],\"data_offsets\":[0,32]},"
         "\"conv1.bias\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[32,40]},"
         "\"step\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[40,48]}}",
         48);
    seed(each, arg,
         "{\"__metadata__\":{\"tenon.escapes\":\"\",\"classes\":\"\xEF\x9E\x80\xEF\x9F\xBF\"},"
         "\"a\\uf7e9\":{\"dtype\":\"F4\",\"shape\":[2],\"data_offsets\":[0,1]}}",
         1);
}
