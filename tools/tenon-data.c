/*
 * tenon-data: what there is to do with a set of pictures before it is trained on, a command each.
 */
#include "common/commands.h"
#include "data/data.h"

static const command commands[] = {
    {"check", "looks at every file and says what is wrong with the set", data_check},
    {"show", "tells of each class its images, bytes and first files", data_show},
    {"split", "shares it out into a list to train on and one to measure on", data_split},
    {"pack", "decodes it once, into files that train at the speed of memory", data_pack},
    {"thumbs", "makes a page or a folder of small pictures", data_thumbs},
    {"browse", "answers questions about the data sets of a workspace", data_browse},
};

int main(int argc, char **argv)
{
    static const command_set set = {
        .program = "tenon-data",
        .what = "looks at a set of pictures, shares it out and packs it, before it is trained on",
        .about = "A set is a folder with one subfolder a class, a text file with a line \"path "
                 "label\" an image, or a\n"
                 "folder that tenon data pack wrote. No command changes a file of it.",
        .command = commands,
        .count = sizeof commands / sizeof commands[0]};
    return commands_run(&set, argc, argv);
}
