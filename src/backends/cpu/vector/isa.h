/*
 * Code that is compiled once for each set of instructions: every file named code.c or *_code.c below this folder's
 * parent, by one loop in CMakeLists.txt, which defines TN_ISA (portable, avx2 or avx512) and TN_ISA_PORTABLE,
 * TN_ISA_AVX2 or TN_ISA_AVX512. Such a file sets its numbers for each, LANES among them, and defines one table of
 * functions a set, whose name ends in it: TN_OF_ISA(tn_wino) is tn_wino_avx2. Which one runs is decided when it
 * does, by tn_cpu_isa_here().
 */
#ifndef TN_CPU_ISA_H
#define TN_CPU_ISA_H

#include "base/whole.h"

#define TN_ISA_JOIN(name, isa) name##_##isa
#define TN_ISA_EXPAND(name, isa) TN_ISA_JOIN(name, isa)
#define TN_OF_ISA(name) TN_ISA_EXPAND(name, TN_ISA)
#define TN_ISA_TEXT(isa) #isa
#define TN_ISA_QUOTE(isa) TN_ISA_TEXT(isa)
#define TN_ISA_NAME TN_ISA_QUOTE(TN_ISA) /* "avx2" */

#endif
