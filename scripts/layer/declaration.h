/** y = scale * x, element by element. Any shape. */
typedef struct tn_NAME_opts {
    const char *name;
    float scale; /**< above 0; default 1 */
} tn_NAME_opts;
TN_API tn_value tn_NAME(tn_graph *g, tn_value x, const tn_NAME_opts *opts);
