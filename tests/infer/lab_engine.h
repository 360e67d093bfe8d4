/*
 * A small net of pictures, trained for two steps, as a model and as the file of an engine.
 */
#ifndef LAB_ENGINE_H
#define LAB_ENGINE_H

#include <tenon/tenon.h>

/* Pictures of LAB_SIDE x LAB_SIDE pixels, of three classes. */
enum { LAB_SIDE = 12, LAB_CLASSES = 3, LAB_PIXELS = LAB_SIDE * LAB_SIDE * 3 };

/* image u8 N x 12 x 12 x 3, conv, batchnorm, relu, pool, conv, over all pixels, "fc"; outputs "fc" and "sure", its softmax. Any
 * size of pictures will do. With a loss and labels, and "tenon.classes" and "tenon.fit". sure_alone: "fc" is no output. */
tn_model *lab_engine_model(bool sure_alone);
tn_status lab_engine_save(const char *path);

/* Pictures from number `first` on, and what the model's own plan on "cpu,reference" says of so many: "fc" and "sure". */
void lab_engine_pixels(int first, int count, uint8_t *to);
void lab_engine_expect(const tn_model *m, const uint8_t *pixels, int count, float *fc, float *sure);

/* A run of a context over rows of pictures. */
tn_status lab_engine_run(tn_context *c, const uint8_t *pixels, int count, float *fc, float *sure);

/* The largest difference. */
float lab_engine_off(const float *a, const float *b, int count);

#endif
