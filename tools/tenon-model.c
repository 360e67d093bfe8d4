/*
 * tenon-model: what a file of a net holds, and in which forms it can be had, a command each.
 */
#include "common/commands.h"
#include "model/model.h"

static const command commands[] = {
    {"describe", "tells what is in it: inputs, outputs, numbers, operations, facts",
     model_describe},
    {"text", "writes its net as text, a line a node", model_text},
    {"layers", "tells and draws each layer: what it makes, its numbers, figures of both",
     model_layers},
    {"convert", "makes a file of Tenon's or of ONNX of it", model_convert},
};

int main(int argc, char **argv)
{
    static const command_set set = {
        .program = "tenon-model",
        .what = "tells what the file of a net holds, and turns it into another kind of file",
        .about =
            "A model is what training saves, the text of a net, or a file of another program: a "
            "prototxt, a\n"
            "caffemodel or a solver of Caffe's, or ONNX. No command changes it.",
        .command = commands,
        .count = sizeof commands / sizeof commands[0]};
    return commands_run(&set, argc, argv);
}
