/*
 * Caffe's solvers: how a net is trained, and which.
 */
#ifndef TN_CAFFE_SOLVER_H
#define TN_CAFFE_SOLVER_H

#include "caffe/import.h"

bool tn_caffe_is_solver(const tn_proto *solver);
/* Its words as "tenon.recipe", and a notice of what it says besides. @return TN_ERR_UNSUPPORTED naming what Tenon has not */
tn_status tn_caffe_read_solver(tn_caffe *c, const tn_proto *solver);
/* After the net is read: how many images a step of its training has. */
tn_status tn_caffe_say_batch(tn_caffe *c);

/* The net that lies in it; or the path that it names, NULL: none. */
bool tn_caffe_net_inside(const tn_proto *solver, tn_proto *net);
const char *tn_caffe_net_named(tn_caffe *c, const tn_proto *solver);

#endif
