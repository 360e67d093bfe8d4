/* A row of image_input for AVX2. */
#define ROW tn_image_row_avx2
#include "backends/cpu/_image_input_body.h"
