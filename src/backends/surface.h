/* A part of a picture in a device's memory, to be scaled; tn_image_fit_surface() has checked and completed it. */
#ifndef TN_SURFACE_CUT_H
#define TN_SURFACE_CUT_H

#include <tenon/data.h>

typedef struct tn_surface_cut {
    tn_image_surface from;
    double x, y, width, height; /* of `from` */
    int out_width, out_height;
} tn_surface_cut;

/* src/devices/registry.c: on a device that can; of a group on the first. */
tn_status tn_device_cut(tn_device *d, const tn_surface_cut *c, uint8_t *rgb);

#endif
