/*
 * part: channels that lie where a node that joins would copy them to. Of one image in blocks of channels ("aBcd16b") those of
 * each input are one piece of memory; of more images they are a piece of each, which no convolution of oneDNN's can write.
 */
#include "backends/cpu/onednn/onednn.h"

tn_status tn_onednn_part_layout(tn_backend_device *d, tn_precision precision, const tn_node *n,
                                int i, const tn_layout **out, size_t *offset)
{
    const int lanes = tn_cpu_isa_here() == TN_CPU_AVX512 ? 16 : 8; /* as its convolutions have it */
    const tn_shape *x = &n->x[i];
    (void)precision; /* there is f32 alone */
    *out = NULL;
    if (x->ndim != 4 || x->dim[0] != 1 || n->num_in < 2)
        return TN_OK;
    for (int j = 0; j < n->num_in; j++)
        if (n->x[j].dim[1] % lanes)
            return TN_OK; /* a block would be of two inputs, or filled up */
    tn_maker m = tn_maker_begin(d, n);
    const tn_md *md = tn_md_image(&m, x, lanes);
    *out = m.status == TN_OK ? tn_md_layout(md) : NULL;
    *offset = (size_t)(tn_joined_before(n, i) * x->dim[2] * x->dim[3]) * sizeof(float);
    return m.status;
}
