/*
 * tenon-run: what there is to do with runs, a command each.
 */
#include "common/commands.h"
#include "run/run.h"

static const command commands[] = {
    {"list", "which runs there are, and how they are", run_list},
    {"show", "one run: where it is, its epochs, what happened to it", run_show},
    {"wait", "waits until a run has ended, and ends as it did", run_wait},
};

int main(int argc, char **argv)
{
    return commands_run("tenon-run", commands, sizeof commands / sizeof commands[0], argc, argv);
}
