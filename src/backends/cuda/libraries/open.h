/*
 * How a library is found and opened.
 *
 * Looked for in the folders of $TENON_CUDA_LIBS (parted by ":"), then where the dynamic linker looks, then in
 * the folders that NVIDIA's installers and Linux distributions use.
 */
#ifndef TN_CUDA_OPEN_H
#define TN_CUDA_OPEN_H

#include "base/base.h"

/* A function of the library's, and where its address goes. */
typedef struct tn_library_entry {
    const char *name;
    void (**function)(void);
} tn_library_entry;

/* Opens `file` ("libcudnn.so.9") and finds all entries, whose table ends at a NULL name. `needed` says in
 * the message which versions do: "cuDNN 9.8 to 9.x". */
tn_status tn_library_open(const char *file, const char *needed, const tn_library_entry *entries);

#endif
