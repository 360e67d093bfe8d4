/*
 * A walk over the chunks of a PNG file, for what its decoders do not say.
 */
#ifndef TN_PNG_CHUNKS_H
#define TN_PNG_CHUNKS_H

#include "data/codec.h"

typedef struct tn_png_chunks {
    int orientation;  /* 1 to 8; 1 (upright) where nothing is said */
    bool all_colours; /* its palette, if it needs one, has a colour for each index that fits */
    size_t data_end;  /* where the last chunk of pixels ends */
    bool
        has_end; /* whole chunks follow it up to the end mark; else nothing or a part of the mark */
} tn_png_chunks;

bool tn_png_is(const uint8_t *bytes, size_t size);

/* TN_ERR_FORMAT: a chunk is cut off (but the end mark may be), there are no pixels, or the file is of a kind that is no PNG
 * though it looks like one. Checksums are not looked at. */
tn_status tn_png_chunks_read(const tn_encoded *from, tn_png_chunks *out);

/* TN_ERR_FORMAT: a chunk whose checksum is not that of its bytes. */
tn_status tn_png_check_crcs(const tn_encoded *from);

#endif
