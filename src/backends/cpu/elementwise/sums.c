/* The gradient of an input that was taken again, as sums; see binary.h. */
#include "backends/cpu/elementwise/binary.h"

enum {
    WIDTH = 512,     /* columns that a thread sums up side by side */
    BUFFER = 2048,   /* elements whose gradients are made before they are added up */
    PARTS = 64,      /* of one sum, */
    ENOUGH = 1 << 12 /* unless one had fewer elements than these */
};

#ifdef __x86_64__
extern const tn_sum_loops tn_sum_loops_portable, tn_sum_loops_avx2, tn_sum_loops_avx512;
static const tn_sum_loops *const loops_of[TN_CPU_ISAS] = {&tn_sum_loops_portable,
                                                          &tn_sum_loops_avx2, &tn_sum_loops_avx512};
#else
extern const tn_sum_loops tn_sum_loops_portable;
static const tn_sum_loops *const loops_of[TN_CPU_ISAS] = {&tn_sum_loops_portable};
#endif

static void add_dim(tn_walk *w, const tn_broadcast *s, int d, int64_t y_step, int64_t own_step)
{
    const int64_t step[TN_WALKS] = {s->step[0][d], s->step[1][d], y_step, own_step};
    for (int i = 0; i < TN_WALKS; i++)
        w->step[i][w->ndim] = step[i];
    w->dim[w->ndim++] = s->dim[d];
    w->count *= s->dim[d];
}

/* As many as keep threads busy. Of sums over what lies side by side as many as there can be: part by part memory is
 * read in order. */
static int64_t parts_of(const tn_sums *s)
{
    const int64_t most = s->inner ? PARTS : PARTS / (s->kept.count * s->pieces);
    const int64_t each = s->summed.count * (s->inner ? s->cols : s->width);
    const int64_t rows = s->summed.count * (s->inner ? s->pieces : 1);
    const int64_t parts = tn_cpu_lower(tn_cpu_lower(most, each / ENOUGH), rows);
    return parts > 1 ? parts : 1;
}

tn_sums tn_sums_plan(const tn_broadcast *s, int input)
{
    const int last = s->ndim - 1;
    tn_sums sums = {.kept.count = 1, .summed.count = 1, .cols = s->dim[last]};
    int64_t below[TN_BROADCAST_DIMS];
    below[last] = 1;
    for (int d = last; d-- > 0;)
        below[d] = below[d + 1] * s->dim[d + 1];
    for (int d = 0; d < last; d++)
        add_dim(s->step[input][d] ? &sums.kept : &sums.summed, s, d, below[d], s->step[input][d]);
    sums.inner = s->step[input][last] == 0;
    sums.width = tn_cpu_lower(sums.cols, sums.inner ? BUFFER : WIDTH);
    sums.pieces = (sums.cols + sums.width - 1) / sums.width;
    sums.count = sums.kept.count * (sums.inner ? 1 : sums.cols);
    sums.parts = parts_of(&sums);
    return sums;
}

size_t tn_sums_scratch(const tn_sums *s)
{
    return s->parts > 1 ? (size_t)(s->parts * s->count) * sizeof(double) : 0;
}

/* Rows first ... first + count of what is summed up, `cols` columns of each from `at`: added to sum[], one for all or
 * for each column. They are next to each other in the innermost dimension that is summed up. */
static void add_rows(const tn_sums *s, const tn_sum_of *of, const tn_sum_loops *loops,
                     const int64_t *at, int64_t first, int64_t count, int64_t cols, double *sum)
{
    float buffer[BUFFER];
    const int last = s->summed.ndim - 1;
    int64_t from[TN_WALKS] = {at[0], at[1], at[2], at[3]};
    tn_walk_to(&s->summed, first, from);
    tn_binary_rows r = {.rows = count,
                        .cols = cols,
                        .a = of->a + from[TN_WALK_A],
                        .b = of->b + from[TN_WALK_B],
                        .dy = of->dy + from[TN_WALK_Y],
                        .to = buffer,
                        .to_row = cols};
    if (last >= 0) {
        r.a_row = s->summed.step[TN_WALK_A][last];
        r.b_row = s->summed.step[TN_WALK_B][last];
        r.dy_row = s->summed.step[TN_WALK_Y][last];
    }
    const float *x = r.dy;
    int64_t row = r.dy_row;
    if (of->gradient[of->kind]) {
        of->gradient[of->kind](&r);
        x = buffer;
        row = cols;
    }
    if (s->inner)
        *sum += loops->all(x, count, cols, row);
    else
        loops->columns(sum, x, count, cols, row);
}

/* How many rows from `first` on lie next to each other, are before `end`, and fit into the buffer. */
static int64_t rows_from(const tn_sums *s, int64_t first, int64_t end, int64_t cols)
{
    const int last = s->summed.ndim - 1;
    const int64_t len = last < 0 ? 1 : s->summed.dim[last];
    return tn_cpu_lower(tn_cpu_lower(end, first / len * len + len) - first, BUFFER / cols);
}

/* Part `part` of sum number `kept`, or of `piece` of that row of sums. */
static void sum_part(const tn_sums *s, const tn_sum_of *of, const tn_sum_loops *loops, int64_t kept,
                     int64_t piece, int64_t part, float *gradient)
{
    double sum[WIDTH] = {0};
    int64_t at[TN_WALKS] = {0};
    const int a_col = of->kind != TN_BINARY_B, b_col = of->kind != TN_BINARY_A;
    const int64_t all = s->summed.count * (s->inner ? s->pieces : 1);
    const int64_t end = all * (part + 1) / s->parts;
    tn_walk_to(&s->kept, kept, at);
    for (int64_t i = all * part / s->parts, count; i < end; i += count) {
        const int64_t col = (s->inner ? i % s->pieces : piece) * s->width;
        const int64_t cols = tn_cpu_lower(s->width, s->cols - col);
        const int64_t start[TN_WALKS] = {at[0] + a_col * col, at[1] + b_col * col, at[2] + col};
        const bool cut = s->inner && s->pieces > 1; /* one row, piece by piece */
        count = cut ? 1 : rows_from(s, i, end, cols);
        add_rows(s, of, loops, start, cut ? i / s->pieces : i, count, cols, sum);
    }
    const int64_t to = at[TN_WALK_GRADIENT] + (s->inner ? 0 : piece * s->width);
    const int64_t cols = s->inner ? 1 : tn_cpu_lower(s->width, s->cols - piece * s->width);
    for (int64_t j = 0; j < cols; j++)
        if (s->parts > 1)
            of->scratch[part * s->count + to + j] = sum[j];
        else
            gradient[to + j] = (float)sum[j];
}

typedef struct job {
    const tn_sums *s;
    const tn_sum_of *of;
    float *gradient;
} job;

static void sum_parts(const void *arg, tn_piece p)
{
    const job *j = arg;
    const tn_sums *s = j->s;
    const int64_t pieces = s->inner ? 1 : s->pieces;
    for (int64_t t = p.begin; t < p.end; t++)
        sum_part(s, j->of, loops_of[tn_cpu_isa_here()], t / pieces % s->kept.count, t % pieces,
                 t / pieces / s->kept.count, j->gradient);
}

static void add_parts(const void *arg, tn_piece p)
{
    const job *j = arg;
    const tn_sums *s = j->s;
    for (int64_t i = p.begin; i < p.end; i++) {
        double sum = 0;
        for (int64_t part = 0; part < s->parts; part++)
            sum += j->of->scratch[part * s->count + i];
        j->gradient[i] = (float)sum;
    }
}

void tn_sums_run(const tn_sums *s, const tn_sum_of *of, float *gradient)
{
    const job j = {s, of, gradient};
    const int64_t each = s->summed.count * s->cols / s->parts + 1;
    tn_each(of->device, s->parts * s->kept.count * (s->inner ? 1 : s->pieces), 1 + TN_FLOATS / each,
            sum_parts, &j);
    if (s->parts > 1)
        tn_each(of->device, s->count, TN_FLOATS / PARTS, add_parts, &j);
}
