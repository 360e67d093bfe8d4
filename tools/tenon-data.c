/*
 * tenon-data: what there is to do with a set of pictures before it is trained on, a command each.
 */
#include "common/commands.h"
#include "data/data.h"

static const command commands[] = {
    {"check", "looks at every file and says what is wrong with the set", data_check},
};

int main(int argc, char **argv)
{
    return commands_run("tenon-data", commands, sizeof commands / sizeof commands[0], argc, argv);
}
