/* tenon-run plot: the curves of runs as SVG. */
#include <stdlib.h>
#include <string.h>

#include "../common/args.h"
#include "../common/whole.h"
#include "../common/workspace.h"
#include "picture.h"
#include "run.h"

static struct {
    const char *workspace, *of, *out;
    double smooth;
    int64_t from, to, width;
    bool log, force;
} flags = {.smooth = -1, .from = -1, .to = -1, .out = "-"};

static const char about[] = "Draws what the logs of runs say, as SVG, for light and dark: a chart "
                            "for each number, all runs in each. Numbers of\n"
                            "steps are smoothed over all their points, and then thinned so that no "
                            "peak is lost; those of validations are drawn\n"
                            "as they are. Of a single run orders and resumes are marked.";

static const char more[] = "Examples:\n"
                           "  tenon-run plot first --out first.svg\n"
                           "  tenon-run plot first second --of loss --log --out loss.svg";

static const arg options[] = {
    ARG_WORKSPACE(&flags.workspace),
    {ARG_TEXT, "of", "NAMES", "loss,top1,rate,...; default: whatever a line of a step has",
     &flags.of, 0, 0},
    {ARG_REAL, "smooth", "WEIGHT",
     "of what came before; 0: not; default: by how many\npoints the longest run has, from 0 to "
     "0.98",
     &flags.smooth, 0, 0.9999},
    {ARG_FLAG, "log", NULL, "logarithmic, but for shares as top1 is", &flags.log, 0, 0},
    {ARG_INT, "from", "STEP", "default: the first", &flags.from, 0, 9e15},
    {ARG_INT, "to", "STEP", "default: the last", &flags.to, 1, 9e15},
    {ARG_INT, "width", "PIXELS", "of the picture; default: 1160, or 760 of one chart", &flags.width,
     320, 10000},
    {ARG_TEXT, "out", "FILE", "- is stdout", &flags.out, 0, 0},
    {ARG_FLAG, "force", NULL, "write over a file that is there", &flags.force, 0, 0},
};

int run_plot(int argc, char **argv)
{
    const args a = {.usage = "tenon-run plot RUN... [options]",
                    .about = about,
                    .more = more,
                    .options = options,
                    .count = sizeof options / sizeof options[0],
                    .min_words = 1,
                    .max_words = -1,
                    .words = "the name of a run"};
    whole file = {.to = stdout};
    const int count = args_parse(&a, argc, argv);
    const bool to_file = strcmp(flags.out, "-") != 0;
    if (count > SVG_COLOURS)
        args_fail("%d runs in one picture: there are %d colours to tell them apart", count,
                  SVG_COLOURS);
    if (flags.from >= 0 && flags.to >= 0 && flags.from >= flags.to)
        args_fail("--from %lld is not before --to %lld", (long long)flags.from,
                  (long long)flags.to);
    if (to_file)
        whole_begin(&file, flags.out, flags.force);
    tn_run_info **info = calloc((size_t)count, sizeof *info);
    plotted *run = calloc((size_t)count, sizeof *run);
    if (!run || !info)
        run_fail("no memory for %d runs", count);
    for (int i = 0; i < count; i++) {
        info[i] = run_named(flags.workspace, argv[1 + i]);
        run[i] = (plotted){.info = info[i], .series = run_log_of(info[i])};
    }
    picture p = {.run = run,
                 .num_runs = count,
                 .smooth = flags.smooth,
                 .log = flags.log,
                 .from = (double)flags.from,
                 .to = (double)flags.to};
    picture_choose(&p, flags.of);
    p.width = flags.width ? (double)flags.width : p.num_numbers > 1 ? 1160 : 760;
    picture_write(&p, file.to);
    for (int i = 0; i < count; i++) {
        tn_series_close(run[i].series);
        tn_run_info_close(info[i]);
    }
    free(run);
    free(info);
    if (to_file)
        whole_end(&file);
    return fflush(stdout) == 0 ? 0 : 1;
}
