/* The ten shapes: five by formula, five by their corners. */
#include "shapes.h"

static bool in_circle(double x, double y)
{
    return x * x + y * y < 1;
}

static bool in_ring(double x, double y)
{
    return in_circle(x, y) && x * x + y * y > 0.55 * 0.55;
}

/* A circle with a bite out of it. */
static bool in_crescent(double x, double y)
{
    const double bite = x - 0.45;
    return in_circle(x, y) && bite * bite + y * y > 0.8 * 0.8;
}

/* (x^2 + y^2 - 1)^3 = x^2 y^3, the usual heart, upside down and made to fit. */
static bool in_heart(double x, double y)
{
    const double u = 1.25 * x, v = 0.15 - 1.25 * y;
    const double a = u * u + v * v - 1;
    return a * a * a < u * u * v * v * v;
}

/* Two bars, one over the other. */
static bool in_cross(double x, double y)
{
    const double a = x < 0 ? -x : x, b = y < 0 ? -y : y;
    return (a < 0.95 && b < 0.3) || (b < 0.95 && a < 0.3);
}

/* clang-format off */
const shape shapes[NUM_SHAPES] = {
    {.name = "arrow", .num_corners = 7,
     .corner = {{1, 0}, {0.25, -0.75}, {0.25, -0.28}, {-0.9, -0.28}, {-0.9, 0.28}, {0.25, 0.28}, {0.25, 0.75}}},
    {.name = "circle", .inside = in_circle},
    {.name = "crescent", .inside = in_crescent},
    {.name = "cross", .inside = in_cross},
    {.name = "heart", .inside = in_heart},
    {.name = "hexagon", .num_corners = 6,
     .corner = {{1, 0}, {0.5, 0.866}, {-0.5, 0.866}, {-1, 0}, {-0.5, -0.866}, {0.5, -0.866}}},
    {.name = "ring", .inside = in_ring},
    {.name = "square", .num_corners = 4,
     .corner = {{-0.707, -0.707}, {0.707, -0.707}, {0.707, 0.707}, {-0.707, 0.707}}},
    {.name = "star", .num_corners = 10,
     .corner = {{0, -1}, {0.235, -0.324}, {0.951, -0.309}, {0.38, 0.124}, {0.588, 0.809},
                {0, 0.4}, {-0.588, 0.809}, {-0.38, 0.124}, {-0.951, -0.309}, {-0.235, -0.324}}},
    {.name = "triangle", .num_corners = 3, .corner = {{0, -1}, {0.866, 0.5}, {-0.866, 0.5}}},
};
/* clang-format on */

/* Of the edges that cross the point's height, is an odd number to its right? */
static bool in_polygon(const shape *s, double x, double y)
{
    bool odd = false;
    for (int i = 0, j = s->num_corners - 1; i < s->num_corners; j = i++) {
        const double *a = s->corner[i], *b = s->corner[j];
        if ((a[1] > y) != (b[1] > y) && x < a[0] + (b[0] - a[0]) * (y - a[1]) / (b[1] - a[1]))
            odd = !odd;
    }
    return odd;
}

bool shape_covers(const shape *s, double x, double y)
{
    return s->inside ? s->inside(x, y) : in_polygon(s, x, y);
}
