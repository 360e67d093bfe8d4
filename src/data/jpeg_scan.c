#include "data/jpeg_scan.h"

#ifdef TN_HAVE_JPEG

/* jpeglib.h wants stdio.h before it. */
/* clang-format off */
#include <stdio.h>
#include <jpeglib.h>
/* clang-format on */

#include <string.h>

#include "base/base.h"

enum { LONGEST = 16, END_OF_BLOCK = 64, ZEROS = 0xF0 };

static uint16_t step_of(bool ac, int length, int symbol)
{
    if (!ac)
        return (uint16_t)(length | symbol << 8);
    const int run = symbol >> 4, size = symbol & 15;
    const int on = size || symbol == ZEROS ? run + 1 : END_OF_BLOCK;
    return (uint16_t)((length + size) | on << 8);
}

/* Codes follow each other by length, and a longer one begins where the shorter ones end.   Source: ITU-T T.81, annex C.
 * Whether they do, none of them all ones. */
static bool read_codes(tn_jpeg_codes *codes, const JHUFF_TBL *table, bool ac)
{
    int code = 0, place = 0;
    memset(codes->look, 0, sizeof codes->look);
    for (int length = 1; length <= LONGEST; length++, code *= 2) {
        codes->place[length] = place - code;
        if (place + table->bits[length] > 256 || code + table->bits[length] >= 1 << length)
            return false;
        for (int i = 0; i < table->bits[length]; i++, code++, place++) {
            const uint8_t symbol = table->huffval[place];
            if (!ac && symbol >= 16)
                return false;
            codes->step[place] = step_of(ac, length, symbol);
            const int spare = TN_JPEG_LOOK - length;
            for (int k = 0; spare >= 0 && k < 1 << spare; k++)
                codes->look[(code << spare) + k] = codes->step[place];
        }
        codes->end[length] = code;
    }
    return true;
}

/* Codes of 16 bits for the categories that the table has none for. */
static bool complete(tn_jpeg_writing *w, const JHUFF_TBL *table)
{
    int code = 0, place = 0;
    memcpy(w->bits, table->bits, sizeof w->bits);
    memcpy(w->symbol, table->huffval, sizeof w->symbol);
    memset(w->length, 0, sizeof w->length);
    for (int length = 1; length <= LONGEST; length++, code *= 2) {
        for (int i = 0; i < table->bits[length]; i++, code++, place++) {
            const uint8_t symbol = w->symbol[place];
            if (symbol < TN_JPEG_CATEGORIES) {
                w->code[symbol] = (uint16_t)code;
                w->length[symbol] = (uint8_t)length;
            }
        }
    }
    code /= 2;
    for (int k = 0; k < TN_JPEG_CATEGORIES; k++) {
        if (w->length[k])
            continue;
        if (code >= (1 << LONGEST) - 1 || place == 256 || w->bits[LONGEST] == UINT8_MAX)
            return false;
        w->code[k] = (uint16_t)code++;
        w->length[k] = LONGEST;
        w->symbol[place++] = (uint8_t)k;
        w->bits[LONGEST]++;
    }
    return true;
}

static bool read_tables(tn_jpeg_scan *scan, const struct jpeg_decompress_struct *jpeg)
{
    bool dc_there[4] = {false}, ac_there[4] = {false};
    for (int i = 0; i < scan->components; i++) {
        const int dc = jpeg->cur_comp_info[i]->dc_tbl_no, ac = jpeg->cur_comp_info[i]->ac_tbl_no;
        if (dc < 0 || dc >= 4 || ac < 0 || ac >= 4)
            return false;
        const JHUFF_TBL *dc_table = jpeg->dc_huff_tbl_ptrs[dc],
                        *ac_table = jpeg->ac_huff_tbl_ptrs[ac];
        if (!dc_table || !ac_table)
            return false;
        if (!dc_there[dc] &&
            !(read_codes(&scan->dc[dc], dc_table, false) && complete(&scan->writing[dc], dc_table)))
            return false;
        if (!ac_there[ac] && !read_codes(&scan->ac[ac], ac_table, true))
            return false;
        dc_there[dc] = ac_there[ac] = true;
        scan->dc_of[i] = (uint8_t)dc;
        scan->ac_of[i] = (uint8_t)ac;
    }
    return true;
}

/* A scan of one component has MCUs of one block, whatever its sampling. */
static bool read_blocks(tn_jpeg_scan *scan, const struct jpeg_decompress_struct *jpeg)
{
    const bool alone = scan->components == 1;
    scan->mcu_width = alone ? DCTSIZE : jpeg->max_h_samp_factor * DCTSIZE;
    scan->mcu_height = alone ? DCTSIZE : jpeg->max_v_samp_factor * DCTSIZE;
    scan->blocks = 0;
    for (int i = 0; i < scan->components; i++) {
        const jpeg_component_info *part = jpeg->cur_comp_info[i];
        const int count = alone ? 1 : part->h_samp_factor * part->v_samp_factor;
        for (int k = 0; k < count; k++) {
            if (scan->blocks == TN_JPEG_BLOCKS)
                return false;
            scan->component[scan->blocks++] = (uint8_t)i;
        }
    }
    scan->columns = (scan->width + scan->mcu_width - 1) / scan->mcu_width;
    scan->rows = (scan->height + scan->mcu_height - 1) / scan->mcu_height;
    return true;
}

bool tn_jpeg_scan_read(tn_jpeg_scan *scan, const struct jpeg_decompress_struct *jpeg,
                       const uint8_t *bytes)
{
    if (jpeg->progressive_mode || jpeg->arith_code || jpeg->data_precision != 8 ||
        jpeg->comps_in_scan != jpeg->num_components || jpeg->comps_in_scan > TN_JPEG_COMPONENTS)
        return false;
    scan->begin = (size_t)(jpeg->src->next_input_byte - bytes);
    if (bytes[scan->begin - 1] == 0xFF) /* whether a 00 is data is seen from the byte before it */
        return false;
    scan->width = (int)jpeg->image_width;
    scan->height = (int)jpeg->image_height;
    scan->components = jpeg->comps_in_scan;
    if (!read_blocks(scan, jpeg) || jpeg->restart_interval % (unsigned)scan->columns != 0)
        return false;
    scan->restart_rows = (int)(jpeg->restart_interval / (unsigned)scan->columns);
    return read_tables(scan, jpeg);
}

void tn_jpeg_scan_give(const tn_jpeg_scan *scan, struct jpeg_decompress_struct *jpeg)
{
    jpeg->restart_interval = 0;
    for (int i = 0; i < scan->components; i++) {
        const int dc = scan->dc_of[i];
        memcpy(jpeg->dc_huff_tbl_ptrs[dc]->bits, scan->writing[dc].bits,
               sizeof scan->writing[dc].bits);
        memcpy(jpeg->dc_huff_tbl_ptrs[dc]->huffval, scan->writing[dc].symbol,
               sizeof scan->writing[dc].symbol);
    }
}

#endif
