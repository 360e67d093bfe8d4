/*
 * Elements of device memory, of any type and any distance, to floats and back.
 */
#ifndef TN_SIM_NUMBERS_H
#define TN_SIM_NUMBERS_H

#include <cudnn.h>
#include <stddef.h>
#include <stdint.h>

/* 0 if it is none that the simulation knows. */
size_t tn_sim_bytes_of(cudnnDataType_t type);

/* n elements of an array, number `first` and every `step`th after it. */
void tn_sim_load(cudnnDataType_t type, const void *array, int64_t first, int64_t step, int64_t n,
                 float *out);
/* Halves are rounded to the nearest, even if there are two; integers too, and kept within their range. */
void tn_sim_store(cudnnDataType_t type, void *array, int64_t first, int64_t step, int64_t n,
                  const float *in);

/* What is left of floats in an arithmetic of fewer bits: 10 of mantissa for TF32, or those of a type. */
void tn_sim_round_tf32(float *x, int64_t n);
float tn_sim_round_to(cudnnDataType_t type, float x);

#endif
