/* How the rate moves, for whoever wants to see it before anything is trained. */
#ifndef TRAIN_RATES_H
#define TRAIN_RATES_H

#include "recipe.h"

/* To stdout: {"unit": "epochs" or "steps", "x": [...], "rate": [...]}, RATES_POINTS of each. A recipe that cannot be ends the
 * program. */
enum { RATES_POINTS = 241 };
void rates_tell(const recipe *r);

#endif
