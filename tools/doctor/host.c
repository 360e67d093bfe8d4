/* The machine around the GPUs: processor, memory, what it is a part of, and the disk. */
#define _DEFAULT_SOURCE /* CPU_COUNT needs _GNU_SOURCE; getloadavg, statfs */
#define _GNU_SOURCE

#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>
#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#endif

#include <tenon/tenon.h>

#include "doctor.h"
#include "look.h"

/* ---- processor -------------------------------------------------------------------------------- */

/* Is it one of the words? */
static bool has_word(const char *words, const char *word)
{
    const size_t length = strlen(word);
    for (const char *at = strstr(words, word); at; at = strstr(at + 1, word))
        if ((at == words || at[-1] == ' ') && (at[length] == ' ' || at[length] == '\0'))
            return true;
    return false;
}

static void look_at_flags(host_facts *h, const char *root)
{
    static const char *const matter[] = {"avx",      "avx2",        "fma",      "f16c",
                                         "avx512f",  "avx512bw",    "avx512vl", "avx512_vnni",
                                         "avx_vnni", "avx512_bf16", "amx_tile", "amx_int8",
                                         "amx_bf16", "asimd",       "sve"};
    char flags[LOOK_LINE];
    h->x86 = look_after(flags, root, "/proc/cpuinfo", "flags");
    if (!h->x86 && !look_after(flags, root, "/proc/cpuinfo", "Features"))
        return;
    for (size_t i = 0; i < sizeof matter / sizeof *matter; i++) {
        const size_t used = strlen(h->flags);
        if (has_word(flags, matter[i]))
            snprintf(h->flags + used, sizeof h->flags - used, "%s%s", used ? " " : "", matter[i]);
    }
    h->avx2 = has_word(flags, "avx2") && has_word(flags, "fma");
    if (has_word(flags, "hypervisor"))
        snprintf(h->virtual_machine, sizeof h->virtual_machine, "yes");
}

static int count_nodes(const char *root)
{
    char path[64];
    int nodes = 0;
    do
        snprintf(path, sizeof path, "/sys/devices/system/node/node%d", nodes);
    while (look_is_there(root, path) && ++nodes < 1024);
    return nodes;
}

static void look_at_processor(host_facts *h, const char *root)
{
    static const char folder[] = "/sys/devices/system/cpu/cpu0/cpufreq/";
    char text[LOOK_LINE], path[128];
    if (!look_after(text, root, "/proc/cpuinfo", "model name"))
        snprintf(text, sizeof text, "unknown");
    snprintf(h->cpu, sizeof h->cpu, "%.127s", text);
    look_at_flags(h, root);
    cpu_set_t set;
    h->cores = (int)sysconf(_SC_NPROCESSORS_ONLN);
    h->mine = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : h->cores;
    h->nodes = count_nodes(root);
    snprintf(path, sizeof path, "%sscaling_governor", folder);
    if (look_line(text, root, path))
        snprintf(h->governor, sizeof h->governor, "%.60s", text);
    snprintf(path, sizeof path, "%sscaling_cur_freq", folder);
    h->mhz = look_number(root, path, 0) / 1000;
    snprintf(path, sizeof path, "%scpuinfo_max_freq", folder);
    h->mhz_most = look_number(root, path, 0) / 1000;
    if (h->mhz <= 0 && look_after(text, root, "/proc/cpuinfo", "cpu MHz"))
        h->mhz = strtod(text, NULL);
}

/* ---- what it is a part of --------------------------------------------------------------------- */

/* Who runs this virtual machine, by what the processor is made to say. */
static void ask_hypervisor(host_facts *h)
{
#if defined(__x86_64__) || defined(__i386__)
    static const struct {
        const char *says, *name;
    } known[] = {{"KVMKVMKVM", "KVM"},
                 {"Microsoft Hv", "Hyper-V"},
                 {"VMwareVMware", "VMware"},
                 {"XenVMMXenVMM", "Xen"},
                 {"TCGTCGTCGTCG", "QEMU, in software"}};
    unsigned all, part[3];
    char says[sizeof part + 1] = "";
    __cpuid(0x40000000, all, part[0], part[1], part[2]);
    memcpy(says, part, sizeof part);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(says, known[i].says) == 0)
            snprintf(h->virtual_machine, sizeof h->virtual_machine, "%s", known[i].name);
#else
    (void)h;
#endif
}

static void look_at_walls(host_facts *h, const char *root)
{
    static const struct {
        const char *path, *word, *name;
    } signs[] = {{"/.dockerenv", NULL, "Docker"},
                 {"/run/.containerenv", NULL, "Podman"},
                 {"/proc/1/cgroup", "kubepods", "Kubernetes"},
                 {"/proc/1/cgroup", "docker", "Docker"},
                 {"/proc/1/cgroup", "lxc", "LXC"},
                 {"/run/systemd/container", "", "systemd-nspawn or like it"}};
    char text[LOOK_LINE];
    if (*h->virtual_machine && !*root)
        ask_hypervisor(h);
    if (look_line(text, root, "/sys/class/dmi/id/sys_vendor") && *h->virtual_machine) {
        const size_t used = strlen(h->virtual_machine);
        snprintf(h->virtual_machine + used, sizeof h->virtual_machine - used, ", of %.60s", text);
    }
    if (look_line(text, root, "/proc/sys/kernel/osrelease") && strstr(text, "microsoft"))
        snprintf(h->virtual_machine, sizeof h->virtual_machine, "WSL 2");
    for (size_t i = 0; i < sizeof signs / sizeof *signs && !*h->container; i++) {
        if (!look_is_there(root, signs[i].path))
            continue;
        const bool any = look_line(text, root, signs[i].path);
        if (!signs[i].word || (any && strstr(text, signs[i].word)))
            snprintf(h->container, sizeof h->container, "%s", signs[i].name);
    }
}

static void look_at_system(host_facts *h, const char *root)
{
    char text[LOOK_LINE], libc[64] = "";
    if (!look_after(text, root, "/etc/os-release", "PRETTY_NAME"))
        snprintf(text, sizeof text, "unknown");
#ifdef _CS_GNU_LIBC_VERSION
    if (!*root)
        confstr(_CS_GNU_LIBC_VERSION, libc, sizeof libc);
#endif
    snprintf(h->system, sizeof h->system, "%.80s%s%.40s", text, *libc ? ", " : "", libc);
    if (look_line(text, root, "/proc/sys/kernel/osrelease"))
        snprintf(h->kernel, sizeof h->kernel, "%.127s", text);
}

/* ---- how busy ------------------------------------------------------------------------------- */

bool cpu_times(const char *root, double *idle, double *all)
{
    char line[LOOK_LINE];
    double part[8] = {0};
    if (!look_line(line, root, "/proc/stat") ||
        sscanf(line, "cpu %lf %lf %lf %lf %lf %lf %lf %lf", &part[0], &part[1], &part[2], &part[3],
               &part[4], &part[5], &part[6], &part[7]) < 5)
        return false;
    *idle = part[3] + part[4];
    *all = 0;
    for (int i = 0; i < 8; i++)
        *all += part[i];
    return true;
}

/* While this program sleeps, so what is busy is others. */
double busy_look(void)
{
    double idle, all, idle_then, all_then;
    if (!cpu_times("", &idle, &all))
        return -1;
    nanosleep(&(struct timespec){.tv_nsec = 200000000}, NULL);
    if (!cpu_times("", &idle_then, &all_then) || all_then <= all)
        return -1;
    return 1 - (idle_then - idle) / (all_then - all);
}

/* ---- memory, disk ----------------------------------------------------------------------------- */

static double kilobytes(const char *root, const char *word)
{
    char text[LOOK_LINE];
    return look_after(text, root, "/proc/meminfo", word) ? 1024 * strtod(text, NULL) : -1;
}

void memory_look(host_facts *h, const char *root)
{
    struct statvfs shm;
    char path[DOCTOR_PATH];
    h->memory = kilobytes(root, "MemTotal");
    h->available = kilobytes(root, "MemAvailable");
    h->swap = kilobytes(root, "SwapTotal") - kilobytes(root, "SwapFree");
    snprintf(path, sizeof path, "%.900s/dev/shm", root);
    const bool there = statvfs(path, &shm) == 0;
    h->shm = there ? (double)shm.f_blocks * (double)shm.f_frsize : -1;
    h->shm_free = there ? (double)shm.f_bavail * (double)shm.f_frsize : -1;
}

void disk_look(disk_facts *d, const char *folder)
{
    static const struct {
        unsigned long magic;
        const char *name;
    } kinds[] = {{0xEF53, "ext4"},      {0x58465342, "xfs"},     {0x9123683E, "btrfs"},
                 {0x01021994, "tmpfs"}, {0x794C7630, "overlay"}, {0x6969, "nfs"},
                 {0xFF534D42, "cifs"},  {0xFE534D42, "smb2"},    {0x65735546, "fuse"},
                 {0x00C36400, "ceph"},  {0x0BD00BD0, "lustre"},  {0x01021997, "9p"},
                 {0x2FC12FC1, "zfs"}};
    struct statfs s;
    *d = (disk_facts){.folder = folder, .size = -1, .free = -1};
    if (statfs(folder, &s) != 0)
        return;
    d->size = (double)s.f_blocks * (double)s.f_bsize;
    d->free = (double)s.f_bavail * (double)s.f_bsize;
    snprintf(d->kind, sizeof d->kind, "another");
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if ((unsigned long)s.f_type == kinds[i].magic)
            snprintf(d->kind, sizeof d->kind, "%s", kinds[i].name);
}

/* ---- as the library sees it ------------------------------------------------------------------- */

/* "cpu: AMD EPYC, 2 threads, AVX-512, oneDNN 2.6.3" */
int threads_of(const char *device)
{
    const char *at = strstr(device, " thread");
    while (at && at > device && at[-1] != ' ')
        at--;
    return at ? atoi(at) : 0;
}

/* OpenMP, when it is loaded, may have bound this very thread to one core of those that the process may use. */
static bool is_bound_by_openmp(void)
{
    static const char *const binds[] = {"OMP_PROC_BIND", "OMP_PLACES", "GOMP_CPU_AFFINITY"};
    for (size_t i = 0; i < sizeof binds / sizeof *binds; i++)
        if (getenv(binds[i]))
            return true;
    return false;
}

static void ask_library(host_facts *h)
{
    tn_device *cpu = NULL;
    size_t left;
    if (tn_device_open(&cpu, "cpu") != TN_OK) {
        snprintf(h->device, sizeof h->device, "%s", tn_error());
        return;
    }
    snprintf(h->device, sizeof h->device, "%s", tn_device_describe(cpu));
    h->threads = threads_of(h->device);
    if (h->mine < h->threads && is_bound_by_openmp())
        h->mine = h->threads < h->cores ? h->threads : h->cores;
    if (tn_device_memory(cpu, NULL, &left) == TN_OK && (double)left < 0.9 * h->available)
        h->limit = (double)left;
    tn_device_close(cpu);
}

void host_look(host_facts *h, const char *root)
{
    double load;
    *h = (host_facts){0};
    look_at_system(h, root);
    look_at_processor(h, root);
    look_at_walls(h, root);
    h->load = getloadavg(&load, 1) == 1 ? load : -1;
    h->busy = -1;
    memory_look(h, root);
    ask_library(h);
}
