#define _POSIX_C_SOURCE 200809L /* scandir */

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../common/args.h"
#include "../common/workspace.h"
#include "compare.h"
#include "run.h"

static int is_checkpoint(const struct dirent *e)
{
    const char *digits = e->d_name + 5;
    const size_t count = strncmp(e->d_name, "step-", 5) == 0 ? strspn(digits, "0123456789") : 0;
    return count > 0 && count < 16 && strcmp(digits + count, ".safetensors") == 0;
}

static int64_t step_of(const char *name)
{
    return strtoll(name + 5, NULL, 10);
}

static int by_step(const struct dirent **a, const struct dirent **b)
{
    const int64_t x = step_of((*a)->d_name), y = step_of((*b)->d_name);
    return (x > y) - (x < y);
}

static bool join(char path[RUN_PATH], const char *folder, const char *name)
{
    struct stat s;
    const int length = snprintf(path, RUN_PATH, "%s/checkpoints/%s", folder, name);
    return length > 0 && length < RUN_PATH && lstat(path, &s) == 0 && S_ISREG(s.st_mode);
}

void compare_checkpoints(run_comparison *c, const char *a, const char *b)
{
    char folder[RUN_PATH], x[RUN_PATH], y[RUN_PATH];
    struct dirent **name = NULL;
    if (snprintf(folder, sizeof folder, "%s/checkpoints", a) >= RUN_PATH)
        run_fail("%s: its name is too long", run_text(a));
    const int count = scandir(folder, &name, is_checkpoint, by_step);
    for (int i = 0; i < count; i++) {
        if (!c->tensors && join(x, a, name[i]->d_name) && join(y, b, name[i]->d_name)) {
            if (tn_checkpoint_compare(&c->tensors, x, y) != TN_OK)
                run_fail("%s", run_text(tn_error()));
            c->checkpoints++;
            c->tensors_step = step_of(name[i]->d_name);
            if (tn_checkpoint_differences_count(c->tensors, NULL) == 0) {
                tn_checkpoint_differences_close(c->tensors);
                c->tensors = NULL;
            }
        }
        free(name[i]);
    }
    free(name);
}
