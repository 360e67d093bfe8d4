#include "backends/cpu/onednn/onednn.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct tn_md {
    tn_layout layout; /* first: a tn_layout of the CPU is a tn_md */
    bool plain;       /* row major: as a layout, NULL */
    dnnl_memory_desc_t own;
    tn_md *next;
};

/* Every one met so far. Those of all devices, which are one CPU: plans may have weights in common. */
static struct {
    pthread_mutex_t lock;
    tn_md *first;
    int devices;
} layouts = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* ---- errors ------------------------------------------------------------------------------- */

tn_status tn_onednn(const char *op, const char *node, const char *what, dnnl_status_t status)
{
    static const struct {
        dnnl_status_t dnnl;
        tn_status status;
        const char *text;
    } known[] = {
        {dnnl_out_of_memory, TN_ERR_MEMORY, "out of memory"},
        {dnnl_invalid_arguments, TN_ERR_DEVICE, "invalid arguments"},
        {dnnl_unimplemented, TN_ERR_UNSUPPORTED, "not implemented"},
        {dnnl_runtime_error, TN_ERR_DEVICE, "runtime error"},
        {dnnl_not_required, TN_ERR_DEVICE, "not required"},
    };
    if (status == dnnl_success)
        return TN_OK;
    for (size_t i = 0; i < TN_COUNT(known); i++)
        if (known[i].dnnl == status)
            return tn_fail(known[i].status, "%s %s: oneDNN, %s: %s", op, node, what, known[i].text);
    return tn_fail(TN_ERR_DEVICE, "%s %s: oneDNN, %s: status %d", op, node, what, (int)status);
}

/* ---- the device --------------------------------------------------------------------------- */

/* oneDNN would tell VTune of every kernel that it generates, and looks for it in 70 places when a program
 * starts, unless told not to; a program that wants it says so as oneDNN's documentation has it. */
static void let_profilers_be(void)
{
    if (!getenv("ONEDNN_JIT_PROFILE") && !getenv("DNNL_JIT_PROFILE"))
        (void)dnnl_set_jit_profiling_flags(DNNL_JIT_PROFILE_NONE); /* slower if not */
}

static void count_devices(int more)
{
    pthread_mutex_lock(&layouts.lock);
    layouts.devices += more;
    for (tn_md *md; layouts.devices == 0 && (md = layouts.first);) {
        layouts.first = md->next;
        tn_md_end(&md->own);
        tn_free(md);
    }
    pthread_mutex_unlock(&layouts.lock);
}

tn_status tn_onednn_open(tn_backend_device *d)
{
    let_profilers_be();
    TN_TRY(tn_onednn("cpu", "device", "engine", dnnl_engine_create(&d->engine, dnnl_cpu, 0)));
    count_devices(1);
    return tn_onednn("cpu", "device", "stream",
                     dnnl_stream_create(&d->stream, d->engine, dnnl_stream_default_flags));
}

void tn_onednn_close(tn_backend_device *d)
{
    if (d->stream)
        dnnl_stream_destroy(d->stream);
    if (!d->engine)
        return;
    dnnl_engine_destroy(d->engine);
    count_devices(-1);
}

tn_cpu_isa tn_cpu_isa_here(void)
{
#ifdef __x86_64__
    const dnnl_cpu_isa_t isa = dnnl_get_effective_cpu_isa();
    if ((isa & dnnl_cpu_isa_avx512_core) == dnnl_cpu_isa_avx512_core)
        return TN_CPU_AVX512;
    if ((isa & dnnl_cpu_isa_avx2) == dnnl_cpu_isa_avx2)
        return TN_CPU_AVX2;
#endif
    return TN_CPU_PORTABLE;
}

bool tn_onednn_has_vnni(void)
{
    const dnnl_cpu_isa_t isa = dnnl_get_effective_cpu_isa();
    return (isa & dnnl_cpu_isa_avx512_core_vnni) == dnnl_cpu_isa_avx512_core_vnni ||
           (isa & dnnl_cpu_isa_avx2_vnni) == dnnl_cpu_isa_avx2_vnni;
}

const char *tn_onednn_isa(void)
{
    static const struct {
        dnnl_cpu_isa_t isa;
        const char *name;
    } known[] = {
        {dnnl_cpu_isa_sse41, "sse4.1"},
        {dnnl_cpu_isa_avx, "avx"},
        {dnnl_cpu_isa_avx2, "avx2"},
        {dnnl_cpu_isa_avx2_vnni, "avx2_vnni"},
        {dnnl_cpu_isa_avx512_core, "avx512_core"},
        {dnnl_cpu_isa_avx512_core_vnni, "avx512_core_vnni"},
        {dnnl_cpu_isa_avx512_core_bf16, "avx512_core_bf16"},
        {dnnl_cpu_isa_avx512_core_amx, "avx512_core_amx"},
    };
    const dnnl_cpu_isa_t isa = dnnl_get_effective_cpu_isa();
    for (size_t i = 0; i < TN_COUNT(known); i++)
        if (known[i].isa == isa)
            return known[i].name;
    return "unnamed instruction set";
}

const char *tn_onednn_version(void)
{
    static _Thread_local char text[48];
    const dnnl_version_t *v = dnnl_version();
    snprintf(text, sizeof text, "oneDNN %d.%d.%d (%s)", v->major, v->minor, v->patch,
             v->cpu_runtime == DNNL_RUNTIME_OMP   ? "OpenMP"
             : v->cpu_runtime == DNNL_RUNTIME_TBB ? "TBB"
             : v->cpu_runtime == DNNL_RUNTIME_SEQ ? "one thread"
                                                  : "other threads");
    return text;
}

/* ---- descriptors -------------------------------------------------------------------------- */

/* Dense, in the order of its dimensions, unpadded. The stride of a dimension of 1 says nothing. */
static bool is_row_major(const tn_md_view *v)
{
    if (!v->blocked || v->num_inner > 0 || v->offset != 0)
        return false;
    dnnl_dim_t stride = 1;
    for (int i = v->ndim - 1; i >= 0; i--) {
        if (v->padded[i] != v->dim[i] || (v->dim[i] > 1 && v->stride[i] != stride))
            return false;
        stride *= v->dim[i];
    }
    return true;
}

/* oneDNN's own notation, "aBcd16b": dimensions from the slowest, a capital where it is split in
 * blocks, then the blocks from the outermost. */
static void write_name(const tn_md_view *v, char *text, size_t size)
{
    if (!v->blocked) {
        snprintf(text, size, "opaque");
        return;
    }
    int order[DNNL_MAX_NDIMS];
    for (int i = 0; i < v->ndim; i++) {
        int at = i;
        for (; at > 0 && v->stride[order[at - 1]] < v->stride[i]; at--)
            order[at] = order[at - 1];
        order[at] = i;
    }
    size_t used = 0;
    for (int i = 0; i < v->ndim && used < size; i++) {
        bool split = false;
        for (int j = 0; j < v->num_inner; j++)
            split |= v->inner_dim[j] == order[i];
        used += (size_t)snprintf(text + used, size - used, "%c", (split ? 'A' : 'a') + order[i]);
    }
    for (int j = 0; j < v->num_inner && used < size; j++)
        used += (size_t)snprintf(text + used, size - used, "%d%c", (int)v->inner_block[j],
                                 'a' + (int)v->inner_dim[j]);
}

static tn_md *intern(tn_maker *m, tn_dnnl_md raw)
{
    for (tn_md *md = layouts.first; md; md = md->next)
        if (dnnl_memory_desc_equal(tn_md_borrow(&md->own), raw))
            return md;
    tn_md *md = tn_alloc(1, sizeof *md);
    if (!md) {
        m->status = tn_no_memory("a memory descriptor", sizeof *md);
        return NULL;
    }
    m->status = tn_onednn(m->op, m->node, "memory descriptor copy", tn_md_init_copy(&md->own, raw));
    if (m->status != TN_OK) {
        tn_free(md);
        return NULL;
    }
    const tn_md_view v = tn_md_look(raw);
    md->plain = is_row_major(&v);
    md->layout.bytes = dnnl_memory_desc_get_size(raw);
    write_name(&v, md->layout.name, sizeof md->layout.name);
    md->next = layouts.first;
    layouts.first = md;
    return md;
}

const tn_md *tn_md_intern(tn_maker *m, tn_dnnl_md raw)
{
    pthread_mutex_lock(&layouts.lock);
    const tn_md *md = intern(m, raw);
    pthread_mutex_unlock(&layouts.lock);
    return md;
}

/* Interns a descriptor that is owned, and ends it. */
static const tn_md *intern_owned(tn_maker *m, dnnl_status_t status, dnnl_memory_desc_t *own)
{
    m->status = tn_onednn(m->op, m->node, "memory descriptor", status);
    if (m->status != TN_OK)
        return NULL;
    const tn_md *md = tn_md_intern(m, tn_md_borrow(own));
    tn_md_end(own);
    return md;
}

static dnnl_data_type_t data_type(tn_dtype dtype)
{
    static const dnnl_data_type_t type[] = {[TN_F32] = dnnl_f32,
                                            [TN_F16] = dnnl_f16,
                                            [TN_BF16] = dnnl_bf16,
                                            [TN_I32] = dnnl_s32,
                                            [TN_U8] = dnnl_u8};
    return type[dtype];
}

static const tn_md *row_major(tn_maker *m, int ndim, const int64_t *dim, dnnl_data_type_t type)
{
    int64_t stride[DNNL_MAX_NDIMS];
    for (int i = ndim - 1; i >= 0; i--)
        stride[i] = i == ndim - 1 ? 1 : stride[i + 1] * dim[i + 1];
    dnnl_memory_desc_t own;
    const dnnl_status_t status = tn_md_init_strides(&own, ndim, dim, type, stride);
    return intern_owned(m, status, &own);
}

const tn_md *tn_md_plain(tn_maker *m, int ndim, const int64_t *dim, tn_dtype dtype)
{
    static const int64_t one = 1; /* a scalar is one element in a row */
    if (m->status != TN_OK)
        return NULL;
    return row_major(m, ndim ? ndim : 1, ndim ? dim : &one, data_type(dtype));
}

const tn_md *tn_md_tagged(tn_maker *m, int ndim, const int64_t *dim, tn_dtype dtype,
                          dnnl_format_tag_t tag)
{
    if (m->status != TN_OK)
        return NULL;
    dnnl_memory_desc_t own;
    const dnnl_status_t status = tn_md_init_tag(&own, ndim, dim, data_type(dtype), tag);
    return intern_owned(m, status, &own);
}

const tn_md *tn_md_strided(tn_maker *m, int ndim, const int64_t *dim, const int64_t *stride)
{
    if (m->status != TN_OK)
        return NULL;
    dnnl_memory_desc_t own;
    const dnnl_status_t status = tn_md_init_strides(&own, ndim, dim, dnnl_f32, stride);
    return intern_owned(m, status, &own);
}

const tn_md *tn_md_image(tn_maker *m, const tn_shape *shape, int lanes)
{
    return tn_md_tagged(m, 4, shape->dim, TN_F32, lanes == 16 ? dnnl_nChw16c : dnnl_nChw8c);
}

const tn_md *tn_md_any(tn_maker *m, int ndim, const int64_t *dim, tn_dtype dtype)
{
    return tn_md_tagged(m, ndim, dim, dtype, dnnl_format_tag_any);
}

static dnnl_data_type_t whole_type(bool sign)
{
    return sign ? dnnl_s8 : dnnl_u8;
}

const tn_md *tn_md_whole(tn_maker *m, int ndim, const int64_t *dim, bool sign)
{
    return m->status == TN_OK ? row_major(m, ndim, dim, whole_type(sign)) : NULL;
}

const tn_md *tn_md_any_whole(tn_maker *m, int ndim, const int64_t *dim, bool sign)
{
    if (m->status != TN_OK)
        return NULL;
    dnnl_memory_desc_t own;
    const dnnl_status_t status =
        tn_md_init_tag(&own, ndim, dim, whole_type(sign), dnnl_format_tag_any);
    return intern_owned(m, status, &own);
}

const tn_md *tn_md_any_like(tn_maker *m, const tn_md *md)
{
    if (m->status != TN_OK)
        return NULL;
    const tn_md_view v = tn_md_look(tn_md_raw(md));
    dnnl_memory_desc_t own;
    const dnnl_status_t status = tn_md_init_tag(&own, v.ndim, v.dim, v.type, dnnl_format_tag_any);
    return intern_owned(m, status, &own);
}

const tn_md *tn_md_part(tn_maker *m, const tn_md *md, const int64_t *dim)
{
    if (m->status != TN_OK)
        return NULL;
    dnnl_memory_desc_t own;
    const dnnl_status_t status = tn_md_init_part(&own, tn_md_raw(md), dim);
    return intern_owned(m, status, &own);
}

const tn_md *tn_md_of(tn_maker *m, const tn_shape *shape, tn_dtype dtype, const tn_layout *layout)
{
    if (m->status != TN_OK)
        return NULL;
    return layout ? (const tn_md *)layout : tn_md_plain(m, shape->ndim, shape->dim, dtype);
}

const tn_md *tn_md_canonical(tn_maker *m, const tn_md *md)
{
    if (m->status != TN_OK)
        return NULL;
    const tn_md_view v = tn_md_look(tn_md_raw(md));
    return row_major(m, v.ndim, v.dim, v.type);
}

const tn_layout *tn_md_layout(const tn_md *md)
{
    return md && !md->plain ? &md->layout : NULL;
}

bool tn_md_alike(const tn_md *a, const tn_md *b)
{
    return a && b && strcmp(a->layout.name, b->layout.name) == 0;
}

size_t tn_md_bytes(const tn_md *md)
{
    return md ? md->layout.bytes : 0;
}

int64_t tn_md_elements(const tn_md *md)
{
    const tn_md_view v = tn_md_look(tn_md_raw(md));
    int64_t count = 1;
    for (int i = 0; i < v.ndim; i++)
        count *= v.padded[i];
    return count;
}

int tn_md_ndim(const tn_md *md)
{
    return tn_md_look(tn_md_raw(md)).ndim;
}

tn_dnnl_md tn_md_raw(const tn_md *md)
{
    return md ? tn_md_borrow(&md->own) : NULL;
}
