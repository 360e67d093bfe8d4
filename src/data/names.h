/*
 * What the names of files and folders say about what is in them.
 */
#ifndef TN_NAMES_H
#define TN_NAMES_H

#include <stdbool.h>

/* The ending is one that files have which the decoder reads (image.h), in any case. */
bool tn_name_is_image(const char *name);

/* A folder that a system or program makes for itself among a user's: thumbnails, deleted files, what is
 * beside each file in an archive of another system. */
bool tn_name_is_of_system(const char *name);

/* A folder named as one part of a set, not as a class is: "train" and its like, or what is tested on. */
bool tn_name_is_train(const char *name);
bool tn_name_is_test(const char *name);

#endif
