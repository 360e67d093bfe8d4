/*
 * Models with numbers of the text of a net, to be exported; and nets that have every operation that ONNX can say.
 */
#ifndef LAB_EXPORT_H
#define LAB_EXPORT_H

#include <tenon/tenon.h>

/* "tenon graph 1" and these lines; its parameters are what a plan of it begins with. For tn_model_close(). */
tn_model *lab_export_model(const char *lines);

/* Nets of the folder nets/, with the numbers that they begin with. VGG and the larger AlexNets have no operation that these
 * have not, and 500 MB of numbers. */
extern const char *const lab_export_zoo[]; /* up to NULL */
tn_model *lab_export_of_zoo(const char *name);

typedef struct lab_export_net {
    const char *name;
    const char *lines;
    const char *ops; /* what it is in the file, in that order */
} lab_export_net;
extern const lab_export_net lab_export_nets[]; /* up to one without a name */

#endif
