#include "backends/cpu/device/team.h"

#include <omp.h>
#include <pthread.h>

#include "base/base.h"

static void *wait_for(void *gate)
{
    pthread_mutex_lock(gate);
    pthread_mutex_unlock(gate);
    return NULL;
}

/* *threads: how many of so many can be there at once, the calling one among them. */
static tn_status start_all(int *threads)
{
    pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
    const int count = *threads - 1;
    const size_t bytes = (size_t)count * sizeof(pthread_t);
    pthread_t *thread = tn_alloc(1, bytes);
    int started = 0;
    if (!thread)
        return tn_no_memory("cpu", bytes);
    pthread_mutex_lock(&gate);
    while (started < count && pthread_create(&thread[started], NULL, wait_for, &gate) == 0)
        started++;
    pthread_mutex_unlock(&gate);
    for (int i = 0; i < started; i++)
        pthread_join(thread[i], NULL);
    tn_free(thread);
    *threads = 1 + started;
    return TN_OK;
}

tn_status tn_team_measure(int *threads)
{
    if (*threads > 1)
        TN_TRY(start_all(threads));
    *threads = tn_team_size(*threads);
    return TN_OK;
}

int tn_team_size(int threads)
{
    const int dynamic = omp_get_dynamic();
    int size = 1;
    omp_set_dynamic(0);
#pragma omp parallel num_threads(threads)
#pragma omp master
    size = omp_get_num_threads();
    omp_set_dynamic(dynamic);
    return size;
}
