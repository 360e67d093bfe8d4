/*
 * NCCL's functions, passed on to libnccl.so.2. The compiler checks the list against nccl.h: each line defines
 * a function that is declared there.
 */
#include <nccl.h>
#include <pthread.h>

#include "backends/cuda/libraries/libraries.h"
#include "backends/cuda/libraries/open.h"

/* clang-format off */
#define FUNCTIONS(X) \
    X(ncclResult_t, ncclGetVersion, (int *version), (version)) \
    X(ncclResult_t, ncclGetUniqueId, (ncclUniqueId *id), (id)) \
    X(ncclResult_t, ncclCommInitRankConfig, \
      (ncclComm_t *comm, int ranks, ncclUniqueId id, int rank, ncclConfig_t *config), \
      (comm, ranks, id, rank, config)) \
    X(ncclResult_t, ncclCommFinalize, (ncclComm_t comm), (comm)) \
    X(ncclResult_t, ncclCommDestroy, (ncclComm_t comm), (comm)) \
    X(ncclResult_t, ncclCommAbort, (ncclComm_t comm), (comm)) \
    X(const char *, ncclGetErrorString, (ncclResult_t result), (result)) \
    X(const char *, ncclGetLastError, (ncclComm_t comm), (comm)) \
    X(ncclResult_t, ncclCommGetAsyncError, (ncclComm_t comm, ncclResult_t *state), (comm, state)) \
    X(ncclResult_t, ncclAllReduce, \
      (const void *from, void *to, size_t count, ncclDataType_t type, ncclRedOp_t op, ncclComm_t comm, \
       cudaStream_t stream), (from, to, count, type, op, comm, stream)) \
    X(ncclResult_t, ncclBroadcast, \
      (const void *from, void *to, size_t count, ncclDataType_t type, int root, ncclComm_t comm, \
       cudaStream_t stream), (from, to, count, type, root, comm, stream))

#define POINTER(type, name, parameters, arguments) type (*name) parameters;
static struct {
    FUNCTIONS(POINTER)
} nccl;

#define PASS_ON(type, name, parameters, arguments) type name parameters { return nccl.name arguments; }
FUNCTIONS(PASS_ON)

#define ENTRY(type, name, parameters, arguments) {#name, (void (**)(void))(void *)&nccl.name},
static const tn_library_entry entries[] = {
    FUNCTIONS(ENTRY)
    {NULL, NULL},
};
/* clang-format on */

static tn_status open_library(void)
{
    const char *const needed = "NCCL 2.19 to 2.x, for several GPUs,";
    int version = 0;
    TN_TRY(tn_library_open("libnccl.so.2", needed, entries));
    const ncclResult_t r = ncclGetVersion(&version);
    if (r != ncclSuccess || version < NCCL_VERSION(2, 19, 0) || version >= NCCL_VERSION(3, 0, 0))
        return tn_fail(TN_ERR_DEVICE, "%s is needed, and libnccl.so.2 is %d.%d.%d", needed,
                       version / 10000, version / 100 % 100, version % 100);
    return TN_OK;
}

tn_status tn_library_nccl(void)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static bool ready;
    pthread_mutex_lock(&lock);
    const tn_status status = ready ? TN_OK : open_library();
    ready = status == TN_OK;
    pthread_mutex_unlock(&lock);
    return status;
}
