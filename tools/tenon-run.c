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
    {"set", "changes rate, momentum and more of a run while it trains", run_set},
    {"stop", "ends a run after the step at hand", run_stop},
    {"snapshot", "has a run write a checkpoint now", run_snapshot},
    {"evaluate", "has a run validate now", run_evaluate},
    {"repeat", "does again what a run did, as another run", run_repeat},
    {"requeue", "has runs that died wait in the queue again", run_requeue},
};

int main(int argc, char **argv)
{
    static const command_set set = {
        .program = "tenon-run",
        .what = "lists runs, shows, compares, plots, steers, repeats and removes them",
        .about = "A run is the folder of one training: WORKSPACE/runs/NAME by its name, any folder "
                 "by its path.",
        .command = commands,
        .count = sizeof commands / sizeof commands[0]};
    return commands_run(&set, argc, argv);
}
