/*
 * Pictures of coloured, textured, rotated, noisy shapes: a data set that can be made anywhere.
 *
 * The class is the shape alone. All else (size, place, angle, stretch, colours, textures, light, noise,
 * the picture's own size and JPEG quality) is drawn from a generator that starts from (seed, part,
 * class, number) of the picture, so each picture is the same whatever else is made.
 */
#ifndef SHAPES_H
#define SHAPES_H

#include <stdbool.h>
#include <stdint.h>

enum { NUM_SHAPES = 10, MAX_SIDE = 4096 };

/* A shape lies in the circle of radius 1 around (0, 0), y downwards. */
typedef struct shape {
    const char *name;
    bool (*inside)(double x, double y); /* NULL: the polygon */
    int num_corners;
    double corner[10][2];
} shape;

extern const shape shapes[NUM_SHAPES]; /* in the order of their names */
bool shape_covers(const shape *s, double x, double y);

/* SplitMix64: any start gives a good sequence.   Source: Steele, Lea, Flood 2014. */
typedef struct dice {
    uint64_t state;
} dice;
uint64_t roll(dice *d);
double roll_between(dice *d, double low, double high);

typedef struct picture {
    int width, height;
    uint8_t *rgb;
} picture;

/* Draws the shape into a picture of sides in [min, max]. False: no memory. */
bool picture_paint(picture *out, const shape *s, int min, int max, dice *d);
void picture_free(picture *p);
/* False: errno says why the file could not be written. */
bool picture_write(const picture *p, const char *path, int quality);

#endif
