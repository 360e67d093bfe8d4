/* Nets as texts, whose numbers are drawn, and rows for them. */
#ifndef LAB_QUANTISE_H
#define LAB_QUANTISE_H

#include <tenon/tenon.h>

#include "lab.h"

enum { LAB_ITEMS = 96, LAB_FEATURES = 8, LAB_CLASSES = 4 };

/* A net of that text with drawn numbers; close it. */
tn_model *lab_drawn(const char *text);

/* A loader of rows "x" of that shape (one of LAB_FEATURES by the label: the largest of the first LAB_CLASSES is the label's, and the last
 * is always 0), and their labels; backwards: in the other order. Close it. */
tn_loader *lab_rows(tn_shape row, int batch, bool backwards);

/* y of the model's first output for the loader's first batch, in f32; free it. */
float *lab_output(const tn_model *m, const char *device, tn_loader *rows, int64_t *count);

/* The text of its net; tn_model_fact(). */
const char *lab_text(const tn_model *m);

#endif
