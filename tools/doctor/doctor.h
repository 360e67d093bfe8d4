/*
 * The parts of tenon-doctor. What there is is looked up first and becomes facts, numbers and words alone; then judge.c finds in
 * them what is wrong, so that every wrong machine can be tried without having it.
 */
#ifndef TOOLS_DOCTOR_H
#define TOOLS_DOCTOR_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "../common/json.h"

enum { MAX_GPUS = 64, MAX_FINDINGS = 64, WORDS = 128, SENTENCE = 512, DOCTOR_PATH = 1024 };

/* ---- facts ------------------------------------------------------------------------------------ */

/* What this program was built with. Versions as texts, "" where a thing was not there. */
typedef struct build_facts {
    bool slow; /* without optimisation, or with sanitizers */
    const char *kind, *sanitizers, *compiler, *cuda, *cudnn, *nccl, *onednn, *mpi, *jpeg;
} build_facts;

typedef enum library_state {
    LIBRARY_FITS,
    LIBRARY_MISSING,
    LIBRARY_WRONG,     /* found, another version than is wanted */
    LIBRARY_UNUSED,    /* this build has no use for it */
    LIBRARY_NOT_NEEDED /* nor has this machine */
} library_state;

typedef enum library_kind {
    DRIVER,
    CUBLAS,
    CUDNN,
    NCCL,
    ONEDNN,
    MPI,
    JPEG,
    LIBRARIES
} library_kind;

typedef struct library_facts {
    library_state state;
    char found[WORDS], wanted[WORDS]; /* versions; "" */
    char where[DOCTOR_PATH];          /* the file that the linker took */
} library_facts;

/* Bits of NVML's reasons for a clock below its best. */
enum {
    CLOCK_POWER_CAP = 0x4,
    CLOCK_HARDWARE = 0x8,
    CLOCK_SOFTWARE_HEAT = 0x20,
    CLOCK_HARDWARE_HEAT = 0x40,
    CLOCK_POWER_BRAKE = 0x80
};

/* Of one GPU, by NVML; below 0: it does not say. */
typedef struct gpu_facts {
    char name[WORDS], bus[32];
    int major, minor; /* compute capability */
    double memory, used;
    int busy, celsius, clock, clock_most;
    double watts, watts_most;
    int lanes, lanes_most, generation, generation_most; /* of PCIe */
    int nvlinks;
    int64_t reasons, ecc_errors;
    int persistent, mig, mode; /* mode: 0 default, 2 prohibited, 3 one process at a time */
    int processes;
} gpu_facts;

typedef enum driver_state {
    DRIVER_NONE,      /* no library of its */
    DRIVER_NO_ANSWER, /* a library, but no GPU answers */
    DRIVER_MISMATCH,  /* library and kernel module are of different versions */
    DRIVER_READY
} driver_state;

typedef struct gpus_facts {
    driver_state driver;
    char version[32],
        module[32];        /* of the library; of the kernel's module, "" where none is loaded */
    int cuda;              /* that it serves up to, 12040; 0: unknown */
    char why[SENTENCE];    /* NVML's words, if no GPU answers */
    int boards;            /* GPUs of NVIDIA's on the PCI bus */
    char board_driver[32]; /* who has the first of them: "nouveau"; "" nobody */
    bool nodes;            /* /dev/nvidiactl is there */
    int count;
    gpu_facts gpu[MAX_GPUS];
    char links[MAX_GPUS][WORDS]; /* how each reaches the others: "NV4 - PHB SYS" */
    bool far;                    /* two of them reach each other through the host's memory alone */
} gpus_facts;

typedef struct host_facts {
    char system[WORDS], kernel[WORDS], cpu[WORDS], virtual_machine[WORDS], container[WORDS];
    char flags[WORDS * 2]; /* those of the CPU that matter */
    bool avx2, x86;
    int cores, mine, threads; /* online; that this process may use; that Tenon takes */
    int nodes;                /* of memory */
    double load;              /* processes that ran or waited, in the last minute */
    double busy;              /* share of all cores that others take now; below 0: unknown */
    double mhz, mhz_most;     /* 0: unknown */
    char governor[WORDS];
    double memory, available, swap; /* bytes; below 0: unknown */
    double limit;                   /* bytes that control groups leave; 0: they limit nothing */
    double shm, shm_free;           /* /dev/shm; below 0: there is none */
    char device[SENTENCE];          /* as the library describes the CPU */
} host_facts;

typedef struct disk_facts {
    const char *folder;
    char kind[32]; /* of its file system */
    double size, free;
} disk_facts;

/* Rates; below 0: not measured, and then why. */
typedef struct measured_facts {
    bool asked;
    double flops, bytes, disk, images;
    double gpu_flops[MAX_GPUS], gpu_bytes[MAX_GPUS];
    int gpus;
    char why[SENTENCE], disk_why[SENTENCE], images_why[SENTENCE], gpu_why[SENTENCE];
} measured_facts;

typedef struct facts {
    build_facts build;
    library_facts library[LIBRARIES];
    gpus_facts gpus;
    host_facts host;
    disk_facts disk;
    measured_facts measured;
    const char *(*variable)(const char *name); /* getenv(), but in tests */
} facts;

extern const char *const library_names[LIBRARIES];

/* Each fills in its part. `root` stands before /proc, /sys, /etc and /dev: "" but for a copy of another machine's. */
void build_look(build_facts *b);
void gpus_look(gpus_facts *g, const char *root);
void host_look(host_facts *h, const char *root);
void disk_look(disk_facts *d, const char *folder);
void libraries_look(facts *f);
void measure_all(facts *f, double seconds); /* after all others */

/* host.c: the threads in the description of a CPU; 0: none are named. How busy all cores are while this sleeps; below 0: unknown. */
int threads_of(const char *device);
double busy_look(void);
/* What changes: memory alone; time that all cores had nothing to do, and all of it, in some unit. */
void memory_look(host_facts *h, const char *root);
bool cpu_times(const char *root, double *idle, double *all);

/* Every so many seconds what changes, a line each, for ever; 0: for each line of stdin, to its end. */
_Noreturn void watch(double every, const char *folder, bool as_json);

/* ---- what is wrong ---------------------------------------------------------------------------- */

typedef enum level {
    NOTE,  /* to know */
    SLOW,  /* it works, slower than it could */
    BROKEN /* something does not work */
} level;

typedef struct finding {
    level level;
    const char *id;                        /* "driver-too-old": stays what it is called */
    char text[SENTENCE], remedy[SENTENCE]; /* a sentence each */
} finding;

typedef struct findings {
    finding at[MAX_FINDINGS];
    int count;
} findings;

/* judge_*.c, in the order of what to see to first. */
void judge(const facts *f, findings *out);
void judge_gpus(const facts *f, findings *out);
void judge_host(const facts *f, findings *out);
void judge_variables(const facts *f, findings *out);

/* One more; text and remedy are parted by the last '|' of the sentence. */
void find(findings *out, level l, const char *id, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* What the variables that are set mean to Tenon: NULL past the last. */
typedef struct variable {
    const char *name, *means;
} variable;
extern const variable variables[];

/* ---- telling ---------------------------------------------------------------------------------- */

const char *level_name(level l);
const char *library_state_name(library_state s);
void tell_text(const facts *f, const findings *found);
void tell_json(const facts *f, const findings *found);
void gpu_json(json *j, const gpu_facts *g); /* its name and what changes */
void json_maybe(json *j, const char *name,
                double number); /* below 0: null; whole numbers exactly */
void clock_reasons(int64_t reasons, char text[WORDS]);

/* ---- NVML (nvml.c) ---------------------------------------------------------------------------- */

/* Opens it once; then looks at each GPU anew. It makes no CUDA context. */
void nvml_look(gpus_facts *g);
/* How GPUs reach each other, which does not change. */
void nvml_look_at_links(gpus_facts *g);

/* libraries.c: a library of that file name, where Tenon looks for those of CUDA; NULL. `where`: the file. */
void *library_open(const char *file, char where[DOCTOR_PATH]);
/* Its function, or NULL. */
typedef void (*library_function)(void);
library_function library_find(void *library, const char *name);

#endif
