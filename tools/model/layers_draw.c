/* Figures of numbers, and sheets of them as pictures. */
#include <math.h>
#include <stdlib.h>

#include "../common/args.h"
#include "../common/png.h"
#include "../common/whole.h"
#include "layers.h"

enum { FILTERS = 64, CHANNELS = 32, TILES = 256, SIDE = 64, MATRIX = 256 };

static bool is_number(float x)
{
    return isfinite(x);
}

figures figures_of(const float *x, int64_t count)
{
    figures f = {.count = count, .least = (double)INFINITY, .largest = -(double)INFINITY};
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < count; i++) {
        const double v = (double)x[i];
        if (!is_number(x[i])) {
            f.strange++;
            continue;
        }
        f.zeros += x[i] == 0;
        sum += v;
        f.least = fmin(f.least, v);
        f.largest = fmax(f.largest, v);
    }
    const int64_t known = count - f.strange;
    if (known == 0) {
        f.mean = f.deviation = f.least = f.largest = (double)NAN;
        return f;
    }
    f.mean = sum / (double)known;
    const double span = f.largest - f.least;
    for (int64_t i = 0; i < count; i++) {
        const double d = (double)x[i] - f.mean;
        if (!is_number(x[i]))
            continue;
        squares += d * d;
        const int at = span > 0 ? (int)(LAYERS_BINS * (((double)x[i] - f.least) / span)) : 0;
        f.bin[at < LAYERS_BINS ? at : LAYERS_BINS - 1]++;
    }
    f.deviation = sqrt(squares / (double)known);
    return f;
}

/* ---- sheets ------------------------------------------------------------------------------------- */

static sheet make_sheet(int width, int height, int channels, int tiles, int columns)
{
    sheet s = {width, height, channels, tiles, columns, NULL};
    const size_t rows = (size_t)((tiles + columns - 1) / columns);
    s.pixels = calloc((size_t)(columns * width) * rows * (size_t)height, (size_t)channels);
    if (!s.pixels)
        run_fail("no memory for a picture of %d tiles of %d x %d", tiles, width, height);
    return s;
}

static uint8_t *pixel(const sheet *s, int tile, int y, int x)
{
    const int left = tile % s->columns * s->width, top = tile / s->columns * s->height;
    return s->pixels + ((size_t)(top + y) * (size_t)(s->columns * s->width) + (size_t)(left + x)) *
                           (size_t)s->channels;
}

static uint8_t shade(double v)
{
    return v >= 255 ? 255 : v > 0 ? (uint8_t)(v + 0.5) : 0; /* NaN: 0 */
}

static double largest(const float *x, int64_t count)
{
    double most = 0;
    for (int64_t i = 0; i < count; i++)
        most = is_number(x[i]) ? fmax(most, fabs((double)x[i])) : most;
    return most > 0 ? most : 1;
}

/* The mean of a part of a plane, so that all of it is in the picture. */
static double mean_of(const float *x, int64_t width, int64_t y0, int64_t y1, int64_t x0, int64_t x1)
{
    double sum = 0;
    for (int64_t y = y0; y < y1; y++)
        for (int64_t k = x0; k < x1; k++)
            sum += (double)x[y * width + k];
    return sum / (double)((y1 - y0) * (x1 - x0));
}

/* A plane becomes a tile, each pixel the mean of what lies there, by middle + slope * mean. */
static void draw_plane(const sheet *s, int tile, int channel, const float *x, int64_t height,
                       int64_t width, double middle, double slope)
{
    for (int y = 0; y < s->height; y++)
        for (int k = 0; k < s->width; k++)
            pixel(s, tile, y, k)[channel] =
                shade(middle + slope * mean_of(x, width, y * height / s->height,
                                               (y + 1) * height / s->height, k * width / s->width,
                                               (k + 1) * width / s->width));
}

static int at_most(int64_t n, int most)
{
    return n < most ? (int)n : most;
}

/* As wide as high, about. */
static int columns_of(int tiles)
{
    int columns = 1;
    while (columns * columns < tiles)
        columns++;
    return columns;
}

sheet sheet_of_weights(const float *x, const tn_shape *shape, bool bgr)
{
    if (shape->ndim == 2) {
        sheet s =
            make_sheet(at_most(shape->dim[1], MATRIX), at_most(shape->dim[0], MATRIX), 1, 1, 1);
        /* Means are smaller than what they are of. */
        const double blur =
            sqrt((double)shape->dim[0] / s.height * (double)shape->dim[1] / s.width);
        const double most = largest(x, shape->dim[0] * shape->dim[1]);
        draw_plane(&s, 0, 0, x, shape->dim[0], shape->dim[1], 128, 127 * blur / most);
        return s;
    }
    if (shape->ndim != 4 || shape->dim[2] * shape->dim[3] < 2)
        return (sheet){0};
    const int64_t c = shape->dim[1], h = shape->dim[2], w = shape->dim[3];
    const int filters = at_most(shape->dim[0], FILTERS), shown = at_most(c, CHANNELS);
    const bool coloured = c == 3;
    sheet s = coloured ? make_sheet((int)w, (int)h, 3, filters, columns_of(filters))
                       : make_sheet((int)w, (int)h, 1, filters * shown, shown);
    for (int k = 0; k < filters; k++) {
        const double slope = 127 / largest(x + k * c * h * w, c * h * w);
        for (int i = 0; i < (coloured ? 3 : shown); i++)
            draw_plane(&s, coloured ? k : k * shown + i, coloured ? bgr ? 2 - i : i : 0,
                       x + (k * c + i) * h * w, h, w, 128, slope);
    }
    return s;
}

sheet sheet_of_values(const float *x, const tn_shape *shape)
{
    int64_t count = 1, plane = 1;
    for (int i = 1; i < shape->ndim; i++)
        count *= shape->dim[i];
    for (int i = 2; i < shape->ndim; i++)
        plane *= shape->dim[i];
    if (count == 0 || shape->ndim < 2 || shape->ndim > 4)
        return (sheet){0};
    const figures f = figures_of(x, count);
    const double low = fmin(f.least, 0), slope = f.largest > low ? 255 / (f.largest - low) : 0;
    if (plane == 1) { /* a row of numbers becomes a square of cells */
        const int cells = at_most(count, MATRIX * MATRIX), columns = columns_of(cells);
        sheet s = make_sheet(columns, (cells + columns - 1) / columns, 1, 1, 1);
        for (int k = 0; k < cells; k++)
            s.pixels[k] = shade(((double)x[k] - low) * slope);
        return s;
    }
    if (shape->ndim == 3) {
        sheet s =
            make_sheet(at_most(shape->dim[2], MATRIX), at_most(shape->dim[1], MATRIX), 1, 1, 1);
        draw_plane(&s, 0, 0, x, shape->dim[1], shape->dim[2], -low * slope, slope);
        return s;
    }
    const int64_t h = shape->dim[2], w = shape->dim[3];
    const int tiles = at_most(shape->dim[1], TILES);
    sheet s = make_sheet(at_most(w, SIDE), at_most(h, SIDE), 1, tiles, columns_of(tiles));
    for (int k = 0; k < tiles; k++)
        draw_plane(&s, k, 0, x + k * h * w, h, w, -low * slope, slope);
    return s;
}

void sheet_write(const sheet *s, const char *path)
{
    whole file;
    whole_begin(&file, path, true);
    png_write(file.to, s->width * s->columns,
              s->height * ((s->tiles + s->columns - 1) / s->columns), s->channels, s->pixels);
    whole_end(&file);
}

void sheet_free(sheet *s)
{
    free(s->pixels);
    *s = (sheet){0};
}
