/*
 * How a net of another program is opened: what its file leaves open is said by flags, the same ones of all programs that open
 * models.
 */
#ifndef TRAIN_OPENING_H
#define TRAIN_OPENING_H

#include <tenon/model.h>

#include "../common/args.h"

typedef struct opening {
    const char *weights, *input, *mean, *scale, *order;
} opening;

/* The group of flags, in a table of options. */
#define OPENING_ARGS(o)                                                                          \
    {ARG_HEADING, .help = "Nets of other programs"},                                             \
        {ARG_TEXT,      "weights", "FILE", "its numbers: the .caffemodel of a prototxt",         \
         &(o)->weights, 0,         0},                                                           \
        {ARG_TEXT,                                                                               \
         "input",                                                                                \
         "NAME=CxHxW,...",                                                                       \
         "how large inputs are, without the batch; the name *: all that the\nnet leaves open",   \
         &(o)->input,                                                                            \
         0,                                                                                      \
         0},                                                                                     \
        {ARG_TEXT,                                                                               \
         "mean",                                                                                 \
         "R,G,B|FILE",                                                                           \
         "its inputs of floats are pictures, and this is taken away from\n"                      \
         "their pixels, in the net's order of channels; or a .binaryproto",                      \
         &(o)->mean,                                                                             \
         0,                                                                                      \
         0},                                                                                     \
        {ARG_TEXT,    "scale", "X|R,G,B", "likewise, what pixels are multiplied by; default: 1", \
         &(o)->scale, 0,       0},                                                               \
    {                                                                                            \
        ARG_CHOICE, "order", "rgb|bgr|grey",                                                     \
            "of a picture's channels, where the net does not "                                   \
            "say it; default:\nrgb, or grey of one channel",                                     \
            &(o)->order, 0, 0                                                                    \
    }

enum { OPENING_OPTIONS = 6 };

/* For tn_model_open(), until the next call. `size`, if not 0, is the side of pictures of which the net does not say it. Ends the
 * program if what flags say cannot be. */
tn_model_opts opening_opts(const opening *o, int64_t batch, int64_t size);

/* What to do about a net of floats that is to see pictures: "; ...", or nothing of one that takes bytes. */
const char *opening_hint(const tn_model *model);

/* Ends the program if --mean or --scale do not go with the channels of its pictures. */
void opening_check(const tn_model *model);

/* The same, and to stderr: what opening took to mean what. */
void opening_tell(const tn_model *model);

#endif
