/*
 * A small set of files and the same set lab_packed, for tests.
 */
#ifndef TN_LAB_PACKED_H
#define TN_LAB_PACKED_H

enum { LAB_SIDE = 24, LAB_COUNT = 12 };

/* Folders: 3 classes of 4 square images, which packing does not scale, and the same packed. */
extern char lab_root[1024], lab_packed[1024];

int lab_make_packed(void **state);
int lab_remove_packed(void **state);

#endif
