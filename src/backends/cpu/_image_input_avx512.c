/* A row of image_input for AVX-512. */
#define ROW tn_image_row_avx512
#include "backends/cpu/_image_input_body.h"
