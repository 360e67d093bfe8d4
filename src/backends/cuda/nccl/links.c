/*
 * How the devices of a group reach each other. What CUDA tells is access and whether atomic operations work
 * across, which they do over NVLink and not over PCIe. Where neither is possible, NCCL goes through memory that
 * processes share, /dev/shm, of which containers often have little.
 */
#define _POSIX_C_SOURCE 200809L /* gethostname */

#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "backends/cuda/nccl/nccl.h"
#include "base/number.h"

/* A number for this host: of its name and of what it has drawn when it started, so that two of one name differ. */
static float host_number(void)
{
    char text[512] = "";
    uint32_t hash = 2166136261; /* FNV-1a */
    gethostname(text, sizeof text / 2);
    FILE *f = fopen("/proc/sys/kernel/random/boot_id", "r");
    if (f) {
        const size_t used = strlen(text);
        text[used + fread(text + used, 1, sizeof text - used - 1, f)] = 0;
        fclose(f);
    }
    for (const char *c = text; *c; c++)
        hash = (hash ^ (unsigned char)*c) * 16777619;
    return (float)((hash ^ hash >> 23) % ((1 << 23) - 1) + 1);
}

/* The host; PCIe's domain; bus and device. Each is less than 2^24, which is what a float holds. One more, so that
 * nobody's are 0. */
static tn_status place_of(const tn_backend_device *d, int device, float place[TN_CUDA_PLACE])
{
    int domain = 0, bus = 0, slot = 0;
    TN_CUDA(d, NULL, cudaDeviceGetAttribute(&domain, cudaDevAttrPciDomainId, device));
    TN_CUDA(d, NULL, cudaDeviceGetAttribute(&bus, cudaDevAttrPciBusId, device));
    TN_CUDA(d, NULL, cudaDeviceGetAttribute(&slot, cudaDevAttrPciDeviceId, device));
    place[0] = (float)(domain + 1);
    place[1] = (float)(bus * 32 + slot + 1);
    place[2] = host_number();
    return TN_OK;
}

tn_status tn_cuda_whereabouts(const tn_backend_device *d, float place[TN_CUDA_PLACE])
{
    return place_of(d, d->index, place);
}

/* Which of the devices that this process sees is there, or -1. */
static tn_status find_device(const tn_backend_device *d, const float place[TN_CUDA_PLACE],
                             int *found)
{
    int devices = 0;
    *found = -1;
    TN_CUDA(d, NULL, cudaGetDeviceCount(&devices));
    for (int i = 0; i < devices && *found < 0; i++) {
        float other[TN_CUDA_PLACE];
        TN_TRY(place_of(d, i, other));
        if (memcmp(other, place, sizeof other) == 0)
            *found = i;
    }
    return TN_OK;
}

enum { NVLINK, PCIE, MEMORY, UNSEEN, LINKS };

static tn_status link_to(const tn_backend_device *d, const float place[TN_CUDA_PLACE], int *link)
{
    int peer, access = 0, atomics = 0;
    TN_TRY(find_device(d, place, &peer));
    if (peer < 0) {
        *link = UNSEEN;
        return TN_OK;
    }
    TN_CUDA(d, NULL, cudaDeviceCanAccessPeer(&access, d->index, peer));
    if (access)
        TN_CUDA(d, NULL,
                cudaDeviceGetP2PAttribute(&atomics, cudaDevP2PAttrNativeAtomicSupported, d->index,
                                          peer));
    *link = atomics ? NVLINK : access ? PCIE : MEMORY;
    return TN_OK;
}

tn_status tn_cuda_links(const tn_backend_device *d, int ranks, int rank, const float *places,
                        char *text, size_t size)
{
    static const char *const name[LINKS] = {
        [NVLINK] = "NVLink",
        [PCIE] = "PCIe",
        [MEMORY] = "the host's memory (no peer access)",
        [UNSEEN] = "whatever NCCL found, to GPUs that this process does not see",
    };
    int count[LINKS] = {0};
    size_t used = 0;
    for (int i = 0; i < ranks; i++) {
        int link;
        if (i == rank)
            continue;
        TN_TRY(link_to(d, places + (size_t)i * TN_CUDA_PLACE, &link));
        count[link]++;
    }
    snprintf(text, size, "nothing: it is alone");
    for (int i = 0; i < LINKS; i++)
        if (count[i] && used < size)
            used += (size_t)snprintf(text + used, size - used,
                                     count[i] < ranks - 1 ? "%s%s (%d of %d)" : "%s%s",
                                     used ? ", " : "", name[i], count[i], ranks - 1);
    return TN_OK;
}

void tn_cuda_shared_memory(char *text, size_t size)
{
    struct statvfs shm;
    if (statvfs("/dev/shm", &shm) != 0) {
        snprintf(text, size, "there is no /dev/shm");
        return;
    }
    const double mib = (double)shm.f_frsize / (1 << 20);
    tn_print(text, size, "/dev/shm has %.0f of %.0f MiB free", mib * (double)shm.f_bavail,
             mib * (double)shm.f_blocks);
}
