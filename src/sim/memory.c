/*
 * Memory of the devices, and pinned memory of the host.
 *
 * A device is a range of addresses that nothing can be done with, in which every allocation has pages of
 * its own:
 *
 *     | page of nobody | ... 256-byte aligned, up to the end of its last page | page of nobody | ...
 *
 * These pages can be used while simulated work runs, and at no other time; the others never. So code of
 * the host that touches the memory dies of SIGSEGV, as does a kernel that leaves an allocation by more
 * than its padding; the address sanitizer, where it is, knows the size to the byte. New memory is full of
 * 0xff, which is NaN in every type of float. The place of what was freed is not given to others soon.
 */
#define _DEFAULT_SOURCE
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sim/_runtime.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(p, bytes) ((void)(p), (void)(bytes))
#define ASAN_UNPOISON_MEMORY_REGION(p, bytes) ((void)(p), (void)(bytes))
#endif

enum { ALIGN = 256 };
static const size_t range_bytes = (size_t)64 << 30; /* of addresses, which cost nothing */

typedef struct block {
    unsigned char *pages; /* where its pages begin */
    size_t page_bytes;
    unsigned char *at; /* where it begins */
    size_t bytes;
} block;

/* Blocks in the order of their addresses. */
typedef struct space {
    unsigned char *base;
    block *blocks;
    size_t count, room;
    size_t used; /* bytes, of what the device has */
    size_t next; /* where to look for a place first, from base */
    bool open;
} space;

static space devices[TN_SIM_MAX_DEVICES], pinned;

static size_t page(void)
{
    static size_t bytes;
    if (!bytes)
        bytes = (size_t)sysconf(_SC_PAGESIZE);
    return bytes;
}

static size_t round_up(size_t bytes, size_t to)
{
    return (bytes + to - 1) / to * to;
}

static void protect(void *p, size_t bytes, int protection)
{
    if (mprotect(p, bytes, protection))
        tn_sim_break("host", "mprotect(%p, %zu, %d) failed", p, bytes, protection);
}

/* ---- blocks ------------------------------------------------------------------------------- */

/* How many blocks begin at or before p. */
static size_t blocks_to(const space *s, const void *p)
{
    size_t low = 0, high = s->count;
    while (low < high) {
        const size_t middle = (low + high) / 2;
        if ((uintptr_t)s->blocks[middle].pages <= (uintptr_t)p)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* A gap of that many bytes at or after `from`, with a page of nobody before and after, or NULL. */
static unsigned char *find_gap(const space *s, size_t bytes, size_t from)
{
    size_t at = from;
    const size_t first = blocks_to(s, s->base + from);
    for (size_t i = first ? first - 1 : 0; i < s->count; i++) {
        const block *b = &s->blocks[i];
        const size_t begin = (size_t)(b->pages - s->base), end = begin + b->page_bytes + page();
        if (begin >= at + bytes + page())
            break;
        at = end > at ? end : at;
    }
    return at + bytes + page() <= range_bytes ? s->base + at : NULL;
}

static void open_range(space *s)
{
    s->base =
        mmap(NULL, range_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (s->base == MAP_FAILED)
        tn_sim_break("host", "no range of %zu addresses", range_bytes);
    s->next = page();
}

/* A new block with its pages usable and full of 0xff, or NULL. */
static block *block_new(space *s, size_t bytes)
{
    if (!s->base)
        open_range(s);
    const size_t page_bytes = round_up(bytes, page());
    unsigned char *pages = find_gap(s, page_bytes, s->next);
    if (!pages)
        pages = find_gap(s, page_bytes, page());
    if (!pages)
        return NULL;
    s->next = (size_t)(pages - s->base) + page_bytes + page();
    s->blocks = tn_sim_more(s->blocks, s->count, &s->room, sizeof *s->blocks);
    const size_t i = blocks_to(s, pages);
    memmove(s->blocks + i + 1, s->blocks + i, (s->count - i) * sizeof *s->blocks);
    s->count++;
    s->blocks[i] = (block){pages, page_bytes, pages + page_bytes - round_up(bytes, ALIGN), bytes};
    s->used += round_up(bytes, ALIGN);
    block *b = &s->blocks[i];
    protect(pages, page_bytes, PROT_READ | PROT_WRITE);
    memset(pages, 0xff, page_bytes);
    ASAN_POISON_MEMORY_REGION(pages, page_bytes);
    ASAN_UNPOISON_MEMORY_REGION(b->at, bytes);
    return b;
}

/* The pages go back to the system; nobody can use them. */
static void block_delete(space *s, block *b)
{
    ASAN_UNPOISON_MEMORY_REGION(b->pages, b->page_bytes);
    protect(b->pages, b->page_bytes, PROT_NONE);
    madvise(b->pages, b->page_bytes, MADV_DONTNEED);
    s->used -= round_up(b->bytes, ALIGN);
    const size_t i = (size_t)(b - s->blocks);
    s->count--;
    memmove(s->blocks + i, s->blocks + i + 1, (s->count - i) * sizeof *s->blocks);
}

static bool inside(const space *s, const void *p)
{
    return s->base && (uintptr_t)p - (uintptr_t)s->base < range_bytes;
}

/* The block that p lies in, or NULL. */
static block *block_of(const space *s, const void *p)
{
    const size_t i = blocks_to(s, p);
    if (i == 0)
        return NULL;
    block *b = &s->blocks[i - 1];
    return (uintptr_t)p - (uintptr_t)b->at < b->bytes ? b : NULL;
}

/* The device whose range p lies in, or -1. */
static int device_of(const void *p)
{
    for (int i = 0; i < TN_SIM_MAX_DEVICES; i++)
        if (inside(&devices[i], p))
            return i;
    return -1;
}

/* ---- checks ------------------------------------------------------------------------------- */

static void check_block(const space *s, const char *what, const void *p, size_t bytes)
{
    const block *b = block_of(s, p);
    if (!b)
        tn_sim_break("memory", "%s: %p is in no allocation that is alive", what, p);
    const size_t left = b->bytes - ((size_t)((uintptr_t)p - (uintptr_t)b->at));
    if (bytes > left)
        tn_sim_break("memory", "%s: %zu bytes at %p, where the allocation of %zu has %zu left",
                     what, bytes, p, b->bytes, left);
}

tn_sim_place tn_sim_place_of(int device, const char *what, const void *p, size_t bytes)
{
    const int owner = device_of(p);
    if (owner >= 0 && owner != device)
        tn_sim_break("device", "%s: %p is memory of device %d, used on device %d", what, p, owner,
                     device);
    if (owner >= 0 || inside(&pinned, p))
        check_block(owner >= 0 ? &devices[owner] : &pinned, what, p, bytes);
    return owner >= 0 ? TN_SIM_ON_DEVICE : inside(&pinned, p) ? TN_SIM_PINNED : TN_SIM_PAGEABLE;
}

void tn_sim_check_memory(int device, const char *what, const void *p, size_t bytes)
{
    tn_sim_lock();
    if (tn_sim_place_of(device, what, p, bytes) != TN_SIM_ON_DEVICE)
        tn_sim_break("memory", "%s: %p is no memory of device %d", what, p, device);
    tn_sim_unlock();
}

/* ---- open while work runs ----------------------------------------------------------------- */

void tn_sim_open(int device)
{
    space *s = &devices[device];
    for (size_t i = 0; i < s->count; i++)
        protect(s->blocks[i].pages, s->blocks[i].page_bytes, PROT_READ | PROT_WRITE);
}

void tn_sim_close(int device)
{
    space *s = &devices[device];
    if (s->base)
        protect(s->base, range_bytes, PROT_NONE);
}

/* ---- entry points ------------------------------------------------------------------------- */

cudaError_t cudaMalloc(void **out, size_t bytes)
{
    cudaError_t e = tn_sim_begin_device(__func__, bytes);
    if (!e)
        e = tn_sim_unsafe();
    space *s = &devices[tn_sim_device()];
    *out = NULL;
    if (!e && (s->used > tn_sim_set.memory || bytes > tn_sim_set.memory - s->used))
        e = cudaErrorMemoryAllocation;
    if (!e && bytes) {
        const block *b = block_new(s, bytes);
        if (b) {
            protect(b->pages, b->page_bytes, PROT_NONE);
            *out = b->at;
            tn_sim_born("device memory", b->at);
        } else {
            e = cudaErrorMemoryAllocation;
        }
    }
    return tn_sim_end(e);
}

/* Waits for the device, as the real one does. */
cudaError_t cudaFree(void *p)
{
    cudaError_t e = tn_sim_begin_device(__func__, 0);
    if (!e)
        e = tn_sim_unsafe();
    const int owner = device_of(p);
    if (!p || e == cudaErrorStreamCaptureUnsupported)
        return tn_sim_end(e);
    if (owner < 0)
        tn_sim_break("memory", "cudaFree: %p is no device's memory", p);
    tn_sim_died("device memory", p);
    const cudaError_t fault = tn_sim_run_device(owner);
    block_delete(&devices[owner], block_of(&devices[owner], p));
    return tn_sim_end(e ? e : fault);
}

static cudaError_t pinned_new(cudaError_t e, void **out, size_t bytes)
{
    *out = NULL;
    if (!e)
        e = tn_sim_unsafe();
    if (!e && bytes) {
        const block *b = block_new(&pinned, bytes);
        if (b) {
            *out = b->at;
            tn_sim_born("pinned memory", b->at);
        } else {
            e = cudaErrorMemoryAllocation;
        }
    }
    return tn_sim_end(e);
}

cudaError_t cudaMallocHost(void **out, size_t bytes)
{
    return pinned_new(tn_sim_begin_device(__func__, bytes), out, bytes);
}

cudaError_t cudaHostAlloc(void **out, size_t bytes, unsigned flags)
{
    const unsigned known = cudaHostAllocPortable | cudaHostAllocMapped | cudaHostAllocWriteCombined;
    cudaError_t e = tn_sim_begin_device(__func__, bytes);
    if (!e && flags & ~known)
        e = cudaErrorInvalidValue;
    return pinned_new(e, out, bytes);
}

/* Any device may be using it. */
cudaError_t cudaFreeHost(void *p)
{
    cudaError_t e = tn_sim_begin_device(__func__, 0);
    if (!e)
        e = tn_sim_unsafe();
    if (!p || e == cudaErrorStreamCaptureUnsupported)
        return tn_sim_end(e);
    if (!inside(&pinned, p))
        tn_sim_break("memory", "cudaFreeHost: %p is not pinned memory", p);
    tn_sim_died("pinned memory", p);
    cudaError_t fault = cudaSuccess;
    for (int i = 0; i < TN_SIM_MAX_DEVICES; i++) {
        const cudaError_t f = tn_sim_run_device(i);
        fault = fault ? fault : f;
    }
    block_delete(&pinned, block_of(&pinned, p));
    return tn_sim_end(e ? e : fault);
}

/* One address for the host and every device. */
cudaError_t cudaHostGetDevicePointer(void **out, void *p, unsigned flags)
{
    cudaError_t e = tn_sim_begin_device(__func__, 0);
    if (!e && (flags || tn_sim_place_of(tn_sim_device(), __func__, p, 1) != TN_SIM_PINNED))
        e = cudaErrorInvalidValue;
    *out = e ? NULL : p;
    return tn_sim_end(e);
}

/* Of addresses that it does not know it says so, which is no error. */
cudaError_t cudaPointerGetAttributes(struct cudaPointerAttributes *out, const void *p)
{
    cudaError_t e = tn_sim_begin_device(__func__, 0);
    const int owner = device_of(p);
    if (!e && !p)
        e = cudaErrorInvalidValue;
    *out = (struct cudaPointerAttributes){.type = cudaMemoryTypeUnregistered, .device = -2};
    if (owner >= 0)
        *out = (struct cudaPointerAttributes){cudaMemoryTypeDevice, owner, (void *)(uintptr_t)p};
    else if (inside(&pinned, p))
        *out = (struct cudaPointerAttributes){cudaMemoryTypeHost, tn_sim_device(),
                                              (void *)(uintptr_t)p, (void *)(uintptr_t)p};
    else
        out->hostPointer = (void *)(uintptr_t)p;
    return tn_sim_end(e);
}

cudaError_t cudaMemGetInfo(size_t *left, size_t *total)
{
    const cudaError_t e = tn_sim_begin_device(__func__, 0);
    const size_t used = devices[tn_sim_device()].used;
    *total = tn_sim_set.memory;
    *left = used < tn_sim_set.memory ? tn_sim_set.memory - used : 0;
    return tn_sim_end(e);
}
