/* What the doctor says of machines: a good one, and that one with one thing wrong, each. */
#include <string.h>

#include "doctor/doctor.h"
#include "lab.h"

static const char *set, *value; /* the variable that is set */

static const char *get(const char *name)
{
    return set && strcmp(set, name) == 0 ? value : NULL;
}

/* Two H100, 32 cores. */
static facts good(void)
{
    facts f = {.variable = get};
    f.build = (build_facts){.kind = "Release",
                            .sanitizers = "",
                            .compiler = "gcc",
                            .cuda = "13.0.88",
                            .cudnn = "9.19.0",
                            .nccl = "2.28.9",
                            .onednn = "2.6.3",
                            .mpi = "",
                            .jpeg = "2.1.5"};
    f.library[MPI].state = LIBRARY_UNUSED;
    f.gpus = (gpus_facts){.driver = DRIVER_READY,
                          .version = "580.95.05",
                          .cuda = 13000,
                          .count = 2,
                          .boards = 2,
                          .nodes = true};
    for (int i = 0; i < 2; i++)
        f.gpus.gpu[i] = (gpu_facts){.name = "H100",
                                    .major = 9,
                                    .memory = 80e9,
                                    .used = 1e9,
                                    .busy = 0,
                                    .celsius = 40,
                                    .clock = 1980,
                                    .clock_most = 1980,
                                    .watts = 90,
                                    .watts_most = 700,
                                    .lanes = 16,
                                    .lanes_most = 16,
                                    .generation = 5,
                                    .generation_most = 5,
                                    .nvlinks = 18,
                                    .persistent = 1};
    f.host = (host_facts){.avx2 = true,
                          .x86 = true,
                          .cores = 32,
                          .mine = 32,
                          .threads = 32,
                          .nodes = 1,
                          .busy = 0.02,
                          .governor = "performance",
                          .mhz = 3000,
                          .mhz_most = 3000,
                          .memory = 256e9,
                          .available = 250e9,
                          .shm = 64e9,
                          .shm_free = 64e9};
    f.disk = (disk_facts){.folder = "/data", .kind = "ext4", .size = 2e12, .free = 1e12};
    f.measured =
        (measured_facts){.asked = true, .flops = 1e12, .bytes = 2e11, .disk = 2e9, .images = 20000};
    return f;
}

static void no_gpus(facts *f)
{
    f->gpus = (gpus_facts){.boards = 0};
}

static void quota(facts *f)
{
    f->host.threads = 1;
}
static void one_thread(facts *f)
{
    f->host.threads = 1, set = "OMP_NUM_THREADS", value = "1";
}
static void limited(facts *f)
{
    f->host.threads = 4, set = "OMP_THREAD_LIMIT", value = "4";
}
static void quota_below(facts *f) /* what was asked for, and did not come */
{
    f->host.threads = 4, set = "OMP_NUM_THREADS", value = "16";
}
static void many(facts *f)
{
    f->host.threads = 64;
}
static void bound(facts *f)
{
    f->host.mine = f->host.threads = 4;
}
static void small_shm(facts *f)
{
    f->host.shm = 64 << 20;
}
static void small_shm_alone(facts *f)
{
    no_gpus(f), f->host.shm = 64 << 20;
}
static void no_shm(facts *f)
{
    f->host.shm = -1;
}
static void busy(facts *f)
{
    f->host.busy = 0.8;
}
static void saving(facts *f)
{
    strcpy(f->host.governor, "powersave"), f->host.mhz = 800;
}
static void nodes(facts *f)
{
    f->host.nodes = 2;
}
static void limit(facts *f)
{
    f->host.limit = 8e9;
}
static void little(facts *f)
{
    f->host.available = 1e9;
}
static void swaps(facts *f)
{
    f->host.swap = 9e9, f->host.available = 5e9;
}
static void full(facts *f)
{
    f->disk.free = 1e8;
}
static void no_folder(facts *f)
{
    f->disk.folder = "/a|b", f->disk.free = -1;
}
static void slow_disk(facts *f)
{
    f->measured.disk = 30e6;
}
static void far_disk(facts *f)
{
    strcpy(f->disk.kind, "nfs");
}
static void slow_loader(facts *f)
{
    f->measured.images = 900;
}
static void fails(facts *f)
{
    strcpy(f->measured.gpu_why, "cuda: no memory");
}
static void debug(facts *f)
{
    f->build.slow = true, f->build.kind = "Debug, not optimised";
}
static void no_onednn(facts *f)
{
    f->library[ONEDNN].state = LIBRARY_MISSING;
}
static void no_jpeg(facts *f)
{
    f->library[JPEG].state = LIBRARY_MISSING;
}
static void no_nccl(facts *f)
{
    f->library[NCCL].state = LIBRARY_MISSING;
}
static void no_nccl_built(facts *f)
{
    f->build.nccl = "", f->library[NCCL].state = LIBRARY_UNUSED;
}
static void no_cudnn(facts *f)
{
    f->library[CUDNN].state = LIBRARY_MISSING;
}
static void no_cublas(facts *f)
{
    f->library[CUBLAS].state = LIBRARY_MISSING;
}
static void narrow(facts *f)
{
    f->gpus.gpu[1].lanes = 4;
}
static void capped(facts *f)
{
    f->gpus.gpu[1].reasons = CLOCK_POWER_CAP;
}
static void errors(facts *f)
{
    f->gpus.gpu[0].ecc_errors = 3;
}
static void used(facts *f)
{
    f->gpus.gpu[0].used = 40e9, f->gpus.gpu[0].processes = 1;
}
static void parted(facts *f)
{
    f->gpus.gpu[0].mig = 1;
}
static void forgets(facts *f)
{
    f->gpus.gpu[0].persistent = 0;
}
static void prohibited(facts *f)
{
    f->gpus.gpu[0].mode = 2;
}
static void far_gpus(facts *f)
{
    f->gpus.far = true;
}
static void unlike(facts *f)
{
    strcpy(f->gpus.gpu[1].name, "T4");
}
static void older(facts *f)
{
    f->gpus.cuda = 12080, f->build.cuda = "12.9.1";
}
static void no_p2p(facts *f)
{
    (void)f, set = "NCCL_P2P_DISABLE", value = "1";
}
static void tf32(facts *f)
{
    (void)f, set = "NVIDIA_TF32_OVERRIDE", value = "0";
}
static void isa(facts *f)
{
    (void)f, set = "ONEDNN_MAX_CPU_ISA", value = "SSE41";
}
static void verbose(facts *f)
{
    (void)f, set = "DNNL_VERBOSE", value = "1";
}
static void spins(facts *f)
{
    busy(f), set = "OMP_WAIT_POLICY", value = "active";
}
static void silent(facts *f)
{
    no_gpus(f);
    f->gpus.driver = DRIVER_NO_ANSWER;
    strcpy(f->gpus.why, "Driver Not Loaded");
    strcpy(f->host.container, "Docker");
}

static void each_wrong_thing_is_found(void **state)
{
    (void)state;
    static const struct {
        void (*spoil)(facts *f);
        const char *id; /* NULL: nothing is found */
        level level;
        const char *says, *remedy;
    } cases[] = {
        {NULL, NULL, NOTE, "", ""},
        {no_gpus, NULL, NOTE, "", ""},
        {no_shm, NULL, NOTE, "", ""},
        {capped, NULL, NOTE, "", ""},
        {quota, "cores-quota", SLOW, "the time of 1 of 32 cores", "--cpus=32"},
        {one_thread, "threads-few", SLOW, "OMP_NUM_THREADS=1 says so", "set it to 32"},
        {limited, "threads-few", SLOW, "OMP_THREAD_LIMIT=4 says so", "set it to 32"},
        {quota_below, "cores-quota", SLOW, "the time of 4 of 32 cores", "--cpus=32"},
        {many, "threads-many", SLOW, "64 threads, and there are 32 cores, which they have in turn",
         "unset"},
        {bound, "cores-bound", NOTE, "4 of the machine's 32 cores", "asked for"},
        {small_shm, "shm-small", SLOW, "/dev/shm has 67 MB", "--shm-size=1g"},
        {small_shm_alone, "shm-small", NOTE, "enough for one process", "--shm-size=1g"},
        {busy, "busy", SLOW, "80 % of the cores", "top"},
        {saving, "clock-saving", SLOW, "800 MHz of 3000", "performance"},
        {nodes, "nodes", NOTE, "2 nodes of memory", "pin=on"},
        {limit, "memory-limit", NOTE, "8.0 GB of the 250.0 GB", "--memory"},
        {little, "memory-short", SLOW, "1.0 GB of memory are left", "smaller batches"},
        {swaps, "swapping", SLOW, "9.0 GB of memory lie on the disk", "End other"},
        {full, "disk-full", SLOW, "0.1 GB are left on the disk of /data", "--keep"},
        {no_folder, "no-folder", BROKEN, "There is no folder /a|b.", "Name one that"},
        {slow_disk, "disk-slow", SLOW, "at 30 MB a second: some 250 photos", "tenon data pack"},
        {far_disk, "disk-far", NOTE, "lies on nfs", "Pack"},
        {slow_loader, "loader-slow", NOTE, "900 photos a second with 32 cores", "Pack"},
        {fails, "gpu-fails", BROKEN, "cuda: no memory", "docs/gpu.md"},
        {debug, "slow-build", SLOW, "Debug, not optimised", "release"},
        {no_onednn, "onednn-missing", SLOW, "no oneDNN", "libdnnl-dev"},
        {no_jpeg, "jpeg-missing", SLOW, "libjpeg-turbo", "libjpeg-dev"},
        {no_nccl, "nccl-missing", SLOW, "the 2 GPUs can be used one at a time", "libnccl2"},
        {no_nccl_built, "nccl-not-built", SLOW, "There are 2 GPUs", "libnccl-dev"},
        {no_cudnn, "cudnn-missing", SLOW, "libcudnn.so.9", "cudnn9-cuda-13"},
        {no_cublas, "cublas-missing", BROKEN, "libcublasLt.so.13", "TENON_CUDA_LIBS"},
        {narrow, "gpu-narrow", SLOW, "GPU 1 has 4 of its 16", "slot"},
        {errors, "gpu-memory-errors", SLOW, "counted 3 errors", "replaced"},
        {used, "gpu-in-use", NOTE, "40.0 of its 80.0 GB, by 1 process.", "nvidia-smi"},
        {parted, "gpu-parted", NOTE, "parted (MIG)", "MIG-"},
        {forgets, "gpu-forgets", NOTE, "persistence", "nvidia-persistenced"},
        {prohibited, "gpu-prohibited", BROKEN, "no program compute", "-c DEFAULT"},
        {far_gpus, "gpus-far", NOTE, "the processor's memory", "near"},
        {unlike, "gpus-unlike", NOTE, "(H100, T4)", "alike"},
        {older, "driver-older", NOTE, "up to 12.8, and this was built with 12.9.1", "Update"},
        {no_p2p, "no-p2p", SLOW, "through the host's memory", "unset"},
        {tf32, "no-tf32", SLOW, "f32", "unset"},
        {isa, "isa", SLOW, "ONEDNN_MAX_CPU_ISA=SSE41", "unset"},
        {verbose, "verbose", SLOW, "DNNL_VERBOSE=1", "unset"},
        {silent, "driver-silent", BROKEN, "Driver Not Loaded", "--gpus all"},
    };
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        static findings found;
        facts f = good();
        set = NULL;
        if (cases[i].spoil)
            cases[i].spoil(&f);
        judge(&f, &found);
        print_message("%s\n", cases[i].id ? cases[i].id : "nothing");
        const finding *is = found.count ? &found.at[0] : NULL;
        if (!cases[i].id) {
            assert_null(is ? is->text : NULL);
            continue;
        }
        assert_int_equal(found.count, 1);
        assert_string_equal(is->id, cases[i].id);
        assert_int_equal(is->level, cases[i].level);
        assert_non_null(strstr(is->text, cases[i].says));
        assert_non_null(strstr(is->remedy, cases[i].remedy));
    }
    facts f = good();
    static findings found;
    spins(&f);
    judge(&f, &found);
    assert_int_equal(found.count, 2);
    assert_non_null(strstr(found.at[1].text, "OpenMP's threads, which a few layers of oneDNN's"));
}

/* Those that are worst come first. */
static void the_worst_comes_first(void **state)
{
    (void)state;
    static findings found;
    facts f = good();
    set = NULL;
    nodes(&f);
    busy(&f);
    no_cublas(&f);
    judge(&f, &found);
    assert_int_equal(found.count, 3);
    assert_string_equal(found.at[0].id, "cublas-missing");
    assert_string_equal(found.at[1].id, "busy");
    assert_string_equal(found.at[2].id, "nodes");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_wrong_thing_is_found),
                                       cmocka_unit_test(the_worst_comes_first)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
