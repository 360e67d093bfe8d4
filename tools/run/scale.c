/* Numbers along an axis, and texts beside it. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "../common/utf8.h"
#include "chart.h"

/* 1, 2 or 5 times a power of ten. */
int chart_ticks(double low, double high, int count, double to[CHART_TICKS])
{
    static const double nice[] = {1, 2, 5, 10};
    const double raw = (high - low) / (count > 0 ? count : 1);
    if (!(raw > 0) || !isfinite(raw))
        return 0;
    const double power = pow(10, floor(log10(raw)));
    double step = 10 * power;
    for (int i = 3; i >= 0; i--)
        step = nice[i] * power >= raw ? nice[i] * power : step;
    int found = 0;
    for (double k = ceil(low / step); k * step <= high + step * 1e-9 && found < CHART_TICKS; k++)
        to[found++] = k == 0 ? 0 : k * step;
    return found;
}

int chart_log_ticks(double low, double high, double to[CHART_TICKS])
{
    static const double steps[] = {1, 2, 5};
    const int each = high > 300 * low ? 1 : 3;
    const double powers = log10(high) - log10(low);
    const int every = powers > 12 ? (int)ceil(powers / 12) : 1;
    int found = 0;
    for (double p = floor(log10(low)); p <= ceil(log10(high)); p += every)
        for (int i = 0; i < each; i++) {
            const double value = steps[i] * pow(10, p);
            if (value >= low * 0.999 && value <= high * 1.001 && found < CHART_TICKS)
                to[found++] = value;
        }
    return found;
}

void chart_short(char text[32], double value)
{
    const double size = fabs(value);
    if (size >= 1e6 && size < 1e9)
        snprintf(text, 32, "%.4gM", value / 1e6);
    else if (size >= 1e4 && size < 1e6)
        snprintf(text, 32, "%.4gk", value / 1e3);
    else
        snprintf(text, 32, "%.4g", value);
}

/* In the middle of what common fonts of 12 pixels take: a third more for those of two columns. */
static double character_width(const char *text, int length)
{
    return length >= 3 ? 12 : strchr("ijl.,:;|'! 1", text[0]) && text[0] ? 4 : 6.9;
}

double chart_text_width(const char *text)
{
    double width = 0;
    for (int length; *text; text += length ? length : 1) {
        length = utf8_length(text);
        width += character_width(text, length);
    }
    return width;
}

const char *chart_fit(const char *text, double width)
{
    static char buffer[8][256];
    static int next;
    char *to = buffer[next++ % 8];
    size_t used = 0;
    if (chart_text_width(text) > width)
        width -= 10;
    for (int length; *text; text += length ? length : 1) {
        length = utf8_length(text);
        const size_t bytes = length ? (size_t)length : 1;
        width -= character_width(text, length);
        if (width < 0 || used > sizeof buffer[0] - 8) {
            memcpy(to + used, "\xE2\x80\xA6", 3); /* an ellipsis */
            used += 3;
            break;
        }
        memcpy(to + used, text, bytes);
        used += bytes;
    }
    to[used] = '\0';
    return to;
}
