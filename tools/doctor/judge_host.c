/* What is wrong with the machine around the GPUs. */
#include <stdlib.h>
#include <string.h>

#include "doctor.h"

/* The variable that says how many threads there are; NULL: none does. */
static const char *who_says(const facts *f)
{
    static const char *const names[] = {"OMP_NUM_THREADS", "OMP_THREAD_LIMIT"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *value = f->variable(names[i]);
        if (value && atoi(value) == f->host.threads)
            return names[i];
    }
    return NULL;
}

static void judge_threads(const facts *f, findings *out)
{
    const host_facts *h = &f->host;
    const char *told = who_says(f);
    if (h->mine < h->cores)
        find(out, NOTE, "cores-bound",
             "This process may use %d of the machine's %d cores (taskset, a job's cpuset or a "
             "container's).|That is as it was asked for, if you asked for it.",
             h->mine, h->cores);
    if (h->threads > 0 && h->threads < h->mine && !told)
        find(out, SLOW, "cores-quota",
             "A control group gives this process the time of %d of %d cores, and Tenon takes %d "
             "thread%s.|docker run --cpus=%d, Kubernetes' limits.cpu, or systemd's CPUQuota.",
             h->threads, h->mine, h->threads, h->threads == 1 ? "" : "s", h->mine);
    if (h->threads > 0 && h->threads < h->mine && told)
        find(out, SLOW, "threads-few",
             "Tenon takes %d thread%s of %d cores: %s=%s says so.|unset it, or set it to %d.",
             h->threads, h->threads == 1 ? "" : "s", h->mine, told, f->variable(told), h->mine);
    if (h->threads > h->mine)
        find(out, SLOW, "threads-many",
             "Tenon takes %d threads, and there are %d cores, which they have in turn%s.|unset "
             "OMP_NUM_THREADS, or set it to %d.",
             h->threads, h->mine, told ? " (OMP_NUM_THREADS)" : "", h->mine);
}

static void judge_processor(const facts *f, findings *out)
{
    const host_facts *h = &f->host;
    if (h->x86 && !h->avx2)
        find(out, SLOW, "no-avx2",
             "The processor has no AVX2, or the virtual machine hides it: the CPU computes four "
             "times slower or worse.|In a virtual machine let the processor be the host's (QEMU: "
             "-cpu host).");
    if (h->busy > 0.3)
        find(out, SLOW, "busy",
             "Other programs take %.0f %% of the cores now: training and all that is measured here "
             "is slower.|top lists them.",
             100 * h->busy);
    if (strcmp(h->governor, "powersave") == 0 && h->mhz > 0 && h->mhz < 0.6 * h->mhz_most)
        find(out, SLOW, "clock-saving",
             "The processor saves power: %.0f MHz of %.0f.|cpupower frequency-set -g performance "
             "as root.",
             h->mhz, h->mhz_most);
    if (h->nodes > 1)
        find(out, NOTE, "nodes",
             "The machine has %d nodes of memory: threads that move between them wait for "
             "it.|--device cpu,pin=on binds them; of several GPUs each is nearest to one node "
             "(nvidia-smi topo -m).",
             h->nodes);
}

static void judge_memory(const facts *f, findings *out)
{
    const host_facts *h = &f->host;
    const disk_facts *d = &f->disk;
    const double left = h->limit > 0 ? h->limit : h->available;
    if (h->limit > 0)
        find(out, NOTE, "memory-limit",
             "A control group leaves this process %.1f GB of the %.1f GB that are free: what takes "
             "more is ended without a word.|docker run --memory, Kubernetes' limits.memory.",
             h->limit / 1e9, h->available / 1e9);
    if (left >= 0 && left < 2e9)
        find(out, SLOW, "memory-short",
             "%.1f GB of memory are left: AlexNet with batches of 128 alone takes one on the "
             "CPU.|End other programs, or take smaller batches; tenon plan tells what a net takes.",
             left / 1e9);
    if (h->swap > 1e9 && h->available < 0.2 * h->memory)
        find(out, SLOW, "swapping",
             "%.1f GB of memory lie on the disk, and little is left: the machine is out of memory "
             "and waits for it.|End other programs.",
             h->swap / 1e9);
    if (h->shm >= 0 && h->shm < 1e9 && f->gpus.count < 2)
        find(out, NOTE, "shm-small",
             "/dev/shm has %.0f MB: enough for one process; MPI and NCCL between several want "
             "more.|docker run --shm-size=1g.",
             h->shm / 1e6);
    if (d->free >= 0 && d->free < 5e9)
        find(out, d->free < 5e8 ? SLOW : NOTE, "disk-full",
             "%.1f GB are left on the disk of %s: checkpoints of AlexNet take half a GB each.|Make "
             "room, or keep fewer (tenon train --keep).",
             d->free / 1e9, d->folder);
    if (d->free < 0)
        find(out, BROKEN, "no-folder", "There is no folder %s.|Name one that there is.", d->folder);
}

static void judge_measured(const facts *f, findings *out)
{
    const measured_facts *m = &f->measured;
    if (!m->asked)
        return;
    static const char *const slow_disks[] = {"nfs", "cifs", "smb2", "fuse", "9p"};
    bool far = false;
    for (size_t i = 0; i < sizeof slow_disks / sizeof *slow_disks; i++)
        far |= strcmp(f->disk.kind, slow_disks[i]) == 0;
    if (m->disk >= 0 && m->disk < 100e6)
        find(out, SLOW, "disk-slow",
             "The disk of %s (%s) is read at %.0f MB a second: some %.0f photos of 120 kB.|Put the "
             "pictures on a local SSD, or pack them (tenon data pack), which also makes them "
             "smaller.",
             f->disk.folder, f->disk.kind, m->disk / 1e6, m->disk / 120e3);
    else if (far)
        find(out, NOTE, "disk-far",
             "%s lies on %s: each small file is a question to another machine.|Pack the pictures "
             "(tenon data pack) into one file, or copy them to a local disk.",
             f->disk.folder, f->disk.kind);
    if (f->gpus.count > 0 && m->images >= 0 && m->images < 3000.0 * f->gpus.count)
        find(out, NOTE, "loader-slow",
             "The loader decodes %.0f photos a second with %d core%s; a GPU may train on several "
             "thousand.|Pack the pictures (tenon data pack), give more cores, or smaller pictures.",
             m->images, f->host.mine, f->host.mine == 1 ? "" : "s");
    if (*m->gpu_why)
        find(out, BROKEN, "gpu-fails", "A GPU cannot be used: %s.|See above, and docs/gpu.md.",
             m->gpu_why);
    if (*m->why)
        find(out, BROKEN, "cpu-fails",
             "The CPU cannot be used: %s.|This is an error of Tenon's, "
             "or memory is short.",
             m->why);
}

void judge_host(const facts *f, findings *out)
{
    judge_threads(f, out);
    judge_processor(f, out);
    judge_memory(f, out);
    judge_measured(f, out);
}
