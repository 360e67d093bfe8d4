#define _POSIX_C_SOURCE 200809L /* mkdir */

#include "workspace.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "args.h"

static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789";

bool run_name_is_good(const char *name)
{
    const size_t first = strspn(name, letters);
    size_t length = first;
    while (name[length] && strchr("._-", name[length]))
        length += 1 + strspn(name + length + 1, letters);
    return first > 0 && !name[length] && length <= RUN_NAME;
}

const char *workspace_folder(const char *workspace)
{
    const char *given = workspace ? workspace : getenv("TENON_WORKSPACE");
    return given && given[0] ? given : ".";
}

static void join(char path[RUN_PATH], const char *workspace, const char *name)
{
    const char *given = workspace_folder(workspace);
    const bool here = strcmp(given, ".") == 0;
    const int length = snprintf(path, RUN_PATH, "%s%sruns%s%s", here ? "" : given, here ? "" : "/",
                                name[0] ? "/" : "", name);
    if (length < 0 || length >= RUN_PATH)
        args_fail("the name of the workspace is too long: %s", given);
}

void run_model(char path[RUN_PATH], const char *workspace, const char *given)
{
    struct stat about;
    char folder[RUN_PATH];
    const bool there = stat(given, &about) == 0;
    int length = 0;
    if (there && !S_ISDIR(about.st_mode)) {
        length = snprintf(path, RUN_PATH, "%s", given);
    } else {
        if (!there && !run_name_is_good(given))
            args_fail("%s: %s", given, strerror(errno));
        if (there)
            snprintf(folder, sizeof folder, "%s", given);
        else
            run_folder(folder, workspace, given);
        length = snprintf(path, RUN_PATH, "%s/checkpoints/best.safetensors", folder);
        if (stat(path, &about) != 0)
            args_fail("%s: is no model, and no run with a best checkpoint: %s: %s", given, path,
                      strerror(errno));
    }
    if (length >= RUN_PATH)
        args_fail("the name of the model is too long");
}

void runs_folder(char path[RUN_PATH], const char *workspace)
{
    join(path, workspace, "");
}

void runs_folder_make(const char *workspace)
{
    char path[RUN_PATH];
    runs_folder(path, workspace);
    if (mkdir(path, 0777) != 0 && errno != EEXIST)
        args_fail("%s cannot be made: %s", path, strerror(errno));
}

void run_folder(char path[RUN_PATH], const char *workspace, const char *run)
{
    if (strchr(run, '/')) {
        const int length = snprintf(path, RUN_PATH, "%s", run);
        if (length < 0 || length >= RUN_PATH)
            args_fail("the name of the run's folder is too long: %s", run);
        return;
    }
    if (!run_name_is_good(run))
        args_fail(
            "\"%s\" cannot be a run: a name is of small letters, digits, . _ and -, begins with "
            "a letter or a digit and has at most %d; a folder has a / in it",
            run, RUN_NAME);
    join(path, workspace, run);
}
