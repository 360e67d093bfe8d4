/*
 * mean: the picture that Caffe takes away from each (mean_file, a BlobProto), as a constant of the net. It is as large as the
 * pictures of the database; of a crop Caffe takes away the part that was cut out, which in evaluation is the middle.
 */
#include "caffe/mean.h"

#include <string.h>

#include "io/mapped.h"

/* 1 x C x H x W of an old file, or a shape of three or four dimensions. */
static bool read_shape(const tn_proto *blob, int64_t out[3])
{
    static const int old[] = {BLOB_CHANNELS, BLOB_HEIGHT, BLOB_WIDTH};
    int64_t dims[4];
    tn_proto shape;
    if (!tn_proto_message(blob, BLOB_SHAPE, &shape)) {
        for (int i = 0; i < 3; i++)
            out[i] = tn_proto_int(blob, old[i], 0);
        return tn_proto_int(blob, BLOB_NUM, 1) == 1;
    }
    const size_t count = tn_proto_ints(&shape, SHAPE_DIM, dims, 4);
    if (count < 3 || count > 4 || (count == 4 && dims[0] != 1))
        return false;
    memcpy(out, dims + count - 3, 3 * sizeof *out);
    return true;
}

/* The middle of planes of height x width. */
static void cut_middle(float *to, const tn_shape *picture, const float *from, const int64_t size[3],
                       const float scale[4])
{
    const int64_t top = (size[1] - picture->dim[2]) / 2, left = (size[2] - picture->dim[3]) / 2;
    for (int64_t c = 0; c < size[0]; c++)
        for (int64_t h = 0; h < picture->dim[2]; h++) {
            const float *row = from + (c * size[1] + top + h) * size[2] + left;
            for (int64_t w = 0; w < picture->dim[3]; w++)
                *to++ = row[w] * (scale[c] == 0 ? 1 : scale[c]);
        }
}

static tn_status make(tn_caffe *c, const char *path, const tn_proto *blob, const tn_shape *picture,
                      const float scale[4], const char *name, tn_value *out)
{
    int64_t size[3];
    const bool doubles = tn_proto_has(blob, BLOB_DOUBLE);
    const int number = doubles ? BLOB_DOUBLE : BLOB_DATA;
    const size_t count = tn_proto_floats(blob, number, NULL, 0);
    if (!read_shape(blob, size) || size[0] < 1 || size[1] < 1 || size[2] < 1 || size[1] > 65535 ||
        size[2] > 65535 || size[0] > 4 || (int64_t)count != size[0] * size[1] * size[2])
        return tn_fail(TN_ERR_FORMAT, "%s: is no mean picture of Caffe's (.binaryproto)", path);
    if (size[0] != picture->dim[1] || size[1] < picture->dim[2] || size[2] < picture->dim[3])
        return tn_fail(TN_ERR_SHAPE,
                       "%s: is a mean of %lld x %lld x %lld, and pictures are %lld x %lld x %lld",
                       path, (long long)size[0], (long long)size[1], (long long)size[2],
                       (long long)picture->dim[1], (long long)picture->dim[2],
                       (long long)picture->dim[3]);
    const tn_shape shape = TN_SHAPE(size[0], picture->dim[2], picture->dim[3]);
    float *all = tn_alloc(count, sizeof *all);
    float *middle = tn_alloc((size_t)(shape.dim[0] * shape.dim[1] * shape.dim[2]), sizeof *middle);
    tn_status status = all && middle ? TN_OK : tn_no_memory("a mean picture", count * sizeof *all);
    if (status == TN_OK) {
        (void)tn_proto_floats(blob, number, all, count);
        cut_middle(middle, picture, all, size, scale);
        *out = tn_constant(c->g, name, (tn_tensor){TN_F32, shape, middle});
    }
    tn_free(all);
    tn_free(middle);
    return status;
}

tn_status tn_caffe_mean(tn_caffe *c, const char *path, const tn_shape *picture,
                        const float scale[4], const char *name, tn_value *out)
{
    tn_mapped file;
    *out = (tn_value){0};
    TN_TRY(tn_map(&file, path));
    const tn_proto blob = {tn_caffe_blob, {file.at, file.size}};
    tn_status status = tn_proto_check(&blob, path);
    if (status == TN_OK)
        status = make(c, path, &blob, picture, scale, name, out);
    tn_unmap(&file);
    return status;
}
