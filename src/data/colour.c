/*
 * Changes of colour on bytes, with torchvision's formulas for tensors of u8:
 *   y = clamp(f x + (1 - f) other, 0, 255), rounded down, in float; other is
 *     brightness  0
 *     contrast    the mean over the image of grey
 *     saturation  the pixel's grey
 *   grey = 0.2989 r + 0.587 g + 0.114 b, rounded down
 * Where `other` is the same for the whole image, y is a function of one byte: a table of 256.
 */
#include "data/augment.h"

static uint8_t to_byte(float x)
{
    return (uint8_t)(x < 0 ? 0 : x > 255 ? 255 : x);
}

static uint8_t grey(const uint8_t *p)
{
    return (uint8_t)(0.2989f * (float)p[0] + 0.587f * (float)p[1] + 0.114f * (float)p[2]);
}

static float mean_grey(const uint8_t *rgb, size_t pixels)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < pixels; i++)
        sum += grey(rgb + 3 * i);
    return (float)((double)sum / (double)pixels);
}

static void blend_with_constant(float factor, float other, uint8_t *rgb, size_t pixels)
{
    uint8_t table[256];
    for (int i = 0; i < 256; i++)
        table[i] = to_byte(factor * (float)i + other);
    for (size_t i = 0; i < 3 * pixels; i++)
        rgb[i] = table[rgb[i]];
}

static void saturate(float factor, float rest, uint8_t *rgb, size_t pixels)
{
    for (size_t i = 0; i < pixels; i++) {
        uint8_t *p = rgb + 3 * i;
        const float other = rest * (float)grey(p);
        for (int c = 0; c < 3; c++)
            p[c] = to_byte(factor * (float)p[c] + other);
    }
}

void tn_jitter_apply(tn_jitter jitter, uint8_t *rgb, size_t pixels)
{
    /* Rounded to float where torchvision does it. */
    const float factor = (float)jitter.factor, rest = (float)(1 - jitter.factor);
    if (jitter.colour == TN_BRIGHTNESS)
        blend_with_constant(factor, 0, rgb, pixels);
    else if (jitter.colour == TN_CONTRAST)
        blend_with_constant(factor, rest * mean_grey(rgb, pixels), rgb, pixels);
    else
        saturate(factor, rest, rgb, pixels);
}

static void light(const float add[3], uint8_t *rgb, size_t pixels)
{
    uint8_t table[3][256];
    for (int c = 0; c < 3; c++)
        for (int i = 0; i < 256; i++)
            table[c][i] = to_byte((float)i + add[c] + 0.5f);
    for (size_t i = 0; i < 3 * pixels; i++)
        rgb[i] = table[i % 3][rgb[i]];
}

void tn_view_colour(const tn_view *v, uint8_t *rgb, size_t pixels)
{
    for (int i = 0; i < v->num_jitters; i++)
        tn_jitter_apply(v->jitter[i], rgb, pixels);
    if (v->lit)
        light(v->light, rgb, pixels);
}
