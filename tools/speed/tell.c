#include <string.h>

#include "../common/json.h"
#include "../common/table.h"
#include "speed.h"

/* ---- text --------------------------------------------------------------------------------- */

typedef struct line {
    const char *name;
    int digits;
    double (*value)(const column *c, const column *all, const task *t); /* below 0: none */
} line;

static double median_ms(const column *c, const column *all, const task *t)
{
    (void)all, (void)t;
    return 1e3 * c->median;
}

static double least_ms(const column *c, const column *all, const task *t)
{
    (void)all, (void)t;
    return 1e3 * c->least;
}

static double most_ms(const column *c, const column *all, const task *t)
{
    (void)all, (void)t;
    return 1e3 * c->most;
}

static double images_a_second(const column *c, const column *all, const task *t)
{
    (void)all;
    return (double)t->batch / c->median;
}

static double times_cpu(const column *c, const column *all, const task *t)
{
    (void)t;
    return column_ratio(c, &all[CPU]);
}

static double times_no_cudnn(const column *c, const column *all, const task *t)
{
    (void)t;
    return column_ratio(c, &all[NO_CUDNN]);
}

static double mebibytes(const column *c, const column *all, const task *t)
{
    (void)all, (void)t;
    return (double)c->memory.total / (1 << 20);
}

static double first_loss(const column *c, const column *all, const task *t)
{
    (void)all, (void)t;
    return (double)c->first_loss;
}

static const line lines[] = {
    {"ms a step, median", 3, median_ms},
    {"  least", 3, least_ms},
    {"  most", 3, most_ms},
    {"images a second", 1, images_a_second},
    {"times the CPU", 2, times_cpu},
    {"times the GPU without cuDNN", 2, times_no_cudnn},
    {"MiB planned", 1, mebibytes},
    {"loss of the first step", 4, first_loss},
};

static void begin_table(table *t, const column *c, const char *corner)
{
    *t = (table){.columns = "lrrrrrr"};
    table_cell(t, "%s", corner);
    for (int i = 0; i < COLUMNS; i++)
        table_cell(t, "%s", c[i].title);
}

static void number_cell(table *t, const column *c, double value, int digits)
{
    if (c->absent)
        table_cell(t, "absent");
    else if (value < 0)
        table_cell(t, "-");
    else
        table_cell(t, "%.*f", digits, value);
}

static bool named_before(const column *c, int count, const char *name)
{
    for (int i = 0; i < count; i++)
        if (column_layer(&c[i], name) >= 0)
            return true;
    return false;
}

static void print_layers(const column *c)
{
    table t;
    printf(
        "\nms a layer, forward and backward, medians. The device is waited for after each of its "
        "parts: they tell\nwhich layers are long; their sum is more than a step takes\n");
    begin_table(&t, c, "");
    for (int from = 0; from < COLUMNS; from++)
        for (int l = 0; l < c[from].num_layers; l++) {
            const char *name = c[from].layers[l].name;
            if (named_before(c, from, name))
                continue;
            table_cell(&t, "%s", name);
            for (int i = 0; i < COLUMNS; i++) {
                const double s = column_layer(&c[i], name);
                number_cell(&t, &c[i], s < 0 ? s : 1e3 * s, 3);
            }
        }
    table_print(&t, stdout);
}

/* What each column is, or why it is not. */
static void print_notes(const column *c)
{
    printf("\n");
    for (int i = 0; i < COLUMNS; i++) {
        const bool same = i > 0 && c[i].absent && strcmp(c[i].why, c[i - 1].why) == 0;
        const char *doubt = column_doubt(&c[i], &c[CPU]);
        if (c[i].absent)
            printf("%s: absent: %s\n", c[i].title, same ? "the same" : c[i].why);
        else
            printf("%s: in %s, rounds of %lld step%s; %s\n", c[i].title, c[i].computes_in,
                   (long long)c[i].steps, c[i].steps == 1 ? "" : "s", c[i].description);
        if (*doubt)
            printf("%s: DO NOT USE: %s\n", c[i].title, doubt);
        if (c[i].skipped > 0)
            printf("%s: %lld updates left out, their gradients were too large for f16\n",
                   c[i].title, (long long)c[i].skipped);
    }
}

/* What others say of such figures, beside those that were measured here. */
static void print_claim(const column *c)
{
    const double plain = column_ratio(&c[CUDNN_F32], &c[NO_CUDNN]);
    const double cpu = column_ratio(&c[CUDNN_F32], &c[CPU]);
    if (c[CUDNN_F32].absent)
        return;
    printf(
        "\n\"cuDNN is 4 to 5 times as fast\" compares a GPU with cuDNN to the same GPU with plain "
        "CUDA "
        "kernels (4.0 for\nAlexNet, 4.1 for GoogLeNet in 2016, convnet-benchmarks), not to a CPU "
        "(49 to 74 for ResNets and VGG\nbeside 32 threads, cnn-benchmarks). Here, in f32:");
    if (plain > 0)
        printf(" %.2f times the GPU without cuDNN", plain);
    if (cpu > 0)
        printf("%s %.2f times the CPU", plain > 0 ? "," : "", cpu);
    printf(".\n");
}

static void print_unfair(const findings *unfair)
{
    if (unfair->count)
        printf("\nThis comparison is not fair:\n");
    for (int i = 0; i < unfair->count; i++)
        printf("  %s %s\n", unfair->at[i].text, unfair->at[i].remedy);
}

void columns_print(const column *c, const task *t, const findings *unfair)
{
    table out;
    printf(
        "tenon %s: %s, %lld x %lld, %lld classes, batches of %lld random images.\n"
        "A step: the batch goes to the device, forward, backward, SGD with momentum. %lld rounds "
        "after %lld steps\nof warming up; a round ends by waiting for its last loss\n\n",
        tn_version(), t->net->about, (long long)t->size, (long long)t->size, (long long)t->classes,
        (long long)t->batch, (long long)t->rounds, (long long)t->warm_up);
    begin_table(&out, c, "");
    for (size_t l = 0; l < sizeof lines / sizeof lines[0]; l++) {
        table_cell(&out, "%s", lines[l].name);
        for (int i = 0; i < COLUMNS; i++)
            number_cell(&out, &c[i], c[i].absent ? -1 : lines[l].value(&c[i], c, t),
                        lines[l].digits);
    }
    table_print(&out, stdout);
    if (t->per_layer)
        print_layers(c);
    print_notes(c);
    print_claim(c);
    print_unfair(unfair);
}

/* ---- JSON --------------------------------------------------------------------------------- */

static void write_ratio(json *j, const char *name, double value)
{
    if (value < 0)
        json_null(j, name);
    else
        json_real(j, name, value);
}

static void write_figures(json *j, const column *c, const column *all, const task *t)
{
    const char *doubt = column_doubt(c, &all[CPU]);
    json_text(j, "description", c->description);
    json_text(j, "precision", c->computes_in);
    json_count(j, "steps_a_round", c->steps);
    json_real(j, "seconds_a_step_median", c->median);
    json_real(j, "seconds_a_step_least", c->least);
    json_real(j, "seconds_a_step_most", c->most);
    json_real(j, "images_per_second", images_a_second(c, all, t));
    write_ratio(j, "times_cpu", times_cpu(c, all, t));
    write_ratio(j, "times_gpu_without_cudnn", times_no_cudnn(c, all, t));
    json_count(j, "planned_bytes", (int64_t)c->memory.total);
    json_real(j, "first_loss", (double)c->first_loss);
    json_real(j, "last_loss", (double)c->last_loss);
    json_count(j, "updates_left_out", c->skipped);
    json_text(j, "doubt", *doubt ? doubt : NULL);
    if (!t->per_layer)
        return;
    json_array(j, "layers");
    for (int i = 0; i < c->num_layers; i++) {
        json_object(j, NULL);
        json_text(j, "name", c->layers[i].name);
        json_real(j, "seconds_with_waits", c->layers[i].seconds);
        json_end(j, '}');
    }
    json_end(j, ']');
}

static void write_unfair(json *j, const findings *unfair)
{
    json_array(j, "unfair");
    for (int i = 0; i < unfair->count; i++) {
        json_object(j, NULL);
        json_text(j, "id", unfair->at[i].id);
        json_text(j, "text", unfair->at[i].text);
        json_text(j, "remedy", unfair->at[i].remedy);
        json_end(j, '}');
    }
    json_end(j, ']');
}

void columns_json(const column *c, const task *t, const findings *unfair)
{
    json j = {.to = stdout};
    json_object(&j, NULL);
    json_text(&j, "tenon", tn_version());
    json_text(&j, "net", t->net->name);
    json_count(&j, "batch", t->batch);
    json_count(&j, "size", t->size);
    json_count(&j, "classes", t->classes);
    json_count(&j, "warm_up_steps", t->warm_up);
    json_count(&j, "rounds", t->rounds);
    json_array(&j, "columns");
    for (int i = 0; i < COLUMNS; i++) {
        json_object(&j, NULL);
        json_text(&j, "title", c[i].title);
        json_text(&j, "device", c[i].device);
        json_bool(&j, "absent", c[i].absent);
        if (c[i].absent)
            json_text(&j, "because", c[i].why);
        else
            write_figures(&j, &c[i], c, t);
        json_end(&j, '}');
    }
    json_end(&j, ']');
    write_unfair(&j, unfair);
    json_end(&j, '}');
}

/* ---- CSV (RFC 4180) ----------------------------------------------------------------------------- */

static void csv_text(FILE *to, const char *text)
{
    putc('"', to);
    for (; *text; text++) {
        if (*text == '"')
            putc('"', to);
        putc(*text, to);
    }
    putc('"', to);
}

static void csv_number(FILE *to, double number)
{
    if (number >= 0)
        fprintf(to, ",%.9g", number);
    else
        putc(',', to);
}

void columns_csv(const column *c, const task *t, FILE *to)
{
    fprintf(to,
            "title,device,net,batch,because absent,seconds a step,least,most,images a second,"
            "times the CPU,times the GPU without cuDNN,bytes planned,loss of the first step\r\n");
    for (int i = 0; i < COLUMNS; i++) {
        csv_text(to, c[i].title);
        putc(',', to);
        csv_text(to, c[i].device);
        fprintf(to, ",%s,%lld,", t->net->name, (long long)t->batch);
        if (c[i].absent)
            csv_text(to, c[i].why);
        const double figures[] = {c[i].median,
                                  c[i].least,
                                  c[i].most,
                                  images_a_second(&c[i], c, t),
                                  times_cpu(&c[i], c, t),
                                  times_no_cudnn(&c[i], c, t),
                                  (double)c[i].memory.total,
                                  (double)c[i].first_loss};
        for (size_t k = 0; k < sizeof figures / sizeof *figures; k++)
            csv_number(to, c[i].absent ? -1 : figures[k]);
        fprintf(to, "\r\n");
    }
}
