/* What was found, as text. */
#include <stdlib.h>
#include <string.h>

#include <tenon/tenon.h>

#include "../common/table.h"
#include "doctor.h"

/* Words parted by blanks into lines, each of which begins after so many columns. */
static void print_wrapped(const char *text, int indent)
{
    enum { WIDE = 100 };
    int at = indent;
    while (*text) {
        const int length = (int)strcspn(text, " ");
        if (at > indent && at + 1 + length > WIDE) {
            printf("\n%*s", indent, "");
            at = indent;
        }
        at += printf("%s%.*s", at > indent ? " " : "", length, text);
        text += length;
        text += strspn(text, " ");
    }
    putchar('\n');
}

static int count_of(const findings *found, level l)
{
    int count = 0;
    for (int i = 0; i < found->count; i++)
        count += found->at[i].level == l;
    return count;
}

static void tell_findings(const findings *found)
{
    const int broken = count_of(found, BROKEN), slow = count_of(found, SLOW);
    if (broken)
        printf("%d thing%s broken", broken, broken == 1 ? " is" : "s are");
    else
        printf("Nothing is broken");
    if (slow)
        printf(", %d thing%s it down.\n", slow, slow == 1 ? " slows" : "s slow");
    else
        printf(", nothing slows it down.\n");
    for (int i = 0; i < found->count; i++) {
        const finding *f = &found->at[i];
        printf("\n  %-8s", level_name(f->level));
        print_wrapped(f->text, 10);
        printf("%10s", "");
        print_wrapped(f->remedy, 10);
    }
}

static void tell_libraries(const facts *f)
{
    table t = {.columns = "llll"};
    printf("\nLibraries\n");
    for (int i = 0; i < LIBRARIES; i++) {
        const library_facts *l = &f->library[i];
        table_cell(&t, "  %s", library_names[i]);
        table_cell(&t, "%s", library_state_name(l->state));
        table_cell(&t, "%s%s", *l->found ? "found: " : "", l->found);
        table_cell(&t, "%s%s", *l->wanted ? "wanted: " : "", l->wanted);
    }
    table_print(&t, stdout);
}

static void number_cell(table *t, double number, int digits)
{
    if (number < 0)
        table_cell(t, "-");
    else
        table_cell(t, "%.*f", digits, number);
}

/* "1200 of 1980 MHz, slowed by heat" */
static void of_cell(table *t, double is, double most, const char *unit, const char *why)
{
    char of[64] = "";
    if (most >= 0)
        snprintf(of, sizeof of, " of %.0f", most);
    if (is < 0)
        table_cell(t, "-");
    else
        table_cell(t, "%.0f%s%s%s%s", is, of, unit, *why ? ", slowed by " : "", why);
}

static void tell_gpus(const gpus_facts *g)
{
    table t = {.columns = "rlrrrrrrll"};
    static const char *const heads[] = {"GPU",    "model", "capability", "GB used", "of",
                                        "busy %", "W",     "C",          "PCIe",    "clock"};
    printf("\nGPUs (driver %s)\n", g->version);
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        table_cell(&t, "%s", heads[i]);
    for (int i = 0; i < g->count; i++) {
        const gpu_facts *c = &g->gpu[i];
        char why[WORDS];
        clock_reasons(c->reasons, why);
        table_cell(&t, "%d", i);
        table_cell(&t, "%s", c->name);
        table_cell(&t, "%d.%d", c->major, c->minor);
        number_cell(&t, c->used / 1e9, 1);
        number_cell(&t, c->memory / 1e9, 1);
        number_cell(&t, c->busy, 0);
        of_cell(&t, c->watts, c->watts_most, "", "");
        number_cell(&t, c->celsius, 0);
        of_cell(&t, c->lanes, c->lanes_most, " lanes", "");
        of_cell(&t, c->clock, c->clock_most, " MHz", why);
    }
    table_print(&t, stdout);
    for (int i = 0; i < g->count && g->count > 1; i++)
        printf("  from GPU %d to the others: %s\n", i, g->links[i]);
}

/* What there would have to be, on a machine without. */
static void tell_needed(const facts *f)
{
    const library_facts *l = f->library;
    char text[2 * SENTENCE];
    if (*f->build.cuda)
        snprintf(text, sizeof text,
                 "To compute on one: a GPU of NVIDIA's of compute capability 7.5 or later (T4, RTX "
                 "20 and all after them), its driver %s, cuBLAS %s, and cuDNN %s. AlexNet with "
                 "batches of 128 takes 1.1 GB of its memory; tenon plan tells it of any net and "
                 "card.",
                 l[DRIVER].wanted, l[CUBLAS].wanted, l[CUDNN].wanted);
    else
        snprintf(text, sizeof text,
                 "To compute on one: a GPU of NVIDIA's of compute capability 7.5 or later (T4, RTX "
                 "20 and all after them), and a build of Tenon with the CUDA toolkit, 12.4 to "
                 "13.x, and cuDNN 9.8 or later: this one is without.");
    printf("\nGPUs\n  none. ");
    print_wrapped(text, 2);
}

static void tell_host(const facts *f)
{
    const host_facts *h = &f->host;
    const disk_facts *d = &f->disk;
    printf("\nMachine\n");
    printf("  system      %s; Linux %s\n", h->system, h->kernel);
    if (*h->virtual_machine || *h->container)
        printf("  within      %s%s%s%s%s\n", *h->virtual_machine ? "a virtual machine: " : "",
               h->virtual_machine, *h->virtual_machine && *h->container ? "; " : "",
               *h->container ? "a container: " : "", h->container);
    printf("  processor   %s; %d core%s, of which this process may use %d\n", h->cpu, h->cores,
           h->cores == 1 ? "" : "s", h->mine);
    printf("              %s\n", *h->flags ? h->flags : "no instructions that matter");
    if (h->mhz_most > 0)
        printf("              %.0f of %.0f MHz, governor %s\n", h->mhz, h->mhz_most, h->governor);
    printf("  to Tenon    %s\n", h->device);
    printf("  busy        ");
    if (h->busy >= 0)
        printf("%.0f %% of the cores by others; ", 100 * h->busy);
    printf("load %.1f\n", h->load);
    printf("  memory      %.1f GB, %.1f GB free%s; /dev/shm ", h->memory / 1e9, h->available / 1e9,
           h->limit > 0 ? ", less by a control group" : "");
    if (h->shm >= 0)
        printf("%.1f GB, %.1f GB free\n", h->shm / 1e9, h->shm_free / 1e9);
    else
        printf("is not there\n");
    printf("  disk        %s (%s): %.1f GB, %.1f GB free\n", d->folder, d->kind, d->size / 1e9,
           d->free / 1e9);
    printf("  build       Tenon %s, %s, %s%s%s\n", tn_version(), f->build.kind, f->build.compiler,
           *f->build.cuda ? ", CUDA " : ", without CUDA", f->build.cuda);
}

static void tell_variables(const facts *f)
{
    table t = {.columns = "ll"};
    for (const variable *v = variables; v->name; v++) {
        const char *value = f->variable(v->name);
        if (!value)
            continue;
        table_cell(&t, "  %s=%.200s", v->name, value);
        table_cell(&t, "%s", v->means);
    }
    if (t.count == 0)
        return;
    printf("\nVariables that are set\n");
    table_print(&t, stdout);
}

/* "  12.3 unit", or why not. */
static void tell_measure(const char *what, double number, double unit, const char *name,
                         const char *why)
{
    if (number < 0)
        printf("  %-32s not measured%s%s\n", what, *why ? ": " : "", why);
    else
        printf("  %-32s %.4g %s\n", what, number / unit, name);
}

static void tell_measured(const measured_facts *m)
{
    printf("\nMeasured\n");
    tell_measure("CPU, product of matrices", m->flops, 1e9, "GFLOP/s", m->why);
    tell_measure("CPU, memory", m->bytes, 1e9, "GB/s", m->why);
    for (int i = 0; i < m->gpus; i++) {
        char what[64];
        snprintf(what, sizeof what, "cuda:%d, product of matrices", i);
        tell_measure(what, m->gpu_flops[i], 1e12, "TFLOP/s", "");
        snprintf(what, sizeof what, "cuda:%d, memory", i);
        tell_measure(what, m->gpu_bytes[i], 1e9, "GB/s", "");
    }
    if (*m->gpu_why)
        tell_measure("GPUs", -1, 1, "", m->gpu_why);
    tell_measure("loader, photos of 500 x 375", m->images, 1, "images/s", m->images_why);
    tell_measure("disk, read", m->disk, 1e6, "MB/s", m->disk_why);
}

void tell_text(const facts *f, const findings *found)
{
    tell_findings(found);
    if (f->gpus.count > 0)
        tell_gpus(&f->gpus);
    else
        tell_needed(f);
    tell_libraries(f);
    tell_host(f);
    tell_variables(f);
    if (f->measured.asked)
        tell_measured(&f->measured);
}
