/**
 * @file
 * Tenon: train and ship neural networks in C. This header includes all the others.
 *
 * Threads: an object is one thread's at a time, and different objects may be used at once, but for what hangs together:
 * plans share the device that they are on. Sets of images never change. Each header says it of its own.
 */
#ifndef TENON_TENON_H
#define TENON_TENON_H

#include <tenon/build.h>
#include <tenon/check.h>
#include <tenon/checkpoint.h>
#include <tenon/custom.h>
#include <tenon/data.h>
#include <tenon/device.h>
#include <tenon/eval.h>
#include <tenon/graph.h>
#include <tenon/infer.h>
#include <tenon/layers.h>
#include <tenon/model.h>
#include <tenon/nonfinite.h>
#include <tenon/npy.h>
#include <tenon/optim.h>
#include <tenon/optimise.h>
#include <tenon/options.h>
#include <tenon/plan.h>
#include <tenon/profile.h>
#include <tenon/quantise.h>
#include <tenon/queue.h>
#include <tenon/run.h>
#include <tenon/runs.h>
#include <tenon/shapes.h>
#include <tenon/source.h>
#include <tenon/status.h>
#include <tenon/tensor.h>
#include <tenon/text.h>
#include <tenon/tune.h>
#include <tenon/weights.h>

#endif
