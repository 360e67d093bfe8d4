/*
 * A profile: what base/trace.h gathers, and the sums by layer.
 */
#ifndef TN_PROFILE_H
#define TN_PROFILE_H

#include <tenon/profile.h>

#include "base/base.h"
#include "base/trace.h"

struct tn_profile {
    tn_trace_store store;
    tn_profile_layer *layer;
    int layers;
};

#endif
