/*
 * Numbers in fewer bits than f32, as an engine's file has them: F16 or BF16 where all of them are such numbers, and I8, with a
 * scale a row, where the net does nothing with them but put them on that grid. Nobody who computes with them finds a difference.
 */
#ifndef TN_MODEL_NARROW_H
#define TN_MODEL_NARROW_H

#include "model/model.h"

/* The scales of NAME are a tensor of this and NAME. */
#define TN_NARROW_SCALES ".scale."

typedef struct tn_narrow {
    tn_dtype dtype; /* TN_F32, TN_F16, TN_BF16; of whole numbers TN_U8, which I8 is as long as */
    bool whole;
    float most; /* the largest whole number */
} tn_narrow;

/* In what number `index`, which these are, is stored. */
tn_narrow tn_narrow_choose(const tn_model *m, size_t index, const float *numbers);
/* Its elements in that, and its scales, one a row. */
void tn_narrow_write(const tn_narrow *n, const tn_shape *shape, const float *from, void *to,
                     float *scales);
/* As what it is stored and, in a file that lies in memory, where; TN_ERR_FORMAT if it is of another type, or has no scales. */
tn_status tn_narrow_find(const tn_model *m, const tn_model_number *number, tn_stored *out);
/* The same as f32. */
tn_status tn_narrow_read(const tn_model *m, const tn_model_number *number, float *to);

#endif
