#include "runs/tally.h"

#include <math.h>

void tn_exact_add(tn_exact *e, double number)
{
    if (!isfinite(number) || (e->count == 1 && !isfinite(e->part[0]))) {
        e->part[0] = tn_exact_value(e) + number;
        e->count = 1;
        return;
    }
    int kept = 0;
    for (int i = 0; i < e->count; i++) {
        const double part = e->part[i], large = fabs(number) < fabs(part) ? part : number;
        const double small = fabs(number) < fabs(part) ? number : part;
        const double sum = large + small, error = small - (sum - large);
        if (error != 0)
            e->part[kept++] = error;
        number = sum;
    }
    if (number != 0 && kept < TN_EXACT_PARTS)
        e->part[kept++] = number;
    e->count = kept;
}

void tn_exact_add_product(tn_exact *e, double a, double b)
{
    const double product = a * b;
    tn_exact_add(e, product);
    if (isfinite(product))
        tn_exact_add(e, fma(a, b, -product));
}

/* From the largest part down until one is rounded away; if it was half of the last bit, the next part's sign decides. */
double tn_exact_value(const tn_exact *e)
{
    int i = e->count;
    if (i == 0)
        return 0;
    double sum = e->part[--i];
    while (i > 0) {
        const double before = sum, part = e->part[--i];
        sum = before + part;
        const double error = part - (sum - before);
        if (error == 0)
            continue;
        if (i > 0 && (error < 0) == (e->part[i - 1] < 0)) {
            const double twice = 2 * error, further = sum + twice;
            if (further - sum == twice)
                sum = further;
        }
        break;
    }
    return sum;
}
