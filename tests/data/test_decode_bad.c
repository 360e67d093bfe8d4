/*
 * What is no valid image is refused with its name and a reason: never a crash, a hang, a huge
 * allocation or half an image.
 */
/* mkfifo is POSIX. */
#define _XOPEN_SOURCE 700

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "data/image.h"
#include "lab.h"
#include "lab_image.h"

enum { WIDTH = 90, HEIGHT = 70 };

/* Opens and, if that works, reads all of it. */
static tn_status decode(tn_decoder *d, lab_bytes file)
{
    uint8_t rgb[3 * 16 * 16];
    int w, h;
    TN_TRY(tn_decoder_open_memory(d, "that file", file.data, file.size, &w, &h));
    TN_TRY(tn_decoder_read(d, &(tn_box){0, 0, w, h}, false, 16, 16, rgb));
    return tn_decoder_judge(d);
}

static lab_bytes text(const char *bytes, size_t size)
{
    lab_bytes b = {malloc(size), size};
    memcpy(b.data, bytes, size);
    return b;
}

static lab_bytes jpeg(bool progressive, int restart)
{
    return lab_jpeg(&(lab_jpeg_opts){.width = WIDTH,
                                     .height = HEIGHT,
                                     .across = progressive || restart ? 2 : 1,
                                     .progressive = progressive,
                                     .restart = restart});
}

static lab_bytes patched(lab_bytes b, size_t at, const char *bytes, size_t count)
{
    if (b.data)
        memcpy(b.data + at, bytes, count);
    return b;
}

static lab_bytes cut(lab_bytes b, size_t size)
{
    b.size = size;
    return b;
}

#ifdef TN_HAVE_JPEG
static lab_bytes separate(void)
{
    return lab_jpeg(&(lab_jpeg_opts){.width = WIDTH, .height = HEIGHT, .separate = true});
}

/* The end-of-image marker is put back after what is left. */
static lab_bytes cut_and_ended(lab_bytes b)
{
    return b.data ? patched(cut(b, b.size * 6 / 10), b.size * 6 / 10 - 2, "\xFF\xD9", 2) : b;
}

/* The first scan again and again. */
static lab_bytes many_scans(lab_bytes b, size_t count)
{
    size_t scan = 2, end;
    while (b.data[scan] != 0xFF || b.data[scan + 1] != 0xDA)
        scan++;
    for (end = scan + 2; b.data[end] != 0xFF || b.data[end + 1] == 0; end++)
        continue;
    const size_t length = end - scan;
    const lab_bytes more = {malloc(b.size + count * length), b.size + count * length};
    memcpy(more.data, b.data, scan);
    for (size_t i = 0; i < count; i++)
        memcpy(more.data + scan + i * length, b.data + scan, length);
    memcpy(more.data + scan + count * length, b.data + scan, b.size - scan);
    free(b.data);
    return more;
}
#endif

/* Offset of a JPEG's SOF marker: height and width follow 5 bytes on. */
static size_t frame_of(lab_bytes b)
{
    for (size_t i = 2; i + 1 < b.size; i++)
        if (b.data[i] == 0xFF && (b.data[i + 1] == 0xC0 || b.data[i + 1] == 0xC2))
            return i;
    fail_msg("no frame in a JPEG made by the test");
    return 0;
}

static lab_bytes huge_jpeg(void)
{
    const lab_bytes b = jpeg(false, 0);
    return patched(b, frame_of(b) + 5, "\x75\x30\x75\x30", 4);
}

static void broken_bytes_are_refused(void **state)
{
    (void)state;
    static const char scan_early[] = "\xFF\xD8\xFF\xDA";
    const struct {
        lab_bytes file;
        const char *reason, *why;
    } cases[] = {
        {text("", 0), "empty", "no bytes at all"},
        {text("P", 1), "that file", "one byte"},
        {text("This is no image, whatever its name says.\n", 42), "no image of a kind", "text"},
        {text("\xFF\xD8\xFF", 3), "that file: ", "only the start of a JPEG"},
        {text(scan_early, 4), "that file: ", "a scan without a frame"},
        {cut(jpeg(false, 0), 120), "that file: ", "cut in the header"},
        {cut(jpeg(false, 0), 1500), "ends early", "cut in the scan"},
#ifdef TN_HAVE_JPEG /* stb_image fills up */
        {cut_and_ended(jpeg(false, 0)), "that file: ", "data missing, end of image there"},
        {cut_and_ended(jpeg(true, 0)), "premature end", "the same, progressive"},
        {cut_and_ended(jpeg(false, 1)), "premature end", "the same, restart intervals"},
        {many_scans(separate(), 200), "more than 200 scans", "hours of work in a small file"},
#endif
        {huge_jpeg(), "30000 x 30000 pixels", "a JPEG bomb"},
        {cut(lab_png(WIDTH, HEIGHT, 3), 20), "end early", "PNG cut in the header"},
        {cut(lab_png(WIDTH, HEIGHT, 3), 3000), "end early", "PNG cut in its data"},
        {cut(lab_bmp(WIDTH, HEIGHT), 5000), "end early", "BMP, where stb_image fills up"},
        {text("P6 9 9 255\n123456789012345", 26), "end early", "PNM"},
    };
    tn_decoder *d;
    assert_ok(tn_decoder_create(&d));
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        if (!cases[i].file.data)
            continue;
        const tn_status status = decode(d, cases[i].file);
        if (status != TN_ERR_FORMAT || !strstr(tn_error(), cases[i].reason) ||
            !strstr(tn_error(), "that file"))
            fail_msg("%s: %s: %s", cases[i].why, tn_status_text(status), tn_error());
        /* A decoder goes on after a failure. */
        const lab_bytes good = i % 2 ? lab_png(WIDTH, HEIGHT, 3) : jpeg(false, 0);
        assert_ok(decode(d, good));
        free(good.data);
        free(cases[i].file.data);
    }
    tn_decoder_destroy(d);
}

/* Each byte of a scan is damaged in turn. Many a change gives a picture that no decoder can tell from
 * a meant one; what is tested is that nothing breaks and that a good file decodes as before. */
static void damage_leaves_the_decoder_whole(void **state)
{
    (void)state;
    tn_decoder *d;
    assert_ok(tn_decoder_create(&d));
    int refused = 0, tried = 0;
    for (int kind = 0; kind < 3; kind++) {
        lab_bytes file = kind == 2 ? lab_png(WIDTH, HEIGHT, 3) : jpeg(kind == 1, 0);
        for (size_t at = 2; file.data && at < file.size; at += 37, tried++) {
            file.data[at] ^= 0x55;
            refused += decode(d, file) == TN_ERR_FORMAT;
            file.data[at] ^= 0x55;
        }
        if (file.data)
            assert_ok(decode(d, file));
        free(file.data);
    }
    assert_in_range(refused, tried / 4, tried - 1);
    tn_decoder_destroy(d);
}

static void only_regular_files_are_opened(void **state)
{
    (void)state;
    const char *folder = lab_make_folder();
    char fifo[512], missing[512], empty[512];
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(fifo, sizeof fifo, "%s/fifo", folder);
    snprintf(missing, sizeof missing, "%s/missing.jpg", folder);
    snprintf(empty, sizeof empty, "%s/empty.jpg", folder);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    fclose(fopen(empty, "wb"));
    const int server = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_in_range(snprintf(address.sun_path, sizeof address.sun_path, "%s/socket", folder), 1,
                    sizeof address.sun_path - 1);
    assert_int_equal(bind(server, (const struct sockaddr *)&address, sizeof address), 0);
    const struct {
        const char *path;
        tn_status status;
        const char *reason;
    } cases[] = {
        {fifo, TN_ERR_IO, "not a regular file"},   {folder, TN_ERR_IO, "not a regular file"},
        {"/dev/zero", TN_ERR_IO, "not a regular"}, {address.sun_path, TN_ERR_IO, "socket: "},
        {missing, TN_ERR_IO, "No such file"},      {empty, TN_ERR_FORMAT, "empty"},
    };
    tn_decoder *d;
    int w, h;
    assert_ok(tn_decoder_create(&d));
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        assert_fails(tn_decoder_open(d, cases[i].path, &w, &h), cases[i].status, cases[i].reason);
        assert_non_null(strstr(tn_error(), cases[i].path));
    }
    close(server);
    tn_decoder_destroy(d);
    lab_remove(folder);
}

static void a_file_too_large_is_refused(void **state)
{
    (void)state;
    const char *folder = lab_make_folder();
    char path[512];
    snprintf(path, sizeof path, "%s/large.jpg", folder);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(ftruncate(fileno(f), (off_t)TN_IMAGE_MAX_BYTES + 1), 0); /* takes no room */
    fclose(f);
    tn_decoder *d;
    int w, h;
    assert_ok(tn_decoder_create(&d));
    assert_fails(tn_decoder_open(d, path, &w, &h), TN_ERR_FORMAT, "536870913 bytes are more than");
    tn_decoder_destroy(d);
    lab_remove(folder);
}

static void wrong_calls_are_refused(void **state)
{
    (void)state;
    static const struct {
        tn_box box;
        int width, height;
        const char *why;
    } cases[] = {
        {{0, 0, 0, 10}, 8, 8, "no width"},
        {{0, 0, 10, -1}, 8, 8, "negative height"},
        {{-0.1, 0, 10, 10}, 8, 8, "left of the image"},
        {{0, 60.5, 10, 10}, 8, 8, "below the image"},
        {{0, 0, 0.0 / 1, 1e300}, 8, 8, "huge"},
        {{0, 0, 10, 10}, 0, 8, "nothing to write"},
        {{0, 0, 10, 10}, 8, -8, "less than nothing to write"},
    };
    uint8_t rgb[3 * 8 * 8];
    const lab_bytes file = lab_png(WIDTH, HEIGHT, 3);
    tn_decoder *d;
    int w, h;
    assert_ok(tn_decoder_create(&d));
    assert_fails(tn_decoder_read(d, &(tn_box){0, 0, 1, 1}, false, 8, 8, rgb), TN_ERR_ARGUMENT,
                 "without an image");
    assert_ok(tn_decoder_open_memory(d, "that file", file.data, file.size, &w, &h));
    for (size_t i = 0; i < TN_COUNT(cases); i++)
        if (tn_decoder_read(d, &cases[i].box, false, cases[i].width, cases[i].height, rgb) !=
            TN_ERR_ARGUMENT)
            fail_msg("%s: not refused", cases[i].why);
    tn_decoder_destroy(d);
    free(file.data);
}

/* Every kind of file through one decoder: upright, turned, by stb_image. */
static tn_status decode_all(void *files)
{
    const lab_bytes *file = files;
    tn_decoder *d;
    TN_TRY(tn_decoder_create(&d));
    tn_status status = TN_OK;
    for (int i = 0; i < 3 && status == TN_OK; i++)
        status = decode(d, file[i]);
    tn_decoder_destroy(d);
    return status;
}

static void survives_no_memory(void **state)
{
    (void)state;
    lab_bytes files[3] = {lab_jpeg(&(lab_jpeg_opts){.width = 40, .height = 30}),
                          lab_jpeg(&(lab_jpeg_opts){.width = 40, .height = 300, .orientation = 6}),
                          lab_png(30, 20, 3)};
    assert_true(lab_fail_each_allocation(decode_all, files) > 10);
    for (int i = 0; i < 3; i++)
        free(files[i].data);
}

static void odd_files_of_the_world(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int width, height;  /* 0: refused */
        const char *reason; /* why it is refused */
        double likeness;    /* rmse to the first file, of the same photo; 0: not compared */
    } cases[] = {
        {"00_baseline.jpg", 300, 500, NULL},
        {"05_progressive.jpg", 300, 500, NULL, 4},
        {"06_grey.jpg", 300, 500, NULL},
        {"10_cmyk_adobe.jpg", 300, 500, NULL, 4},
        {"11_exif_orient_6.jpg", 500, 300, NULL},
        {"20_truncated_half.jpg", 0, 0, "ends early"},
        {"22_truncated_in_header.jpg", 0, 0, "22_truncated_in_header.jpg: "},
#ifdef TN_HAVE_JPEG
        {"26_bitflips_scan.jpg", 0, 0, "more of them than there are pixels"},
#else
        {"26_bitflips_scan.jpg", 0, 0, "broken JPEG"},
#endif
        {"33_zero_bytes.jpg", 0, 0, "empty"},
        {"34_text_file.jpg", 0, 0, "no image of a kind"},
        {"40_png_named.jpg", 300, 500, NULL, 4},
        {"45_jpeg_named.png", 300, 500, NULL, 4},
        {"52_palette.png", 300, 500, NULL, 12},
        {"53_rgba.png", 300, 500, NULL, 4},
        {"57_grey16.png", 300, 500, NULL},
        {"58_rgb16.png", 300, 500, NULL, 4},
        {"60_png_truncated.png", 0, 0, "end early"},
        {"73_17x13.jpg", 17, 13, NULL},
#ifdef TN_HAVE_GIF
        {"80_animated.gif", 200, 150, NULL},
#endif
    };
    lab_need_data("odd-sample");
    enum { N = 64 };
    uint8_t *first = malloc(3 * N * N), *rgb = malloc(3 * N * N);
    tn_decoder *d;
    assert_ok(tn_decoder_create(&d));
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        char name[128];
        int w, h;
        snprintf(name, sizeof name, "odd-sample/%s", cases[i].name);
        tn_status status = tn_decoder_open(d, lab_data(name), &w, &h);
        if (status == TN_OK)
            status = tn_decoder_read(d, &(tn_box){0, 0, w, h}, false, N, N, i ? rgb : first);
        if (status == TN_OK)
            status = tn_decoder_judge(d);
        if (!cases[i].width) {
            if (status != TN_ERR_FORMAT || !strstr(tn_error(), cases[i].reason))
                fail_msg("%s: %s: %s", cases[i].name, tn_status_text(status), tn_error());
            continue;
        }
        if (status != TN_OK)
            fail_msg("%s: %s", cases[i].name, tn_error());
        assert_int_equal(w, cases[i].width);
        assert_int_equal(h, cases[i].height);
        double sum = 0;
        for (int k = 0; k < 3 * N * N; k++)
            sum += (double)(rgb[k] - first[k]) * (rgb[k] - first[k]);
        if (cases[i].likeness > 0 && sum > cases[i].likeness * cases[i].likeness * 3 * N * N)
            fail_msg("%s: unlike the same photo: mean square %g", cases[i].name, sum / (3 * N * N));
    }
    tn_decoder_destroy(d);
    free(first);
    free(rgb);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(broken_bytes_are_refused),
        cmocka_unit_test(damage_leaves_the_decoder_whole),
        cmocka_unit_test(only_regular_files_are_opened),
        cmocka_unit_test(a_file_too_large_is_refused),
        cmocka_unit_test(wrong_calls_are_refused),
        cmocka_unit_test(survives_no_memory),
        cmocka_unit_test(odd_files_of_the_world),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
