/*
 * libtenon-infer is the same sources compiled with TN_INFER, and without what engines have no use for: a table of functions
 * names such by TN_BACKWARD(), or TN_OF_WHOLE() if it is something else, and the compiler finds that nobody calls them; other
 * code asks TN_WHOLE.
 */
#ifndef TN_WHOLE_H
#define TN_WHOLE_H

#include <stddef.h>

#ifdef TN_INFER
enum { TN_WHOLE = 0 };
#define TN_OF_WHOLE(f) (0 ? (f) : NULL)
#else
enum { TN_WHOLE = 1 };
#define TN_OF_WHOLE(f) (f)
#endif
#define TN_BACKWARD(f) TN_OF_WHOLE(f)

#endif
