/* Pictures as PNG files, without compression: for tools that draw numbers. */
#ifndef TOOLS_PNG_H
#define TOOLS_PNG_H

#include <stdint.h>
#include <stdio.h>

/* channels: 1, grey, or 3, RGB; row by row. What goes wrong the file says (ferror). */
void png_write(FILE *to, int width, int height, int channels, const uint8_t *pixels);

#endif
