/* GPUs and their driver, also where that is not there or does not answer: the kernel knows its module and what is on the bus. */
#define _POSIX_C_SOURCE 200809L /* readlink */

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "doctor.h"
#include "look.h"

/* Of one device on the bus: is it a GPU of NVIDIA's? Then who drives it. */
static bool is_board(const char *root, const char *slot, char driver[32])
{
    char path[DOCTOR_PATH], text[LOOK_LINE], target[DOCTOR_PATH];
    snprintf(path, sizeof path, "/sys/bus/pci/devices/%.64s/vendor", slot);
    if (!look_line(text, root, path) || strcmp(text, "0x10de") != 0)
        return false;
    snprintf(path, sizeof path, "/sys/bus/pci/devices/%.64s/class", slot);
    if (!look_line(text, root, path) || strncmp(text, "0x03", 4) != 0)
        return false; /* its sound, or a bridge */
    snprintf(path, sizeof path, "%.512s/sys/bus/pci/devices/%.64s/driver", root, slot);
    const ssize_t length = readlink(path, target, sizeof target - 1);
    target[length > 0 ? length : 0] = '\0';
    const char *slash = strrchr(target, '/');
    snprintf(driver, 32, "%.31s", slash ? slash + 1 : target);
    return true;
}

static void look_at_bus(gpus_facts *g, const char *root)
{
    char path[DOCTOR_PATH], driver[32];
    snprintf(path, sizeof path, "%s/sys/bus/pci/devices", root);
    DIR *bus = opendir(path);
    const struct dirent *e;
    while (bus && (e = readdir(bus)))
        if (e->d_name[0] != '.' && is_board(root, e->d_name, driver) && g->boards++ == 0)
            memcpy(g->board_driver, driver, sizeof driver);
    if (bus)
        closedir(bus);
}

/* "NVRM version: NVIDIA UNIX x86_64 Kernel Module  580.95.05  Tue ..." */
static void look_at_module(gpus_facts *g, const char *root)
{
    char line[LOOK_LINE];
    if (!look_line(line, root, "/proc/driver/nvidia/version"))
        return;
    for (char *word = strtok(line, " "); word; word = strtok(NULL, " "))
        if (strspn(word, "0123456789.") == strlen(word) && strchr(word, '.')) {
            snprintf(g->module, sizeof g->module, "%.31s", word);
            return;
        }
}

/* Without NVML, as on a Jetson, the driver itself says what it serves. It makes no context. */
static void ask_driver(gpus_facts *g)
{
    char where[DOCTOR_PATH];
    void *library = library_open("libcuda.so.1", where);
    int (*version)(int *) = NULL;
    if (library)
        version = (int (*)(int *))library_find(library, "cuDriverGetVersion");
    if (version && version(&g->cuda) != 0)
        g->cuda = 0;
    if (g->driver == DRIVER_NONE && library) {
        g->driver = DRIVER_NO_ANSWER;
        snprintf(g->why, sizeof g->why,
                 "libcuda.so.1 is there, but no libnvidia-ml.so.1, which tells of GPUs");
    }
}

void gpus_look(gpus_facts *g, const char *root)
{
    *g = (gpus_facts){0};
    look_at_bus(g, root);
    look_at_module(g, root);
    g->nodes = look_is_there(root, "/dev/nvidiactl");
    nvml_look(g);
    if (g->driver == DRIVER_READY)
        nvml_look_at_links(g);
    if (g->cuda == 0)
        ask_driver(g);
}
