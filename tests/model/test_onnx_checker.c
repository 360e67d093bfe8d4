/* ONNX's own checker, of Python, passes the zoo and all operations as files of ONNX. Skipped (77) where Python has it not. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "lab.h"
#include "lab_export.h"

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
    for (const char *const *name = lab_export_zoo; *name; name++)
        add(lab_export_of_zoo(*name), folder, *name, command, sizeof command);
    for (const lab_export_net *n = lab_export_nets; n->name; n++)
        add(lab_export_model(n->lines), folder, n->name, command, sizeof command);
    const int status = system(command);
    lab_remove(folder);
    return status != -1 && WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
