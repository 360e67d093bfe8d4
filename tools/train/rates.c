#include "rates.h"

#include <stdio.h>

/* Of an epoch, whose steps nobody knows without the data: enough that where a rate falls is where it is said to. */
enum { AN_EPOCH = 1000 };

void rates_tell(const recipe *r)
{
    const tn_rate rate = recipe_rate(r, AN_EPOCH);
    json j = {.to = stdout, .flat = true};
    json_object(&j, NULL);
    json_text(&j, "unit", r->steps ? "steps" : "epochs");
    json_array(&j, "x");
    for (int64_t i = 0; i < RATES_POINTS; i++)
        json_real(&j, NULL,
                  (double)(rate.steps * i / (RATES_POINTS - 1)) / (r->steps ? 1 : AN_EPOCH));
    json_end(&j, ']');
    json_array(&j, "rate");
    for (int64_t i = 0; i < RATES_POINTS; i++) {
        const int64_t at = rate.steps * i / (RATES_POINTS - 1);
        json_real(&j, NULL, (double)tn_rate_at(&rate, at < rate.steps ? at : rate.steps - 1));
    }
    json_end(&j, ']');
    json_end(&j, '}');
    putchar('\n');
}
