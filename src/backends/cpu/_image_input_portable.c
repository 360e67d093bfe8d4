/* A row of image_input for any processor. */
#define ROW tn_image_row_portable
#include "backends/cpu/_image_input_body.h"
