/*
 * tenon-doctor: what this machine is, what it does not have that Tenon wants, and what to do about it.
 */
#include <stdio.h>
#include <stdlib.h>

#include "common/args.h"
#include "doctor/doctor.h"

static struct {
    bool json, strict, quick;
    double watch, seconds;
    const char *sysroot;
} flags = {.watch = -1, .seconds = 2, .sysroot = ""};

static const char about[] =
    "Looks at this machine and says what does not work or is slower than it could be, each with\n"
    "what to do about it: driver, CUDA, cuDNN, NCCL, oneDNN, MPI; GPUs, their memory, links, "
    "power\n"
    "and heat; processor, cores, control groups, memory, /dev/shm, disk; the container or virtual\n"
    "machine around it; variables that matter. Then it measures, in short, a product of matrices,\n"
    "memory, the loader and the disk of FOLDER (default: this one), where a file of up to 64 MiB "
    "is\n"
    "written and removed.";

static const char more[] =
    "What does not work is \"broken\", what is slower than it could be \"slow\", what is only to "
    "be\n"
    "known a \"note\".\n\n"
    "Exit status: 0, whatever was found; 1: the report could not be written; 2: flags that cannot\n"
    "be; 3: with --strict, something is broken or slow.\n\n"
    "Examples:\n"
    "  tenon doctor\n"
    "  tenon doctor --json --quick > machine.json\n"
    "  tenon doctor --watch 2\n"
    "  tenon doctor /data/photos --strict && tenon train /data/photos --net resnet18";

static const arg options[] = {
    {ARG_FLAG, "json", NULL, "everything as JSON", &flags.json, 0, 0},
    {ARG_FLAG, "strict", NULL, "status 3 if something is broken or slow", &flags.strict, 0, 0},
    {ARG_FLAG, "quick", NULL, "measure nothing, and open no GPU", &flags.quick, 0, 0},
    {ARG_REAL, "seconds", "S", "how long to measure, about", &flags.seconds, ARG_ABOVE_0, 600},
    {ARG_REAL, "watch", "S",
     "tell what changes every S seconds, until it is ended (0: for each\nline of stdin); with "
     "--json a line each. It opens no GPU; default: not",
     &flags.watch, 0, 86400},
    {ARG_TEXT, "sysroot", "DIR",
     "look at the copy of another machine's /proc, /sys, /dev and /etc\nin DIR; cores, memory and "
     "GPUs are this machine's; default: none",
     &flags.sysroot, 0, 0},
};

static const char *get_variable(const char *name)
{
    return getenv(name);
}

int main(int argc, char **argv)
{
    static facts f;
    static findings found;
    const args a = {
        .usage = "tenon-doctor [options] [FOLDER]",
        .what = "looks at this machine: what is missing, what is slow, and what to do about it",
        .about = about,
        .more = more,
        .options = options,
        .count = sizeof options / sizeof options[0],
        .max_words = 1};
    const char *folder = args_parse(&a, argc, argv) ? argv[1] : ".";
    if (flags.watch >= 0)
        watch(flags.watch, folder, flags.json);
    f.variable = get_variable;
    build_look(&f.build);
    gpus_look(&f.gpus, flags.sysroot);
    host_look(&f.host, flags.sysroot);
    disk_look(&f.disk, folder);
    libraries_look(&f);
    if (!flags.quick)
        measure_all(&f, flags.seconds);
    judge(&f, &found);
    (flags.json ? tell_json : tell_text)(&f, &found);
    if (fflush(stdout) != 0)
        return 1;
    return flags.strict && found.count > 0 && found.at[0].level > NOTE ? 3 : 0;
}
