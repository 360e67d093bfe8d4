/* What is wrong with GPUs and their driver. */
#include <stdlib.h>
#include <string.h>

#include "doctor.h"

static const char *const no_driver =
    "Install NVIDIA's driver (Debian: apt install nvidia-driver with non-free-firmware and "
    "contrib, "
    "Ubuntu: ubuntu-drivers install; from the distribution or NVIDIA's repository rather than a "
    ".run file), and start the machine again.";

/* Boards that nobody answers for. */
static void judge_silence(const facts *f, findings *out)
{
    const gpus_facts *g = &f->gpus;
    const bool walled = *f->host.container != '\0';
    const bool wsl = strcmp(f->host.virtual_machine, "WSL 2") == 0;
    if (g->driver == DRIVER_MISMATCH)
        find(out, BROKEN, "driver-mismatch",
             "The driver's library and its kernel module%s%s are of different versions (%s): an "
             "update has not come into effect.|Start the machine again%s.",
             *g->module ? " " : "", g->module, g->why,
             walled ? ", or the container, so that it gets the host's library anew" : "");
    else if (g->driver == DRIVER_NONE && g->boards > 0 && walled && !g->nodes)
        find(out, BROKEN, "container-without-gpus",
             "The machine has %d GPU%s of NVIDIA's, and this container (%s) was given none.|Start "
             "it with docker run --gpus all (podman: --device nvidia.com/gpu=all), which needs the "
             "package nvidia-container-toolkit on the host.",
             g->boards, g->boards == 1 ? "" : "s", f->host.container);
    else if (g->driver == DRIVER_NONE && g->boards > 0 && strcmp(g->board_driver, "nouveau") == 0)
        find(out, BROKEN, "nouveau",
             "The GPU is driven by nouveau, which serves no CUDA.|%s It puts nouveau away.",
             no_driver);
    else if (g->driver == DRIVER_NONE && g->boards > 0)
        find(out, BROKEN, "driver-missing",
             "There %s %d GPU%s of NVIDIA's, and no driver (libnvidia-ml.so.1, libcuda.so.1).|%s",
             g->boards == 1 ? "is" : "are", g->boards, g->boards == 1 ? "" : "s", no_driver);
    else if (g->driver == DRIVER_NO_ANSWER)
        find(out, BROKEN, "driver-silent",
             "The driver's library is there, but no GPU answers: %s.|%s", g->why,
             walled ? "The container has the library and no GPU: start it with --gpus all."
             : wsl  ? "Update the driver in Windows, and run wsl --update."
             : *g->module
                 ? "See what dmesg says of NVRM; with secure boot the module must be signed."
                 : "The kernel's module is not loaded: modprobe nvidia tells why (after an update "
                   "of "
                   "the kernel it has to be built again: dkms autoinstall).");
    else if (g->driver == DRIVER_READY && g->count == 0)
        find(out, BROKEN, "driver-without-gpus", "The driver %s is there and finds no GPU%s%s.|%s",
             g->version, *g->why ? ": " : "", g->why,
             g->boards > 0 ? "The board may have fallen off the bus: see what dmesg says of NVRM "
                             "and Xid; its power, its seat, its heat."
                           : "Is one in the machine, and turned on in the firmware's settings?");
}

static void judge_driver(const facts *f, findings *out)
{
    const library_facts *l = &f->library[DRIVER];
    if (!*f->build.cuda)
        find(out, BROKEN, "no-cuda-in-build",
             "There is a GPU, and this build of Tenon has no backend for it.|Install the CUDA "
             "toolkit, 12.4 to 13.x, and cudnn.h, and build again (cmake -DTENON_CUDA=ON says what "
             "is missing).");
    else if (l->state == LIBRARY_WRONG)
        find(out, BROKEN, "driver-too-old",
             "The driver is too old: it is %s, and this was built with CUDA %s.|Update the driver "
             "to %s, or build Tenon with a toolkit of CUDA %d.",
             l->found, f->build.cuda, l->wanted, f->gpus.cuda / 1000);
    else if (f->gpus.cuda / 1000 == atoi(f->build.cuda) &&
             f->gpus.cuda % 1000 / 10 <
                 atoi(strchr(f->build.cuda, '.') ? strchr(f->build.cuda, '.') + 1 : "0"))
        find(out, NOTE, "driver-older",
             "The driver serves CUDA up to %d.%d, and this was built with %s: it works, but a GPU "
             "newer than Tenon knows would not.|Update the driver when it is convenient.",
             f->gpus.cuda / 1000, f->gpus.cuda % 1000 / 10, f->build.cuda);
}

/* What holds its clock down, in words. */
void clock_reasons(int64_t reasons, char text[WORDS])
{
    static const struct {
        int64_t bit;
        const char *word;
    } words[] = {{CLOCK_HARDWARE_HEAT, "heat"},
                 {CLOCK_SOFTWARE_HEAT, "heat"},
                 {CLOCK_POWER_BRAKE, "its power supply"},
                 {CLOCK_HARDWARE, "heat or power"},
                 {CLOCK_POWER_CAP, "its power limit"}};
    text[0] = '\0';
    for (size_t i = 0; reasons > 0 && i < sizeof words / sizeof *words; i++) {
        const size_t used = strlen(text);
        if (reasons & words[i].bit && !strstr(text, words[i].word))
            snprintf(text + used, WORDS - used, "%s%s", used ? ", " : "", words[i].word);
    }
}

static void judge_one(const facts *f, int i, findings *out)
{
    const gpu_facts *g = &f->gpus.gpu[i];
    char why[WORDS];
    clock_reasons(g->reasons & ~(int64_t)CLOCK_POWER_CAP, why); /* its limit is no fault */
    if (g->major >= 0 && 10 * g->major + g->minor < 75)
        find(out, BROKEN, "gpu-too-old",
             "GPU %d (%s) has compute capability %d.%d, and Tenon needs 7.5.|Take a T4, a GPU of "
             "the RTX 20 series, or one after these.",
             i, g->name, g->major, g->minor);
    if (g->mode == 2)
        find(out, BROKEN, "gpu-prohibited",
             "GPU %d is set to let no program compute.|nvidia-smi -i %d -c DEFAULT as root.", i, i);
    if (*why)
        find(out, SLOW, "gpu-slowed",
             "GPU %d is slowed down by %s: %d MHz of %d, %d C.|See to fans, air and dust, to all "
             "its power plugs, and to what else is on its supply; nvidia-smi -q -d PERFORMANCE "
             "tells more.",
             i, why, g->clock, g->clock_most, g->celsius);
    if (g->lanes > 0 && g->lanes < g->lanes_most)
        find(out, SLOW, "gpu-narrow",
             "GPU %d has %d of its %d PCIe lanes: batches come to it slower.|Put it into a slot "
             "with %d lanes, seat it anew, or see to the riser and the firmware's settings of the "
             "slot.",
             i, g->lanes, g->lanes_most, g->lanes_most);
    if (g->ecc_errors > 0)
        find(out, SLOW, "gpu-memory-errors",
             "GPU %d has counted %lld errors in its memory that could not be corrected.|If they "
             "grow, have it replaced; nvidia-smi -q -d ECC,ROW_REMAPPER tells more.",
             i, (long long)g->ecc_errors);
    if (g->memory > 0 && g->used > 0.1 * g->memory && g->processes != 0)
        find(out, NOTE, "gpu-in-use",
             "GPU %d is in use: %.1f of its %.1f GB, by %d process%s.|nvidia-smi lists them; what "
             "is measured beside them says little.",
             i, g->used / 1e9, g->memory / 1e9, g->processes, g->processes == 1 ? "" : "es");
    if (g->mig == 1)
        find(out, NOTE, "gpu-parted",
             "GPU %d is parted (MIG): a program sees one part, with a part of its speed.|Choose "
             "the part by CUDA_VISIBLE_DEVICES=MIG-...; nvidia-smi -L lists them.",
             i);
    if (g->persistent == 0)
        find(out, NOTE, "gpu-forgets",
             "GPU %d is not in persistence mode: where no program holds it open, each start waits "
             "for it for a second or more.|systemctl enable --now nvidia-persistenced.",
             i);
}

static void judge_several(const facts *f, findings *out)
{
    const gpus_facts *g = &f->gpus;
    const double room = 1e9;
    if (f->host.shm >= 0 && f->host.shm < room)
        find(out, SLOW, "shm-small",
             "/dev/shm has %.0f MB, and NCCL goes through it where GPUs have no link of their own: "
             "training on several may fail or be slow.|docker run --shm-size=1g, or --ipc=host.",
             f->host.shm / 1e6);
    if (g->far)
        find(out, NOTE, "gpus-far",
             "Some GPUs reach each other through the processor's memory alone (NODE or SYS below): "
             "sums of gradients take longer.|Train on those that are near each other: "
             "--device cuda:0-1, say.");
    for (int i = 1; i < g->count; i++)
        if (strcmp(g->gpu[i].name, g->gpu[0].name) != 0) {
            find(out, NOTE, "gpus-unlike",
                 "GPUs are of different models (%s, %s): as one they are as fast as the slowest.|"
                 "Name those that are alike: --device cuda:0,2.",
                 g->gpu[0].name, g->gpu[i].name);
            break;
        }
}

void judge_gpus(const facts *f, findings *out)
{
    if (f->gpus.count == 0) {
        judge_silence(f, out);
        return;
    }
    judge_driver(f, out);
    for (int i = 0; i < f->gpus.count; i++)
        judge_one(f, i, out);
    if (f->gpus.count > 1)
        judge_several(f, out);
}
