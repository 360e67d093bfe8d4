/*
 * tn_image_load(): one file as evaluation and deployment see it, the same pixels as a loader's with
 * TN_CROP_CENTRE. Scaling the short side and then cutting out the middle is one box of the original:
 *
 *   scale = resize / min(width, height)      box = out / scale, in the middle
 *
 * which is torchvision's Resize(resize), CenterCrop(out), without its rounding to whole pixels.
 */
#include <tenon/data.h>

#include "base/base.h"
#include "data/image.h"

tn_box tn_fit_box(int width, int height, int resize, int out_width, int out_height)
{
    const double back = (double)(width < height ? width : height) / resize;
    const double box_width = out_width * back, box_height = out_height * back;
    return (tn_box){(width - box_width) / 2, (height - box_height) / 2, box_width, box_height};
}

tn_status tn_image_load(const char *path, const tn_fit_opts *opts, uint8_t *rgb)
{
    if (!path || !opts || !rgb)
        return tn_fail(TN_ERR_ARGUMENT, "image load: path, opts or rgb is NULL");
    const int larger = opts->height > opts->width ? opts->height : opts->width;
    const int resize = opts->resize ? opts->resize : larger;
    if (opts->height < 1 || opts->width < 1 || resize < larger)
        return tn_fail(TN_ERR_ARGUMENT,
                       "image load %s: %d x %d pixels, short side scaled to %d: sizes must be "
                       "positive, and the short side not below them",
                       path, opts->width, opts->height, resize);
    tn_decoder *d;
    int width, height;
    TN_TRY(tn_decoder_create(&d));
    tn_status status = tn_decoder_open(d, path, &width, &height);
    if (status == TN_OK) {
        const tn_box box = tn_fit_box(width, height, resize, opts->width, opts->height);
        status = tn_decoder_read(d, &box, false, opts->width, opts->height, rgb);
    }
    tn_decoder_destroy(d);
    return status;
}
