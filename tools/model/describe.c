/*
 * tenon model describe: what a model is made of and what it takes, without running it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tenon/tenon.h>

#include "../common/json.h"
#include "../common/table.h"
#include "../train/opening.h"
#include "model.h"

static struct {
    bool json;
    int64_t size;
    opening opening;
} flags;

static const arg options[] = {
    {ARG_FLAG, "json", NULL, "everything as JSON", &flags.json, 0, 0},
    {ARG_INT, "size", "PIXELS",
     "side of the pictures, where the file leaves it open; default: not said", &flags.size, 1,
     4096},
    OPENING_ARGS(&flags.opening),
};

/* A net of two pictures beside that of one: what differs is the batch. */
typedef struct described {
    const char *path;
    tn_model *model;
    tn_graph *two; /* NULL: it is of one batch only */
    tn_device *device;
    tn_plan *plan;
    double flops;             /* of one forward pass of a batch of one */
    int64_t numbers, tensors; /* of parameters */
    int lacking;              /* tensors of which the file has no numbers */
} described;

/* ---- finding out ------------------------------------------------------------------------------ */

static void make_plan(described *d)
{
    enum { MOST_KEPT = 64 };
    const tn_graph *g = tn_model_graph(d->model);
    tn_value keep[MOST_KEPT];
    tn_plan_opts opts = {.keep = keep, .from = d->model, .dry = true};
    while (opts.num_keep < MOST_KEPT && tn_graph_output_at(g, opts.num_keep).id) {
        keep[opts.num_keep] = tn_graph_output_at(g, opts.num_keep);
        opts.num_keep++;
    }
    if (opts.num_keep == 0 && tn_graph_loss(g).id)
        keep[opts.num_keep++] = tn_graph_loss(g);
    if (tn_device_open(&d->device, "cpu") != TN_OK ||
        tn_plan_create(&d->plan, g, d->device, &opts) != TN_OK)
        args_fail("%s: %s", d->path, tn_error());
    tn_plan_flops(d->plan, &d->flops, NULL);
    for (int i = 0; i < tn_plan_num_params(d->plan); i++) {
        tn_param_info info;
        int64_t count;
        tn_must(tn_plan_param(d->plan, i, &info));
        tn_must(tn_shape_count(&info.shape, &count));
        d->numbers += count;
        d->tensors++;
    }
    while (tn_plan_from(d->plan, TN_FROM_NEW, d->lacking))
        d->lacking++;
}

static void find_out(described *d)
{
    const char *text = tn_model_fact(d->model, "tenon.graph");
    if (tn_graph_read(&d->two, text, strlen(text), &(tn_graph_read_opts){.batch = 2}) != TN_OK)
        d->two = NULL;
    make_plan(d);
}

/* "N x 3 x 227 x 227" */
static const char *say_shape(const described *d, tn_value v, char *text, size_t size)
{
    tn_shape one, two = {0};
    const tn_graph *g = tn_model_graph(d->model);
    size_t used = 0;
    tn_must(tn_value_shape(g, v, &one));
    if (d->two)
        tn_must(tn_value_shape(d->two, tn_graph_value(d->two, tn_value_name(g, v)), &two));
    snprintf(text, size, "a number");
    for (int i = 0; i < one.ndim && used < size; i++) {
        const char *between = i ? " x " : "";
        used += (size_t)(two.ndim == one.ndim && two.dim[i] == 2 * one.dim[i] && one.dim[i] == 1
                             ? snprintf(text + used, size - used, "%sN", between)
                             : snprintf(text + used, size - used, "%s%lld", between,
                                        (long long)one.dim[i]));
    }
    return text;
}

static const char *say_dtype(const described *d, tn_value v)
{
    tn_dtype dtype;
    tn_must(tn_value_dtype(tn_model_graph(d->model), v, &dtype));
    return tn_dtype_name(dtype);
}

/* Operations and how often each is there, by the steps of the text: "NAME, ... = op(". */
typedef struct operation {
    char name[64];
    int count;
} operation;

static int by_count(const void *a, const void *b)
{
    const operation *x = a, *y = b;
    return x->count != y->count ? y->count - x->count : strcmp(x->name, y->name);
}

enum { MOST_OPERATIONS = 256 };

static int count_operations(const described *d, operation to[MOST_OPERATIONS])
{
    int kinds = 0;
    for (const char *line = tn_model_fact(d->model, "tenon.graph"); *line;
         line += strcspn(line, "\n"), line += *line == '\n') {
        const char *op = strstr(line, " = "), *end = line + strcspn(line, "\n");
        if (!op || op > end || strcspn(op + 3, "(") >= sizeof to->name)
            continue;
        const size_t length = strcspn(op + 3, "(");
        int at = 0;
        while (at < kinds && (strncmp(to[at].name, op + 3, length) != 0 || to[at].name[length]))
            at++;
        if (at == MOST_OPERATIONS)
            continue;
        if (at == kinds)
            snprintf(to[kinds++].name, sizeof to->name, "%.*s", (int)length, op + 3);
        to[at].count++;
    }
    qsort(to, (size_t)kinds, sizeof *to, by_count);
    return kinds;
}

static const char *const facts[] = {"tenon.version", "tenon.source", "tenon.fit",
                                    "tenon.recipe",  "tenon.build",  "tenon.optimizer"};
enum { FACTS = sizeof facts / sizeof facts[0] };

/* ---- as text ---------------------------------------------------------------------------------- */

static void tell_values(const described *d, const char *what, tn_value (*at)(const tn_graph *, int))
{
    char shape[200];
    const tn_graph *g = tn_model_graph(d->model);
    tn_value v;
    for (int i = 0; (v = at(g, i)).id; i++)
        printf("%-11s%s: %s %s\n", i ? "" : what, tn_value_name(g, v), say_dtype(d, v),
               say_shape(d, v, shape, sizeof shape));
}

static void tell_operations(const described *d)
{
    static operation ops[MOST_OPERATIONS];
    const int kinds = count_operations(d, ops);
    printf("%-11s", "operations");
    for (int i = 0; i < kinds; i++)
        printf("%s%s %d", i ? ", " : "", ops[i].name, ops[i].count);
    printf("\n");
}

static void tell(const described *d)
{
    const tn_graph *g = tn_model_graph(d->model);
    tell_values(d, "inputs", tn_graph_input);
    tell_values(d, "outputs", tn_graph_output_at);
    if (tn_graph_loss(g).id)
        printf("%-11s%s: %s\n", "loss", tn_value_name(g, tn_graph_loss(g)),
               tn_value_op(g, tn_graph_loss(g)));
    tell_operations(d);
    printf("%-11s%lld numbers in %lld tensors, %.1f MiB", "parameters", (long long)d->numbers,
           (long long)d->tensors, (double)d->numbers * 4 / (1 << 20));
    printf(d->lacking ? "; the file lacks %d tensors\n" : "\n", d->lacking);
    printf("%-11s%.3f forward, a batch of one\n", "GFLOP", d->flops / 1e9);
    if (tn_model_num_classes(d->model))
        printf("%-11s%d, from \"%s\"\n", "classes", tn_model_num_classes(d->model),
               tn_model_class(d->model, 0));
    if (tn_model_keeps_average(d->model))
        printf("%-11saverages are kept beside what is trained\n", "numbers");
    for (int i = 0; i < FACTS; i++)
        if (tn_model_fact(d->model, facts[i]))
            printf("%-11s%s\n", facts[i] + strlen("tenon."), tn_model_fact(d->model, facts[i]));
    for (int i = 0; tn_model_notice(d->model, i); i++)
        printf("%-11s%s\n", i ? "" : "notes", tn_model_notice(d->model, i));
}

/* ---- as JSON ---------------------------------------------------------------------------------- */

static void write_values(json *j, const described *d, const char *what,
                         tn_value (*at)(const tn_graph *, int))
{
    char shape[200];
    const tn_graph *g = tn_model_graph(d->model);
    tn_value v;
    json_array(j, what);
    for (int i = 0; (v = at(g, i)).id; i++) {
        json_object(j, NULL);
        json_text(j, "name", tn_value_name(g, v));
        json_text(j, "type", say_dtype(d, v));
        json_text(j, "shape", say_shape(d, v, shape, sizeof shape));
        json_end(j, '}');
    }
    json_end(j, ']');
}

static void write_operations(json *j, const described *d)
{
    static operation ops[MOST_OPERATIONS];
    const int kinds = count_operations(d, ops);
    json_object(j, "operations");
    for (int i = 0; i < kinds; i++)
        json_count(j, ops[i].name, ops[i].count);
    json_end(j, '}');
}

static void write(const described *d)
{
    json j = {.to = stdout};
    const tn_graph *g = tn_model_graph(d->model);
    json_object(&j, NULL);
    json_text(&j, "file", d->path);
    write_values(&j, d, "inputs", tn_graph_input);
    write_values(&j, d, "outputs", tn_graph_output_at);
    json_text(&j, "loss", tn_value_name(g, tn_graph_loss(g)));
    write_operations(&j, d);
    json_count(&j, "parameters", d->numbers);
    json_count(&j, "tensors", d->tensors);
    json_count(&j, "lacking", d->lacking);
    json_real(&j, "flops", d->flops);
    json_count(&j, "classes", tn_model_num_classes(d->model));
    json_bool(&j, "keeps_average", tn_model_keeps_average(d->model));
    json_object(&j, "facts");
    for (int i = 0; i < FACTS; i++)
        if (tn_model_fact(d->model, facts[i]))
            json_text(&j, facts[i], tn_model_fact(d->model, facts[i]));
    json_end(&j, '}');
    json_array(&j, "notes");
    for (int i = 0; tn_model_notice(d->model, i); i++)
        json_text(&j, NULL, tn_model_notice(d->model, i));
    json_end(&j, ']');
    json_array(&j, "refused");
    json_end(&j, ']');
    json_end(&j, '}');
    printf("\n");
}

/* ---- what cannot be imported ------------------------------------------------------------------ */

/* A line each, behind a line of how many: the pieces of the sentence. */
static void tell_refused(const char *path)
{
    char piece[2048];
    json j = {.to = stdout};
    const char *why = tn_error(), *list = strstr(why, "cannot be imported: ");
    const size_t head = list ? (size_t)(list - why) + strlen("cannot be imported") : strlen(why);
    if (flags.json) {
        json_object(&j, NULL);
        json_text(&j, "file", path);
        json_array(&j, "refused");
    } else {
        printf("%.*s%s\n", (int)head, why, list ? ":" : "");
    }
    for (const char *p = list ? why + head + 2 : flags.json ? why : ""; *p;) {
        const char *end = strstr(p, "; ");
        snprintf(piece, sizeof piece, "%.*s", end ? (int)(end - p) : (int)strlen(p), p);
        if (flags.json)
            json_text(&j, NULL, piece);
        else
            printf("  %s\n", piece);
        p = end ? end + 2 : p + strlen(p);
    }
    if (flags.json) {
        json_end(&j, ']');
        json_end(&j, '}');
        printf("\n");
    }
}

int model_describe(int argc, char **argv)
{
    const args a = {
        .usage = "tenon-model describe FILE [options]",
        .about = "Tells what a model takes and gives, its operations, its numbers, what a "
                 "forward pass costs, its\n"
                 "facts, and what opening it took to mean what. What cannot be imported of "
                 "a file of another\n"
                 "program is listed, all of it.",
        .more = "Exit status: 0; 1: operations of it cannot be imported; 2: flags or a model "
                "that cannot be.\n\n"
                "Examples:\n"
                "  tenon model describe model.onnx\n"
                "  tenon model describe deploy.prototxt --weights net.caffemodel --json",
        .options = options,
        .count = sizeof options / sizeof options[0],
        .min_words = 1,
        .max_words = 1,
        .words = "a model"};
    described d = {0};
    args_parse(&a, argc, argv);
    d.path = argv[1];
    const tn_model_opts opts = opening_opts(&flags.opening, 0, flags.size);
    const tn_status status = tn_model_open(&d.model, d.path, &opts);
    if (status == TN_ERR_UNSUPPORTED)
        tell_refused(d.path);
    else if (status != TN_OK)
        args_fail("%s", tn_error());
    if (status == TN_OK) {
        opening_check(d.model);
        find_out(&d);
        (flags.json ? write : tell)(&d);
    }
    tn_plan_destroy(d.plan);
    tn_device_close(d.device);
    tn_graph_destroy(d.two);
    tn_model_close(d.model);
    return fflush(stdout) != 0 || status != TN_OK;
}
