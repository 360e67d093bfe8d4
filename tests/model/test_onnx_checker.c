/* ONNX's own checker, of Python, passes the zoo and all operations as files of ONNX. Skipped (77) where Python has it not. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "lab.h"
#include "lab_export.h"

/* VGG and the larger AlexNets have no operation that these have not, and 500 MB of numbers. */
static const char *const zoo[] = {"lenet", "slim",         "googlenet",   "resnet18", "squeezenet",
                                  "unet",  "mobilenet_v2", "densenet121", "vit_tiny"};

/* With the numbers that it begins with. */
static tn_model *of_zoo(const char *name)
{
    char path[100];
    tn_device *device = NULL;
    tn_model *net = NULL, *m = NULL;
    tn_plan *p = NULL;
    snprintf(path, sizeof path, "../../nets/%s.net", name);
    tn_must(tn_device_open(&device, "cpu"));
    tn_must(tn_model_open(&net, lab_golden(path), NULL));
    const tn_value out = tn_graph_output_at(tn_model_graph(net), 0);
    tn_must(tn_plan_create(&p, tn_model_graph(net), device,
                           &(tn_plan_opts){.keep = &out, .num_keep = 1}));
    tn_must(tn_model_of_plan(&m, p));
    tn_plan_destroy(p);
    tn_model_close(net);
    tn_device_close(device);
    return m;
}

static void add(tn_model *m, const char *folder, const char *name, char *command, size_t size)
{
    char path[600];
    snprintf(path, sizeof path, "%s/%s.onnx", folder, name);
    tn_must(tn_model_save(m, path));
    tn_model_close(m);
    const size_t used = strlen(command);
    snprintf(command + used, size - used, " '%s'", path);
}

int main(void)
{
    const char *folder = lab_make_folder(), *python = getenv("TENON_TEST_PYTHON");
    static char command[1 << 14];
    snprintf(command, sizeof command, "'%s' '%s'", python ? python : "python3",
             lab_golden("../model/check_onnx.py"));
    for (size_t i = 0; i < TN_COUNT(zoo); i++)
        add(of_zoo(zoo[i]), folder, zoo[i], command, sizeof command);
    for (const lab_export_net *n = lab_export_nets; n->name; n++)
        add(lab_export_model(n->lines), folder, n->name, command, sizeof command);
    const int status = system(command);
    lab_remove(folder);
    return status != -1 && WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
