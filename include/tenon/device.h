/**
 * @file
 * Devices: what a plan runs on.
 */
#ifndef TENON_DEVICE_H
#define TENON_DEVICE_H

#include <tenon/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/** One device and its memory. Safe to use from one thread at a time. */
typedef struct tn_device tn_device;

/**
 * Open a device.
 *
 * @param name  A backend, then optionally ":" and an index, then optionally options that each begin
 *              with a comma: "cpu", "cpu,threads=2", "cuda:0". NULL takes the first GPU there is,
 *              else the CPU; tn_device_describe() says which it was. Anything named and not there is
 *              an error: nothing falls back silently.
 *              Options of "cpu": threads=N (default: what OMP_NUM_THREADS says, else every core).
 * @return      TN_ERR_ARGUMENT if the name or an option is malformed; TN_ERR_UNSUPPORTED if this
 *              build has no such backend (tn_error() lists those it has); TN_ERR_DEVICE if the
 *              backend has no such device; TN_ERR_MEMORY.
 */
TN_API tn_status tn_device_open(tn_device **out, const char *name);
TN_API void tn_device_close(tn_device *device); /* NULL is fine */

/** @return "cpu", "cuda:0", ...: a name that opens the same device again; lives as long as it. */
TN_API const char *tn_device_name(const tn_device *device);

/** @return one line for a program's banner: model, threads, libraries with versions. */
TN_API const char *tn_device_describe(const tn_device *device);

#ifdef __cplusplus
}
#endif
#endif
