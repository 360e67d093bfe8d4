/*
 * Headers of .npy files: whatever the bytes, there is a shape and data that begin within the file, or
 * an error with its reason.
 */
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "data/npy.h"
#include "fuzz.h"

const int fuzz_rounds = 20000;

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    tn_shape shape;
    size_t offset;
    if (tn_npy_parse("fuzz", bytes, size, TN_U8, &shape, &offset) == TN_OK) {
        if (offset > size || shape.ndim < 0 || shape.ndim > TN_MAX_DIMS)
            abort();
        for (int i = 0; i < shape.ndim; i++)
            if (shape.dim[i] < 0)
                abort();
    } else if (strncmp(tn_error(), "fuzz: ", 6) != 0) {
        abort();
    }
    return 0;
}

void fuzz_seeds(void (*seed)(void *arg, const uint8_t *bytes, size_t size), void *arg)
{
    /* Headers by numpy of versions 1 and 2, and one of ours. */
    static const char one[] = "\x93NUMPY\x01\x00\x46\x00{'descr': '|u1', 'fortran_order': False, "
                              "'shape': (2, 3), }             \n123456";
    static const char two[] = "\x93NUMPY\x02\x00\x44\x00\x00\x00{'descr': '|u1', 'fortran_order': "
                              "False, 'shape': (6,), }             \n123456";
    char ours[TN_NPY_HEADER_BYTES];
    tn_npy_header(ours, TN_U8, &TN_SHAPE(1, 2, 3, 4));
    seed(arg, (const uint8_t *)one, sizeof one - 1);
    seed(arg, (const uint8_t *)two, sizeof two - 1);
    seed(arg, (const uint8_t *)ours, sizeof ours);
}
