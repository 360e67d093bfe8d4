/*
 * Arithmetic and comparisons. An integer may be a N, N being any number from 1 on: what is not then a multiple of N, or not
 * the same for every N, is not known.
 */
#include <math.h>
#include <string.h>

#include "onnx/evaluate.h"

/* ---- integers --------------------------------------------------------------------------------- */

static tn_onnx_number whole(int64_t value, bool times_n)
{
    return (tn_onnx_number){.whole = value, .times_n = times_n && value};
}

/* Without overflow, which C does not define. */
static int64_t sum(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a + (uint64_t)b);
}

bool tn_onnx_add_whole(tn_onnx_number a, tn_onnx_number b, tn_onnx_number *y)
{
    *y = whole(sum(a.whole, b.whole), a.times_n || b.times_n);
    return a.times_n == b.times_n || a.whole == 0 || b.whole == 0;
}

static bool sub_whole(tn_onnx_number a, tn_onnx_number b, tn_onnx_number *y)
{
    b.whole = (int64_t)(0 - (uint64_t)b.whole);
    return tn_onnx_add_whole(a, b, y);
}

bool tn_onnx_mul_whole(tn_onnx_number a, tn_onnx_number b, tn_onnx_number *y)
{
    *y = whole((int64_t)((uint64_t)a.whole * (uint64_t)b.whole), a.times_n || b.times_n);
    return !(a.times_n && b.times_n);
}

static bool div_whole(tn_onnx_number a, tn_onnx_number b, tn_onnx_number *y)
{
    if (b.whole == 0 || b.whole == -1)
        return b.whole && sub_whole(whole(0, false), a, y) && !b.times_n;
    *y = whole(a.whole / b.whole, a.times_n && !b.times_n);
    return a.times_n == b.times_n || (a.times_n ? a.whole % b.whole == 0 : a.whole == 0);
}

/* Its sign is the divisor's, as Python has it; of fmod the dividend's, which is the same where both are positive. */
static bool mod_whole(tn_onnx_number a, tn_onnx_number b, tn_onnx_number *y)
{
    if (b.whole == 0 || b.whole == -1)
        return false;
    const int64_t rest = a.whole % b.whole;
    *y = whole(rest && (rest < 0) != (b.whole < 0) ? rest + b.whole : rest, false);
    return (!a.times_n && !b.times_n) || (a.times_n && !b.times_n && rest == 0);
}

/* *less: a < b; false: that depends on N. */
static bool less_whole(tn_onnx_number a, tn_onnx_number b, bool *less)
{
    *less = a.whole < b.whole;
    if (a.times_n == b.times_n)
        return true;
    if (a.times_n) /* a N is at least a where that is above 0, and at most a where it is below */
        return *less ? a.whole <= 0 : a.whole >= 0;
    return *less ? b.whole >= 0 : b.whole <= 0;
}

bool tn_onnx_min_whole(tn_onnx_number a, tn_onnx_number b, tn_onnx_number *y)
{
    bool less;
    const bool is_known = less_whole(a, b, &less);
    *y = less ? a : b;
    return is_known;
}

bool tn_onnx_max_whole(tn_onnx_number a, tn_onnx_number b, tn_onnx_number *y)
{
    bool less;
    const bool is_known = less_whole(a, b, &less);
    *y = less ? b : a;
    return is_known;
}

static bool is_less_whole(tn_onnx_number a, tn_onnx_number b, tn_onnx_number *y)
{
    bool less;
    const bool is_known = less_whole(a, b, &less);
    *y = whole(less, false);
    return is_known;
}

static bool is_greater_whole(tn_onnx_number a, tn_onnx_number b, tn_onnx_number *y)
{
    return is_less_whole(b, a, y);
}

static bool is_most_whole(tn_onnx_number a, tn_onnx_number b, tn_onnx_number *y)
{
    const bool is_known = is_less_whole(b, a, y);
    y->whole = !y->whole;
    return is_known;
}

static bool is_least_whole(tn_onnx_number a, tn_onnx_number b, tn_onnx_number *y)
{
    return is_most_whole(b, a, y);
}

static bool is_equal_whole(tn_onnx_number a, tn_onnx_number b, tn_onnx_number *y)
{
    bool less, more;
    *y = whole(a.whole == b.whole && a.times_n == b.times_n, false);
    if (a.times_n == b.times_n)
        return true;
    return (less_whole(a, b, &less) && less) || (less_whole(b, a, &more) && more);
}

static bool and_whole(tn_onnx_number a, tn_onnx_number b, tn_onnx_number *y)
{
    *y = whole(a.whole && b.whole, false);
    return true;
}

static bool or_whole(tn_onnx_number a, tn_onnx_number b, tn_onnx_number *y)
{
    *y = whole(a.whole || b.whole, false);
    return true;
}

static bool pow_whole(tn_onnx_number a, tn_onnx_number b, tn_onnx_number *y)
{
    *y = whole(1, false);
    if (b.times_n || b.whole < 0 || b.whole > 64)
        return false;
    for (int64_t i = 0; i < b.whole; i++)
        if (!tn_onnx_mul_whole(*y, a, y))
            return false;
    return true;
}

/* ---- numbers with a fraction ------------------------------------------------------------------- */

static double add(double a, double b)
{
    return a + b;
}
static double sub(double a, double b)
{
    return a - b;
}
static double mul(double a, double b)
{
    return a * b;
}
static double divide(double a, double b)
{
    return a / b;
}
static double less(double a, double b)
{
    return a < b;
}
static double greater(double a, double b)
{
    return a > b;
}
static double at_most(double a, double b)
{
    return a <= b;
}
static double at_least(double a, double b)
{
    return a >= b;
}
static double equal(double a, double b)
{
    return a == b;
}

typedef struct binary {
    const char *op;
    bool (*whole)(tn_onnx_number a, tn_onnx_number b, tn_onnx_number *y);
    double (*real)(double a, double b);
    bool truth; /* y is a bool */
} binary;

static const binary binaries[] = {
    {"Add", tn_onnx_add_whole, add},
    {"Sub", sub_whole, sub},
    {"Mul", tn_onnx_mul_whole, mul},
    {"Div", div_whole, divide},
    {"Mod", mod_whole, fmod},
    {"Pow", pow_whole, pow},
    {"Min", tn_onnx_min_whole, fmin},
    {"Max", tn_onnx_max_whole, fmax},
    {"And", and_whole, NULL, true},
    {"Or", or_whole, NULL, true},
    {"Equal", is_equal_whole, equal, true},
    {"Less", is_less_whole, less, true},
    {"Greater", is_greater_whole, greater, true},
    {"LessOrEqual", is_most_whole, at_most, true},
    {"GreaterOrEqual", is_least_whole, at_least, true},
};

/* ---- of two tensors --------------------------------------------------------------------------- */

static bool combine(const binary *op, bool real, tn_onnx_number a, tn_onnx_number b,
                    tn_onnx_number *y)
{
    if (!real)
        return op->whole(a, b, y);
    if (a.times_n || b.times_n || !op->real)
        return false;
    const double value = op->real(a.real, b.real);
    *y = op->truth ? whole(value != 0, false) : (tn_onnx_number){.real = value};
    return true;
}

static tn_status two(tn_onnx *o, const tn_onnx_node *n, bool *done)
{
    const binary *op = binaries;
    const tn_onnx_number *a = tn_onnx_input_numbers(o, n, 0), *b = tn_onnx_input_numbers(o, n, 1);
    tn_onnx_number *y;
    tn_shape shape;
    int64_t count;
    while (strcmp(op->op, n->op) != 0)
        op++;
    if (!a || !b || n->num_in != 2 || n->in[0]->known->type != n->in[1]->known->type ||
        tn_onnx_attr(n, "broadcast", &(tn_proto){0}) || tn_onnx_int(n, "fmod", 0))
        return TN_OK;
    const tn_onnx_known *in_a = n->in[0]->known, *in_b = n->in[1]->known;
    if (!tn_onnx_meet(&in_a->shape, &in_b->shape, &shape) || !tn_onnx_count(&shape, &count))
        return TN_OK;
    TN_TRY(tn_onnx_new_output(o, n, op->truth ? ONNX_BOOL : in_a->type, &shape, &y));
    *done = y;
    for (int64_t i = 0; i < count && *done; i++)
        *done = combine(op, tn_onnx_is_real(in_a->type), a[tn_onnx_place(&shape, &in_a->shape, i)],
                        b[tn_onnx_place(&shape, &in_b->shape, i)], &y[i]);
    return TN_OK;
}

static tn_status where(tn_onnx *o, const tn_onnx_node *n, bool *done)
{
    const tn_onnx_number *x[3];
    tn_onnx_number *y;
    tn_shape shape = {0};
    int64_t count;
    for (int i = 0; i < 3; i++) {
        x[i] = tn_onnx_input_numbers(o, n, i);
        if (!x[i] || !tn_onnx_meet(&shape, &n->in[i]->known->shape, &shape))
            return TN_OK;
    }
    if (!tn_onnx_count(&shape, &count))
        return TN_OK;
    TN_TRY(tn_onnx_new_output(o, n, n->in[1]->known->type, &shape, &y));
    for (int64_t i = 0; i < count && y; i++) {
        const int from = x[0][tn_onnx_place(&shape, &n->in[0]->known->shape, i)].whole ? 1 : 2;
        y[i] = x[from][tn_onnx_place(&shape, &n->in[from]->known->shape, i)];
    }
    *done = y;
    return TN_OK;
}

/* ---- of one ----------------------------------------------------------------------------------- */

static double negative(double x)
{
    return -x;
}

static const struct {
    const char *op;
    double (*real)(double x);
} unaries[] = {{"Neg", negative}, {"Abs", fabs},  {"Floor", floor}, {"Ceil", ceil},
               {"Round", rint},   {"Sqrt", sqrt}, {"Exp", exp},     {"Log", log}};

static bool apply(const char *op, double (*real)(double), bool is_real, tn_onnx_number x,
                  tn_onnx_number *y)
{
    if (is_real) {
        y->real = real(x.real);
        return !x.times_n;
    }
    *y = x;
    if (strcmp(op, "Neg") == 0 || (strcmp(op, "Abs") == 0 && x.whole < 0))
        return sub_whole(whole(0, false), x, y);
    return strcmp(op, "Abs") == 0;
}

static tn_status one(tn_onnx *o, const tn_onnx_node *n, bool *done)
{
    const tn_onnx_number *x = tn_onnx_input_numbers(o, n, 0);
    tn_onnx_number *y;
    int i = 0;
    while (strcmp(unaries[i].op, n->op) != 0)
        i++;
    if (!x)
        return TN_OK;
    const tn_onnx_known *k = n->in[0]->known;
    TN_TRY(tn_onnx_new_output(o, n, k->type, &k->shape, &y));
    *done = y;
    for (int64_t j = 0; j < k->count && *done; j++)
        *done = apply(n->op, unaries[i].real, tn_onnx_is_real(k->type), x[j], &y[j]);
    return TN_OK;
}

static tn_status not(tn_onnx * o, const tn_onnx_node *n, bool *done)
{
    const tn_onnx_number *x = tn_onnx_input_numbers(o, n, 0);
    tn_onnx_number *y;
    if (!x)
        return TN_OK;
    TN_TRY(tn_onnx_new_output(o, n, ONNX_BOOL, &n->in[0]->known->shape, &y));
    for (int64_t i = 0; i < n->in[0]->known->count && y; i++)
        y[i] = whole(!x[i].whole, false);
    *done = y;
    return TN_OK;
}

const tn_onnx_evals tn_onnx_evals_of_numbers[] = {
    {"Add", two},
    {"Sub", two},
    {"Mul", two},
    {"Div", two},
    {"Mod", two},
    {"Pow", two},
    {"Min", two},
    {"Max", two},
    {"And", two},
    {"Or", two},
    {"Equal", two},
    {"Less", two},
    {"Greater", two},
    {"LessOrEqual", two},
    {"GreaterOrEqual", two},
    {"Where", where},
    {"Neg", one},
    {"Abs", one},
    {"Floor", one},
    {"Ceil", one},
    {"Round", one},
    {"Sqrt", one},
    {"Exp", one},
    {"Log", one},
    {"Not", not },
    {0},
};
