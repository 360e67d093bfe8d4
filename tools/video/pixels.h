/*
 * From a frame as it was decoded to what a net takes of it: RGB of the full size (libswscale, rounding accurately, by the
 * frame's own matrix and range), upright, and then the library's own tn_image_fit(): as training has it. A frame that lies on a
 * GPU goes the same way there (nvdec.h).
 */
#ifndef VIDEO_PIXELS_H
#define VIDEO_PIXELS_H

#include "video.h"

typedef struct pixels {
    struct SwsContext *scaler;
    int width, height, format, space, range; /* of frames that it is for */
    uint8_t *planes, *rgb, *upright;
    size_t room;     /* bytes of each */
    uint8_t *fitted; /* of three channels */
    nvdec *nvdec;    /* whose frames they are, if they are of a GPU */
} pixels;

/* row: to->fit.height x width x channels. False: it cannot be, tn_error() says why. */
bool pixels_fit(pixels *p, const AVFrame *frame, turn t, const tn_picture *to, uint8_t *row);
void pixels_free(pixels *p);

/* Of a display matrix (libavutil/display.h). False: it is no turn by quarters. */
bool turn_of(const int32_t *matrix, turn *to);

#endif
