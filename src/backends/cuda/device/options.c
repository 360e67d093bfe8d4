/*
 * The options of a CUDA device, "cudnn=off,workspace=256".
 */
#include "backends/options.h"

#include <stddef.h>
#include <string.h>

#include "backends/cuda/device/device.h"

enum { OFF, ON, ALL };

typedef struct words {
    tn_cuda_opts opts;
    int cudnn, sums;
    int64_t mebibytes;
} words;

enum { CUDNN, WORKSPACE }; /* rows that are asked for below */
static const tn_option known[] = {
    [CUDNN] = {"cudnn", TN_OPTION_CHOICE, offsetof(words, cudnn), 0, 0, "off|on|all"},
    [WORKSPACE] = {"workspace", TN_OPTION_NUMBER, offsetof(words, mebibytes), 0, INT32_MAX, "MiB"},
    {"deterministic", TN_OPTION_SWITCH, offsetof(words, opts.deterministic), 0, 0, NULL},
    {"autotune", TN_OPTION_SWITCH, offsetof(words, opts.autotune), 0, 0, NULL},
    {"sums", TN_OPTION_CHOICE, offsetof(words, sums), 0, 0, "off|on|all"},
    {"graph", TN_OPTION_SWITCH, offsetof(words, opts.graph), 0, 0, NULL},
    {"sync", TN_OPTION_SWITCH, offsetof(words, opts.sync), 0, 0, NULL},
    {"gpu", TN_OPTION_TEXT, offsetof(words, opts.gpu), 0, sizeof(((tn_cuda_opts *)0)->gpu),
     "NAME or FILE"},
    {0},
};

tn_status tn_cuda_read_options(const char *text, tn_cuda_opts *out)
{
    words w = {.opts.graph = true, .cudnn = ON, .sums = OFF};
    unsigned given;
    TN_TRY(tn_options_read(tn_cuda_name, known, text, &w, &given));
    w.opts.cudnn = w.cudnn != OFF;
    w.opts.cudnn_all = w.cudnn == ALL;
    w.opts.sums = w.sums != OFF;
    w.opts.sums_all = w.sums == ALL;
    w.opts.cudnn_named = given & 1U << CUDNN;
    w.opts.workspace = (size_t)w.mebibytes << 20;
    w.opts.workspace_named = given & 1U << WORKSPACE;
    if (w.opts.deterministic && w.opts.autotune)
        return tn_fail(
            TN_ERR_ARGUMENT,
            "%s: autotune may choose another engine each time: not with deterministic=on",
            tn_cuda_name);
    *out = w.opts;
    return TN_OK;
}
