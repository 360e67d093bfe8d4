/* Layouts of a convolution in blocks of channels and filters. */
#include "backends/cpu/onednn/onednn.h"

tn_status tn_onednn_conv_blocks(tn_backend_device *d, const tn_node *n, int lanes, bool each,
                                tn_binding *b)
{
    const tn_conv2d_opts *o = n->opts;
    const int64_t G = o->groups,
                  w[] = {G, o->filters / G, n->x[0].dim[1] / G, o->kernel[0], o->kernel[1]};
    const bool wide = lanes == 16;
    tn_maker m = tn_maker_begin(d, n);
    b->x[0] = tn_md_layout(tn_md_image(&m, &n->x[0], lanes));
    b->y[0] = tn_md_layout(tn_md_image(&m, &n->y[0], lanes));
    if (tn_has_post(n, TN_POST_ADD))
        b->x[1] = b->y[0];
    b->w[0] = tn_md_layout(
        each     ? tn_md_tagged(&m, 5, w, TN_F32, wide ? dnnl_Goihw16g : dnnl_Goihw8g)
        : G == 1 ? tn_md_tagged(&m, 4, w + 1, TN_F32, wide ? dnnl_OIhw16i16o : dnnl_OIhw8i8o)
                 : tn_md_tagged(&m, 5, w, TN_F32, wide ? dnnl_gOIhw16i16o : dnnl_gOIhw8i8o));
    b->w[1] = NULL;
    return m.status;
}
