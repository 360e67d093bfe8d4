/*
 * engine_maker FOLDER: writes a model, an engine of it and pictures there, and prints what the program of docs/engine.md has to say of them.
 */
#include <stdio.h>

#include "lab.h"
#include "lab_engine.h"

enum { PICTURES = 3 };

static void write_picture(const char *path, const uint8_t *pixels)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    fprintf(f, "P6 %d %d 255\n", LAB_SIDE, LAB_SIDE);
    assert_int_equal(fwrite(pixels, 1, LAB_PIXELS, f), LAB_PIXELS);
    assert_int_equal(fclose(f), 0);
}

int main(int argc, char **argv)
{
    char path[1100];
    uint8_t pixels[LAB_PIXELS];
    float fc[LAB_CLASSES], sure[LAB_CLASSES];
    tn_picture picture;
    if (argc != 2)
        return 2;
    tn_model *m = lab_engine_model(true);
    tn_must(tn_model_picture(m, &picture));
    snprintf(path, sizeof path, "%s/flowers.plan", argv[1]);
    tn_must(tn_engine_save(m, path));
    snprintf(path, sizeof path, "%s/flowers.safetensors", argv[1]);
    tn_must(tn_model_save(m, path));
    for (int i = 0; i < PICTURES; i++) {
        lab_engine_pixels(i, 1, pixels);
        snprintf(path, sizeof path, "%s/%d.ppm", argv[1], i);
        write_picture(path, pixels);
        tn_must(tn_image_load(path, &picture.fit, pixels));
        tn_must(tn_picture_pixels(&picture, pixels, LAB_SIDE * LAB_SIDE, pixels));
        lab_engine_expect(m, pixels, 1, fc, sure);
        int best = 0;
        for (int k = 1; k < LAB_CLASSES; k++)
            best = sure[k] > sure[best] ? k : best;
        printf("%s: %s, %.2f %%\n", path, tn_model_class(m, best), 100 * (double)sure[best]);
    }
    tn_model_close(m);
    return 0;
}
