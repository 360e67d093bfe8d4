/*
 * Sets for tests of the doctor: written to a folder, ill or not.
 */
#ifndef TN_LAB_CHECK_H
#define TN_LAB_CHECK_H

#include <tenon/check.h>

#include "lab_image.h"

enum { SIDE = 72, PER_CLASS = 24, VAL = 6, SIZE = 64 };

extern const char *
    lab_folder; /* that names are relative to; made by lab_make_clean() or the test, removed by the test */

/* As lab_path(). */
const char *lab_at(const char *name);

/* Some boxes of some colours on a slope, other ones for each number. */
uint8_t *lab_draw(uint64_t number, int width, int height);

/* A drawing; 0 x 0: SIDE x SIDE. */
void lab_write_jpeg(const char *name, uint64_t number, lab_jpeg_opts how);
void lab_write_ppm(const char *name, const uint8_t *rgb, int width, int height);
void lab_copy_file(const char *from, const char *to);

/* A folder of so many drawings from that number on, 000.jpg and so forth. */
void lab_make_class(const char *name, uint64_t number, int count, lab_jpeg_opts how);
/* train/{ape,bee,cat} of PER_CLASS drawings each, and val/ of VAL: numbers from 0, 1000, 2000 on, and 500 more in val. */
void lab_make_clean(void);

typedef struct lab_patient {
    tn_dataset *train, *val;
    tn_check *check;
} lab_patient;

void lab_open_sets(lab_patient *p);
/* The check of both for SIZE pixels; the sets are closed. */
lab_patient lab_check(int threads);
void lab_print_findings(const tn_check *c);

#endif
