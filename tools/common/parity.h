/* Do two models say the same? What export and building are judged by: both are shown the same pictures. */
#ifndef TOOLS_PARITY_H
#define TOOLS_PARITY_H

#include <tenon/tenon.h>

#include "json.h"

#define PARITY_LIMIT 1e-3 /* of the largest number: above it they do not compute the same */
enum { PARITY_PICTURES = 256 /* at most */ };

typedef struct parity {
    int64_t pictures, equal; /* of so many both say the same class */
    double worst;            /* the largest difference of outputs, of the largest number in them */
    bool same;               /* none is above the limit */
} parity;

/* Of what was made of a model, and the model as its formulas stand there, no two layers in one. data: a set of pictures, of which so
 * many are taken at random, the same ones each time. Ends the program if they cannot be asked. */
parity parity_of(const tn_model *made, const tn_model *model, const char *data);

void parity_tell(const parity *p, FILE *to);     /* a line */
void parity_tell_json(const parity *p, json *j); /* a member "parity" */

#endif
