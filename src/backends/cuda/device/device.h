/*
 * The parts of backend.h's table that are in this folder, and what the others share with them.
 */
#ifndef TN_CUDA_DEVICE_H
#define TN_CUDA_DEVICE_H

#include "backends/cuda/device/cuda.h"
#include "backends/cuda/libraries/libraries.h"

/* driver.c: TN_ERR_DEVICE in a process that was forked from one that used CUDA. */
tn_status tn_cuda_check_process(const char *device);
/* Why cudaGetDeviceCount() found nothing, in one sentence without a full stop. */
void tn_cuda_why_no_device(cudaError_t e, char *why, size_t size);

/* device.c: the device is lost, by something that ran before the call that tells. */
bool tn_cuda_is_lost(cudaError_t e);

/* Makes the device this thread's: everything that begins a sequence of calls does. */
tn_status tn_cuda_use(const tn_backend_device *d);

/* kernels.c: so that none is loaded later. */
tn_status tn_cuda_load_kernels(const tn_backend_device *d);

/* Waits for the stream, or if there is one for the event, as long as a group of the device's is patient: in
 * front of a call that waits, which would wait for ever for a member that does not come. */
tn_status tn_cuda_settle(tn_backend_device *d, cudaStream_t stream, cudaEvent_t event);

/* Waits for all that was asked of the device. */
tn_status tn_cuda_wait(tn_backend_device *d);

/* options.c */
tn_status tn_cuda_read_options(const char *text, tn_cuda_opts *out);

/* rates.c */
tn_status tn_cuda_rates(const tn_backend_device *d, tn_precision precision, double *flops,
                        double *bytes);

/* inlet.c */
tn_status tn_cuda_host_alloc(tn_backend_device *d, size_t bytes, void **out);
void tn_cuda_host_free(tn_backend_device *d, void *p);
tn_status tn_cuda_inlet_create(tn_backend_device *d, void *to, void *stage, size_t bytes,
                               void **inlet);
tn_status tn_cuda_inlet_push(void *inlet, const void *host);
void tn_cuda_inlet_destroy(void *inlet);

/* surface.c */
tn_status tn_cuda_surface_fit(tn_backend_device *d, const tn_surface_cut *c, uint8_t *rgb);
void tn_cuda_surface_close(tn_backend_device *d);

/* capture.c */
tn_status tn_cuda_capture_begin(tn_backend_device *d);
tn_status tn_cuda_capture_end(tn_backend_device *d, bool keep, void **recording, char *why,
                              size_t size);
tn_status tn_cuda_replay(tn_backend_device *d, void *recording);
void tn_cuda_recording_destroy(tn_backend_device *d, void *recording);

/* stamps.c */
tn_status tn_cuda_stamp(tn_backend_device *d, tn_lane lane, int slot, const char *begins);
tn_status tn_cuda_stamp_time(tn_backend_device *d, int slot, double *seconds);
void tn_cuda_stamps_close(tn_backend_device *d);

/* beside.c */
tn_status tn_cuda_mark(tn_backend_device *d, int mark);
tn_status tn_cuda_await(tn_backend_device *d, int mark);

/* layout.c */
void tn_cuda_free_layouts(tn_backend_device *d);
tn_status tn_cuda_view_layout(tn_backend_device *d, const tn_shape *x, const tn_layout *from,
                              const tn_layout **out);

#endif
