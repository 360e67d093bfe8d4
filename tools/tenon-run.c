/*
 * tenon-run: what there is to do with runs, a command each.
 */
#include "common/commands.h"
#include "run/run.h"

static const command commands[] = {
    {"list", "which runs there are, and how they are", run_list},
    {"show", "one run: where it is, its epochs, what happened to it", run_show},
    {"compare", "are two runs the same, and if not, where do they begin to differ?", run_compare},
    {"plot", "draws the curves of one run or of several", run_plot},
    {"rm", "takes runs away, to the trash or for good", run_rm},
    {"wait", "waits until a run has ended, and ends as it did", run_wait},
};

int main(int argc, char **argv)
{
    static const command_set set = {
        .program = "tenon-run",
        .what = "lists runs, shows, compares, plots and removes them, and waits for them",
        .about = "A run is the folder of one training: WORKSPACE/runs/NAME by its name, any folder "
                 "by its path.",
        .command = commands,
        .count = sizeof commands / sizeof commands[0]};
    return commands_run(&set, argc, argv);
}
