#include "data/jpeg_facts.h"

#ifdef TN_HAVE_JPEG

/* jpeglib.h wants stdio.h before it. */
/* clang-format off */
#include <stdio.h>
#include <jpeglib.h>
/* clang-format on */

/* What the later API of libjpeg calls them. */
#if JPEG_LIB_VERSION >= 70
#define SCALED DCT_h_scaled_size
#define MIN_SCALED min_DCT_h_scaled_size
#else
#define SCALED DCT_scaled_size
#define MIN_SCALED min_DCT_scaled_size
#endif

/* Where the end was not marked, each bit of each coefficient must have come; a progressive file that says
 * it ends may leave some out. */
bool tn_jpeg_lacks_scan(const struct jpeg_decompress_struct *jpeg, bool ran_out)
{
    for (int i = 0; i < jpeg->num_components; i++) {
        if (!jpeg->comp_info[i].quant_table) /* latched by a component's first scan */
            return true;
        for (int k = 0; ran_out && jpeg->progressive_mode && k < DCTSIZE2; k++)
            if (jpeg->coef_bits[i][k] != 0)
                return true;
    }
    return false;
}

/* Where the inverse DCT makes up for a part of a component's sampling and upsampling for the rest, as
 * of 4 x 2 at half size, cropped columns are left unwritten and rows behind skipped ones come out
 * shifted. Of separate numbers for the two axes libjpeg-turbo keeps one, so they are the same. */
bool tn_jpeg_crops_well(const struct jpeg_decompress_struct *jpeg)
{
    for (int i = 0; i < jpeg->num_components; i++) {
        const jpeg_component_info *part = &jpeg->comp_info[i];
        const int scaled = part->SCALED, least = jpeg->MIN_SCALED;
        if (scaled != least && (part->h_samp_factor * scaled != jpeg->max_h_samp_factor * least ||
                                part->v_samp_factor * scaled != jpeg->max_v_samp_factor * least))
            return false;
    }
    return true;
}

#endif
