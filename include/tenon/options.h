/**
 * @file
 * How options are said.
 *
 * Options are structs by name, `&(tn_conv2d_opts){.filters = 64, .kernel = {3}, .pad = {1}}`. C++ gives a variable that
 * name: `tn_conv2d_opts conv = {};` and then field by field, from C++20 on `= {.filters = 64, .kernel = {3}}`. A field that
 * is left out is 0, and
 *
 *  - 0 is the default: where the default is 0 itself, as of a pad or a dropout rate, it means what it says;
 *  - where 0 is legal but not the default, as of Adam's beta1, TN_ZERO says it: `.beta1 = TN_ZERO`. It is taken for 0
 *    wherever 0 is legal, so a number that was computed can be given as `.beta1 = TN_EXACTLY(b)`;
 *  - of a pair {vertical, horizontal} a second number left 0 repeats the first where 0 is not legal: `.kernel = {3}` is
 *    3 x 3. A pad repeats if the kernel was given as one number too: `.kernel = {3}, .pad = {1}` pads all around,
 *    `.kernel = {3, 3}, .pad = {1}` above and below.
 *
 * No struct has its size or a version in it: a program and the library that it runs with always agree on what they look
 * like, for a struct of options changes with the number in the library's name alone, libtenon.so.0.3 after libtenon.so.0.2.
 * New fields come last. (Tables that a program registers do say which version they are of: <tenon/sys/op.h>.)
 *
 * Threads: values alone.
 */
#ifndef TENON_OPTIONS_H
#define TENON_OPTIONS_H

#include <limits.h>

/** 0, in a field whose default is another number. No field has use for the number that it is. */
#define TN_ZERO INT_MIN

/** x, whatever it is, 0 included; x is evaluated twice. */
#define TN_EXACTLY(x) ((x) == 0 ? TN_ZERO : (x))

#endif
