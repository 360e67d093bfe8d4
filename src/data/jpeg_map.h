/*
 * A map of a baseline JPEG file: where in its data columns and rows of MCUs begin, and what DC was there. With it a
 * rectangle of the picture is decoded without the rest, which Huffman codes else do not allow: libjpeg is given a small
 * file made of the rectangle's data (tn_jpeg_cut_out).
 *
 * The data of a rectangle's rows are put one behind the other. DC is coded as the difference to the block before, so in the
 * first MCU of each row the differences are written anew, with a code added to the table where it had none for one.
 *
 * A map is only made of a file all of whose data make sense to the end; libjpeg finds nothing wrong with such a file.
 */
#ifndef TN_JPEG_MAP_H
#define TN_JPEG_MAP_H

#include "base/digest.h"
#include "data/jpeg_scan.h"

enum { TN_JPEG_STOPS = 16, TN_JPEG_STOP_PIXELS = 32 };

typedef struct tn_jpeg_map {
    size_t bytes;   /* of the map */
    tn_digest file; /* of all bytes of the file */
    int rows;       /* of MCUs; 0: the file is none of which a map can be made */
    int across;     /* stops in a row, TN_JPEG_STOPS at most, and its end */
    int every;      /* MCUs from one stop to the next */
    int components;
    uint32_t place
        []; /* of each stop, in bits; behind them of each stop, by component, what the next difference is one to */
} tn_jpeg_map;

static inline size_t tn_jpeg_stop(const tn_jpeg_map *map, int row, int stop)
{
    return (size_t)row * (size_t)map->across + (size_t)stop;
}

static inline const int16_t *tn_jpeg_stop_dc(const tn_jpeg_map *map, int row, int stop)
{
    const int16_t *dc = (const int16_t *)(map->place + tn_jpeg_stop(map, map->rows, 0));
    return dc + tn_jpeg_stop(map, row, stop) * (size_t)map->components;
}

/* Bytes of a map of such a scan. */
size_t tn_jpeg_map_bytes(const tn_jpeg_scan *scan);

/* Into room of so many bytes, all of it but `file`. Whether the data are whole; if not, its rows are 0. */
bool tn_jpeg_map_make(tn_jpeg_map *map, const tn_jpeg_scan *scan, const uint8_t *bytes,
                      size_t size);

/* Pixels of a picture, the last ones not included. */
typedef struct tn_jpeg_cut {
    int left, top, right, bottom;
} tn_jpeg_cut;

/* The smallest cut that the map knows and `cut` lies in. */
tn_jpeg_cut tn_jpeg_cut_round(const tn_jpeg_map *map, const tn_jpeg_scan *scan, tn_jpeg_cut cut);

/* Bytes that the file of a rounded cut may take. */
size_t tn_jpeg_cut_bytes(const tn_jpeg_map *map, const tn_jpeg_scan *scan, tn_jpeg_cut cut);

/* Writes that file, but for the tables that it is written with and its having no restarts: libjpeg gets those by
 * tn_jpeg_scan_give(). `frame`: where in the file's header the size of the picture stands. Returns its bytes. */
size_t tn_jpeg_cut_out(const tn_jpeg_map *map, const tn_jpeg_scan *scan, const uint8_t *bytes,
                       size_t size, size_t frame, tn_jpeg_cut cut, uint8_t *out);

#endif
