/*
 * Painting: two surfaces, one behind the shape and one on it, each two colours mixed by a pattern; then
 * light from one side, and grain. Edges are smoothed by 4 x 4 samples a pixel.
 */
#include <math.h>
#include <stdlib.h>

#include "shapes.h"

enum { SAMPLES = 4 };
static const double PI = 3.14159265358979323846;

/* How much of the second colour shows at a point, 0 to 1. (u, v) is the point turned and scaled. */
typedef double pattern(double u, double v, uint32_t salt);

typedef struct surface {
    double colour[2][3];
    pattern *mix;
    double u[2], v[2]; /* what x and y add to u and v */
    uint32_t salt;
} surface;

typedef struct placing {
    double x, y;       /* centre, in pixels */
    double radius;     /* of the circle around it all */
    double to_unit[4]; /* from pixels around the centre to the shape's own coordinates */
} placing;

uint64_t roll(dice *d)
{
    uint64_t z = d->state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

double roll_between(dice *d, double low, double high)
{
    return low + (high - low) * (double)(roll(d) >> 11) * 0x1p-53;
}

/* A bell curve's worth of noise: mean 0, deviation 1, from the sum of four. */
static double roll_grain(dice *d)
{
    double sum = 0;
    for (int i = 0; i < 4; i++)
        sum += roll_between(d, -1, 1);
    return sum * 0.866;
}

static double plain(double u, double v, uint32_t salt)
{
    (void)u, (void)v, (void)salt;
    return 0;
}

static double slope(double u, double v, uint32_t salt)
{
    (void)v, (void)salt;
    return 0.5 + 0.5 * sin(0.12 * u);
}

static double stripes(double u, double v, uint32_t salt)
{
    (void)v, (void)salt;
    return sin(u) > 0;
}

static double checks(double u, double v, uint32_t salt)
{
    (void)salt;
    return (sin(u) > 0) != (sin(v) > 0);
}

static double dots(double u, double v, uint32_t salt)
{
    (void)salt;
    return sin(u) * sin(v) > 0.45;
}

/* A number in [0, 1) that belongs to a point of the grid. */
static double at_grid(int64_t x, int64_t y, uint32_t salt)
{
    dice d = {(uint64_t)x * UINT64_C(0x9E3779B1) ^ (uint64_t)y * UINT64_C(0x85EBCA77) ^ salt};
    return roll_between(&d, 0, 1);
}

static double smooth(double t)
{
    return t * t * (3 - 2 * t);
}

/* Value noise: numbers at the points of a grid, smooth between them. */
static double clouds(double u, double v, uint32_t salt)
{
    const double x = floor(0.4 * u), y = floor(0.4 * v);
    const double s = smooth(0.4 * u - x), t = smooth(0.4 * v - y);
    const int64_t i = (int64_t)x, j = (int64_t)y;
    const double top = at_grid(i, j, salt) * (1 - s) + at_grid(i + 1, j, salt) * s;
    const double bottom = at_grid(i, j + 1, salt) * (1 - s) + at_grid(i + 1, j + 1, salt) * s;
    return smooth(top * (1 - t) + bottom * t);
}

static pattern *const patterns[] = {plain, slope, stripes, checks, dots, clouds};

static double distance(const double a[3], const double b[3])
{
    double sum = 0;
    for (int c = 0; c < 3; c++)
        sum += (a[c] - b[c]) * (a[c] - b[c]);
    return sqrt(sum);
}

/* Two colours near each other, both far from those of the other surface, if there is one yet. */
static surface make_surface(const surface *other, double scale, dice *d)
{
    surface s = {.mix = patterns[roll(d) % (sizeof patterns / sizeof patterns[0])],
                 .salt = (uint32_t)roll(d)};
    double away;
    do {
        for (int c = 0; c < 3; c++) {
            s.colour[0][c] = roll_between(d, 10, 245);
            s.colour[1][c] = fmin(fmax(s.colour[0][c] + roll_between(d, -45, 45), 0), 255);
        }
        away = 1e9;
        for (int i = 0; other && i < 4; i++)
            away = fmin(away, distance(s.colour[i / 2], other->colour[i % 2]));
    } while (away < 90);
    const double angle = roll_between(d, 0, 2 * PI);
    const double frequency = 2 * PI / roll_between(d, 0.06 * scale, 0.25 * scale);
    s.u[0] = frequency * cos(angle), s.u[1] = -frequency * sin(angle);
    s.v[0] = frequency * sin(angle), s.v[1] = frequency * cos(angle);
    return s;
}

static void surface_at(const surface *s, double x, double y, double rgb[3])
{
    const double t = s->mix(s->u[0] * x + s->u[1] * y, s->v[0] * x + s->v[1] * y, s->salt);
    for (int c = 0; c < 3; c++)
        rgb[c] = s->colour[0][c] * (1 - t) + s->colour[1][c] * t;
}

/* The shape whole inside of the picture's middle square, which no centre crop takes away; at any angle,
 * stretched a little one way. */
static placing make_placing(int width, int height, dice *d)
{
    const double half = 0.5 * (width < height ? width : height);
    const double stretch = roll_between(d, 0.8, 1), angle = roll_between(d, 0, 2 * PI);
    const double radius = half * roll_between(d, 0.65, 0.98);
    const double cosine = cos(angle) / radius, sine = sin(angle) / radius;
    return (placing){.x = 0.5 * width + roll_between(d, radius - half, half - radius),
                     .y = 0.5 * height + roll_between(d, radius - half, half - radius),
                     .radius = radius,
                     .to_unit = {cosine, sine, -sine / stretch, cosine / stretch}};
}

/* The share of a pixel that the shape covers. */
static double coverage(const shape *s, const placing *at, int x, int y)
{
    if (hypot(x + 0.5 - at->x, y + 0.5 - at->y) > at->radius + 1)
        return 0;
    int inside = 0;
    for (int i = 0; i < SAMPLES * SAMPLES; i++) {
        const double dx = x + (i % SAMPLES + 0.5) / SAMPLES - at->x;
        const double dy = y + (i / SAMPLES + 0.5) / SAMPLES - at->y;
        inside += shape_covers(s, at->to_unit[0] * dx + at->to_unit[1] * dy,
                               at->to_unit[2] * dx + at->to_unit[3] * dy);
    }
    return (double)inside / (SAMPLES * SAMPLES);
}

bool picture_paint(picture *out, const shape *s, int min, int max, dice *d)
{
    const int width = min + (int)(roll(d) % (uint64_t)(max - min + 1));
    const int height = min + (int)(roll(d) % (uint64_t)(max - min + 1));
    uint8_t *rgb = malloc((size_t)width * (size_t)height * 3);
    if (!rgb)
        return false;
    const surface behind = make_surface(NULL, width, d), on = make_surface(&behind, width, d);
    const placing at = make_placing(width, height, d);
    const double light = roll_between(d, 0, 0.4), light_angle = roll_between(d, 0, 2 * PI);
    const double grain = roll_between(d, 0, 10);
    const bool grey = roll(d) % 50 == 0;

    for (int y = 0; y < height; y++) {
        for (int x = 0; x < width; x++) {
            double back[3], front[3];
            surface_at(&behind, x, y, back);
            surface_at(&on, x, y, front);
            const double t = coverage(s, &at, x, y);
            const double shade = 1 + light * (cos(light_angle) * (x / (double)width - 0.5) +
                                              sin(light_angle) * (y / (double)height - 0.5));
            uint8_t *pixel = rgb + 3 * ((size_t)y * (size_t)width + (size_t)x);
            for (int c = 0; c < 3; c++) {
                const double value = (back[c] * (1 - t) + front[c] * t) * shade;
                pixel[c] = (uint8_t)fmin(fmax(value + grain * roll_grain(d) + 0.5, 0), 255);
            }
            if (grey)
                pixel[0] = pixel[1] = pixel[2] =
                    (uint8_t)((pixel[0] + 2 * pixel[1] + pixel[2]) / 4);
        }
    }
    *out = (picture){width, height, rgb};
    return true;
}

void picture_free(picture *p)
{
    free(p->rgb);
    *p = (picture){0};
}
