/* The libraries that Tenon is built on: those of NVIDIA's are looked for where tenon_cuda.so looks for them, and asked for their
 * versions, which makes no CUDA context. */
#define _GNU_SOURCE /* dlinfo */

#include <dlfcn.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>

#include <tenon/tenon.h>

#include "doctor.h"

const char *const library_names[LIBRARIES] = {
    [DRIVER] = "driver", [CUBLAS] = "cuBLAS", [CUDNN] = "cuDNN",       [NCCL] = "NCCL",
    [ONEDNN] = "oneDNN", [MPI] = "MPI",       [JPEG] = "libjpeg-turbo"};

/* ---- opening ---------------------------------------------------------------------------------- */

static void *open_in(const char *folder, size_t length, const char *file, char where[DOCTOR_PATH])
{
    char path[DOCTOR_PATH];
    struct link_map *map;
    snprintf(path, sizeof path, "%.*s%s%s", (int)length, folder, length ? "/" : "", file);
    void *library = dlopen(path, RTLD_LAZY | RTLD_LOCAL);
    if (library && dlinfo(library, RTLD_DI_LINKMAP, &map) == 0)
        snprintf(where, DOCTOR_PATH, "%.1000s", map->l_name);
    return library;
}

void *library_open(const char *file, char where[DOCTOR_PATH])
{
    static const char *const usual[] = {"/usr/local/cuda/lib64", "/usr/lib/x86_64-linux-gnu",
                                        "/usr/lib/aarch64-linux-gnu", "/usr/lib64",
                                        "/usr/lib/wsl/lib"};
    const char *folders = getenv("TENON_CUDA_LIBS");
    void *library = NULL;
    where[0] = '\0';
    while (folders && *folders && !library) {
        const size_t length = strcspn(folders, ":");
        library = length ? open_in(folders, length, file, where) : NULL;
        folders += length + (folders[length] == ':');
    }
    if (!library)
        library = open_in("", 0, file, where);
    for (size_t i = 0; i < sizeof usual / sizeof *usual && !library; i++)
        library = open_in(usual[i], strlen(usual[i]), file, where);
    return library;
}

library_function library_find(void *library, const char *name)
{
    /* dlsym() gives an object's address for a function's, which POSIX allows and C does not. */
    union {
        void *object;
        library_function function;
    } entry = {dlsym(library, name)};
    return entry.function;
}

/* ---- versions --------------------------------------------------------------------------------- */

/* A version of parts of two digits, 91901. */
static void write_version(char text[WORDS], size_t version)
{
    snprintf(text, WORDS, "%zu.%zu.%zu", version / 10000, version / 100 % 100, version % 100);
}

/* Of a library that has size_t NAME(void) in it. */
static bool ask(library_facts *l, const char *file, const char *name, size_t *version)
{
    size_t (*get)(void) = NULL;
    void *library = library_open(file, l->where);
    if (library)
        get = (size_t(*)(void))library_find(library, name);
    if (!get)
        return false;
    *version = get();
    write_version(l->found, *version);
    return true;
}

static int major_of(const char *version)
{
    return atoi(version);
}

static void look_at_cublas(library_facts *l, const build_facts *b)
{
    char file[32];
    size_t version = 0;
    const int major = major_of(b->cuda);
    snprintf(file, sizeof file, "libcublasLt.so.%d", major);
    snprintf(l->wanted, sizeof l->wanted, "%d.x", major);
    if (ask(l, file, "cublasLtGetVersion", &version)) {
        l->state = (int)(version / 10000) == major ? LIBRARY_FITS : LIBRARY_WRONG;
        return;
    }
    for (int other = 11; other < 20 && !*l->found; other++) { /* what else is there */
        snprintf(file, sizeof file, "libcublasLt.so.%d", other);
        ask(l, file, "cublasLtGetVersion", &version);
    }
    l->state = *l->found ? LIBRARY_WRONG : LIBRARY_MISSING;
}

static void look_at_cudnn(library_facts *l, const build_facts *b)
{
    enum { LEAST = 90800, BEYOND = 100000 };
    size_t version = 0, cuda = 0;
    size_t (*made_for)(void) = NULL;
    snprintf(l->wanted, sizeof l->wanted, "9.8 to 9.x, for CUDA %d", major_of(b->cuda));
    if (!ask(l, "libcudnn.so.9", "cudnnGetVersion", &version)) {
        for (int other = 8; other < 12 && !*l->found; other += 1 + (other == 8)) {
            char file[32];
            snprintf(file, sizeof file, "libcudnn.so.%d", other);
            if (ask(l, file, "cudnnGetVersion", &version) && version < 10000) /* 8907 */
                snprintf(l->found, sizeof l->found, "%zu.%zu.%zu", version / 1000,
                         version / 100 % 10, version % 100);
        }
        l->state = *l->found ? LIBRARY_WRONG : LIBRARY_MISSING;
        return;
    }
    void *library = library_open("libcudnn.so.9", l->where);
    made_for = (size_t(*)(void))library_find(library, "cudnnGetCudartVersion");
    cuda = made_for ? made_for() / 1000 : 0;
    if (cuda) {
        const size_t used = strlen(l->found);
        snprintf(l->found + used, sizeof l->found - used, ", for CUDA %zu", cuda);
    }
    const bool same = !cuda || (int)cuda == major_of(b->cuda);
    l->state = version >= LEAST && version < BEYOND && same ? LIBRARY_FITS : LIBRARY_WRONG;
}

static void look_at_nccl(library_facts *l)
{
    enum { LEAST = 21900, BEYOND = 30000 };
    int (*get)(int *) = NULL;
    int version = 0;
    void *library = library_open("libnccl.so.2", l->where);
    snprintf(l->wanted, sizeof l->wanted, "2.19 to 2.x");
    if (library)
        get = (int (*)(int *))library_find(library, "ncclGetVersion");
    l->state = LIBRARY_MISSING;
    if (!get || get(&version) != 0)
        return;
    write_version(l->found, (size_t)version);
    l->state = version >= LEAST && version < BEYOND ? LIBRARY_FITS : LIBRARY_WRONG;
}

/* The first release of the driver that serves a CUDA of this number, whatever its second one is. */
static const char *first_driver(int major)
{
    static const struct {
        int cuda;
        const char *driver;
    } first[] = {{11, "450.80.02"}, {12, "525.60.13"}, {13, "580.65.06"}};
    for (size_t i = 0; i < sizeof first / sizeof *first; i++)
        if (first[i].cuda == major)
            return first[i].driver;
    return "one that NVIDIA lists for it";
}

static void look_at_driver(library_facts *l, const gpus_facts *g, const build_facts *b)
{
    const int major = major_of(b->cuda);
    snprintf(l->wanted, sizeof l->wanted, "%s or later, for CUDA %d", first_driver(major), major);
    snprintf(l->found, sizeof l->found, "%s", *g->version ? g->version : g->module);
    if (g->cuda) {
        const size_t used = strlen(l->found);
        snprintf(l->found + used, sizeof l->found - used, "%sserves CUDA %d.%d", used ? ", " : "",
                 g->cuda / 1000, g->cuda % 1000 / 10);
    }
    if (g->driver == DRIVER_NONE)
        l->state = LIBRARY_MISSING;
    else
        l->state =
            g->driver == DRIVER_READY && g->cuda / 1000 >= major ? LIBRARY_FITS : LIBRARY_WRONG;
}

/* ---- those of the CPU ------------------------------------------------------------------------- */

static void look_at_onednn(library_facts *l, const host_facts *h)
{
    const char *at = strstr(h->device, ", oneDNN ");
    snprintf(l->wanted, sizeof l->wanted, "2.6 or later");
    l->state = at ? LIBRARY_FITS : LIBRARY_MISSING;
    if (at)
        snprintf(l->found, sizeof l->found, "%.60s", at + strlen(", oneDNN "));
}

static void look_at_mpi(library_facts *l, const build_facts *b)
{
    static const char *const files[] = {"libmpi.so.40", "libmpi.so.12"}; /* Open MPI, MPICH */
    int (*get)(char *, int *) = NULL;
    char text[8192] = "";
    int length = 0;
    if (!*b->mpi) {
        l->state = LIBRARY_UNUSED;
        return;
    }
    snprintf(l->wanted, sizeof l->wanted, "MPI %s, as this was built with", b->mpi);
    l->state = LIBRARY_MISSING;
    for (size_t i = 0; i < sizeof files / sizeof *files && !get; i++) {
        void *library = library_open(files[i], l->where);
        if (library) /* may be asked before MPI_Init() */
            get = (int (*)(char *, int *))library_find(library, "MPI_Get_library_version");
    }
    if (!get || get(text, &length) != 0)
        return;
    text[strcspn(text, ",\n")] = '\0';
    snprintf(l->found, sizeof l->found, "%.120s", text);
    l->state = LIBRARY_FITS;
}

void libraries_look(facts *f)
{
    const build_facts *b = &f->build;
    library_facts *l = f->library;
    memset(l, 0, sizeof f->library);
    const bool wants = *b->cuda && (f->gpus.boards > 0 || f->gpus.driver != DRIVER_NONE);
    for (int i = DRIVER; i <= NCCL; i++)
        l[i].state = *b->cuda ? LIBRARY_NOT_NEEDED : LIBRARY_UNUSED;
    if (*b->cuda) {
        look_at_driver(&l[DRIVER], &f->gpus, b);
        look_at_cublas(&l[CUBLAS], b);
        look_at_cudnn(&l[CUDNN], b);
        if (*b->nccl)
            look_at_nccl(&l[NCCL]);
    }
    for (int i = DRIVER; i <= NCCL; i++)
        if (l[i].state == LIBRARY_MISSING && (!wants || (i == NCCL && f->gpus.count < 2)))
            l[i].state = LIBRARY_NOT_NEEDED;
    look_at_onednn(&l[ONEDNN], &f->host);
    look_at_mpi(&l[MPI], b);
    l[JPEG].state = *b->jpeg ? LIBRARY_FITS : LIBRARY_MISSING;
    snprintf(l[JPEG].found, sizeof l[JPEG].found, "%s", b->jpeg);
}
