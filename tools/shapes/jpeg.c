/* Writing JPEG files, by stb_image_write into a file of our own so that every error is seen. */
#include <stdio.h>

#include "shapes.h"

#define STB_IMAGE_WRITE_IMPLEMENTATION
#define STB_IMAGE_WRITE_STATIC
#if defined(__GNUC__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function" /* it can write PNG and others too */
#endif
#include <stb_image_write.h>
#if defined(__GNUC__)
#pragma GCC diagnostic pop
#endif

static void put(void *file, void *data, int size)
{
    fwrite(data, 1, (size_t)size, file); /* ferror() is asked at the end */
}

bool picture_write(const picture *p, const char *path, int quality)
{
    FILE *file = fopen(path, "wb");
    if (!file)
        return false;
    bool ok = stbi_write_jpg_to_func(put, file, p->width, p->height, 3, p->rgb, quality) != 0;
    ok = !ferror(file) && ok;
    return fclose(file) == 0 && ok;
}
