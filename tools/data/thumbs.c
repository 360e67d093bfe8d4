/*
 * tenon data thumbs: a set at a glance, as a page in one file or as a folder of small pictures; or, for a program that shows
 * pictures, one after the other as it asks for them.
 */
#define _POSIX_C_SOURCE 200809L /* mkdir, getdelim */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <tenon/tenon.h>

#include "../common/args.h"
#include "../common/html.h"
#include "../common/whole.h"
#include "data.h"
#include "set.h"

enum { PATH_BYTES = 4096, MOST = 1200 /* pictures, unless --each says how many */ };

static struct {
    const char *exclude, *out;
    int64_t side, each, quality;
    bool quiet, force;
} flags = {.side = 96, .quality = 80};

static const char about[] =
    "Makes small JPEG pictures of a set, upright and whole: of each class some that lie evenly in\n"
    "it. OUT that ends in .html is one page with all of them in it; any other OUT is a folder, "
    "where\n"
    "a picture is called by the numbers of its class and of its image in the set, 003-000123.jpg.\n"
    "What cannot be read is told, and has its reason on the page.\n\n"
    "SET that is - reads names of image files from stdin, each ended by a byte of 0, and answers\n"
    "each at once on stdout: a line \"ok WIDTH HEIGHT BYTES\" and so many bytes of JPEG, or a "
    "line\n"
    "\"error\" with why there is none.";

static const char more[] =
    "Exit status: 0; 1: no picture could be made, or OUT could not be written; 2: flags or a set\n"
    "that cannot be.\n\n"
    "Examples:\n"
    "  tenon data thumbs photos/train --out photos.html\n"
    "  tenon data thumbs photos/train --out thumbs --each 100000 --side 64\n"
    "  printf 'a.jpg\\0b.png\\0' | tenon data thumbs - --side 64";

static const arg options[] = {
    {ARG_TEXT, "out", "OUT", "the page or folder to write, also -o", &flags.out, 0, 0},
    {ARG_INT, "each", "N",
     "pictures of each class; default: 12, or as many as\nmake 1200 in all, but one at least",
     &flags.each, 1, 1e9},
    {ARG_INT, "side", "S", "pixels of the longer side", &flags.side, 8, 4096},
    {ARG_INT, "quality", "Q", "of the JPEG files", &flags.quality, 1, 100},
    ARG_EXCLUDE(&flags.exclude),
    {ARG_FLAG, "force", NULL, "write over a page or pictures that are there", &flags.force, 0, 0},
    {ARG_FLAG, "quiet", NULL, "only say what went wrong", &flags.quiet, 0, 0},
};

typedef struct job {
    const tn_dataset *set;
    int64_t *item;  /* all of the set, class by class */
    int64_t *first; /* [classes] where each begins among them */
    int64_t made, bad;
} job;

/* A picture, or why there is none. */
static bool make(job *j, int64_t item, tn_jpeg *jpeg)
{
    const tn_jpeg_opts opts = {.side = (int)flags.side, .quality = (int)flags.quality};
    const tn_status status = tn_dataset_jpeg(j->set, item, &opts, jpeg);
    if (status == TN_ERR_UNSUPPORTED || status == TN_ERR_MEMORY)
        run_fail("%s", tn_error());
    if (status != TN_OK)
        args_warn("%s", tn_error());
    j->made += status == TN_OK;
    j->bad += status != TN_OK;
    return status == TN_OK;
}

/* How many of a class are shown, and which they are: evenly among all of it. */
static int64_t shown(const job *j, int label)
{
    const int64_t of = tn_dataset_class_count(j->set, label);
    const int64_t few = MOST / tn_dataset_classes(j->set);
    const int64_t preset = few < 1 ? 1 : few > 12 ? 12 : few;
    const int64_t wanted = flags.each ? flags.each : preset;
    return wanted < of ? wanted : of;
}

static int64_t item_shown(const job *j, int label, int64_t i)
{
    return j->item[j->first[label] + i * tn_dataset_class_count(j->set, label) / shown(j, label)];
}

/* Items by their classes; `first` is each one's end until it was gone through backwards. */
static void sort_items(job *j)
{
    const int64_t count = tn_dataset_count(j->set);
    const int classes = tn_dataset_classes(j->set);
    j->item = malloc((size_t)count * sizeof *j->item);
    j->first = malloc((size_t)classes * sizeof *j->first);
    if (!j->item || !j->first)
        run_fail("no memory for the numbers of %lld images", (long long)count);
    int64_t end = 0;
    for (int c = 0; c < classes; c++)
        j->first[c] = end += tn_dataset_class_count(j->set, c);
    for (int64_t i = count - 1; i >= 0; i--)
        j->item[--j->first[tn_dataset_item_label(j->set, i)]] = i;
}

/* ---- a page ----------------------------------------------------------------------------------- */

static void show(job *j, html *h, int64_t item)
{
    const char *path = tn_dataset_item_path(j->set, item), *slash = strrchr(path, '/');
    tn_jpeg jpeg;
    html_write(h, "<figure title=\"%s\">", path);
    if (make(j, item, &jpeg))
        html_picture(h, "image/jpeg", jpeg.bytes, jpeg.size, path);
    else
        html_write(h, "<span class=\"tag bad\">cannot be read</span>");
    html_write(h, "<figcaption>%s</figcaption></figure>\n", slash ? slash + 1 : path);
    tn_jpeg_free(&jpeg);
}

static void write_page(job *j, const char *path)
{
    html h;
    char style[160];
    snprintf(style, sizeof style,
             ".shots figure { width: %dpx; } .shots img { width: %dpx; height: %dpx; }",
             (int)flags.side, (int)flags.side, (int)flags.side);
    html_begin(&h, flags.out, flags.force, path, style);
    html_write(&h, "<header><h1>%s</h1><p>%lld images of %d classes</p></header>\n", path,
               (long long)tn_dataset_count(j->set), tn_dataset_classes(j->set));
    for (int c = 0; c < tn_dataset_classes(j->set); c++) {
        const int64_t count = shown(j, c);
        html_write(
            &h,
            "<section><h2>%s <span class=\"quiet\">%lld of %lld</span></h2><div class=\"shots\">\n",
            tn_dataset_class_name(j->set, c), (long long)count,
            (long long)tn_dataset_class_count(j->set, c));
        for (int64_t i = 0; i < count; i++)
            show(j, &h, item_shown(j, c, i));
        html_write(&h, "</div></section>\n");
    }
    html_end(&h);
}

/* ---- a folder --------------------------------------------------------------------------------- */

static void write_picture(job *j, int label, int64_t item)
{
    char path[PATH_BYTES];
    tn_jpeg jpeg;
    whole file;
    if (!make(j, item, &jpeg))
        return;
    if (snprintf(path, sizeof path, "%s/%03d-%06lld.jpg", flags.out, label, (long long)item) >=
        (int)sizeof path)
        args_fail("the name of the folder is too long");
    whole_begin(&file, path, flags.force);
    fwrite(jpeg.bytes, 1, jpeg.size, file.to); /* to memory: whole_end() looks at all errors */
    whole_end(&file);
    tn_jpeg_free(&jpeg);
}

static void write_folder(job *j)
{
    if (mkdir(flags.out, 0777) != 0 && errno != EEXIST)
        args_fail("%s: the folder cannot be made: %s", flags.out, strerror(errno));
    for (int c = 0; c < tn_dataset_classes(j->set); c++) {
        const int64_t count = shown(j, c);
        for (int64_t i = 0; i < count; i++)
            write_picture(j, c, item_shown(j, c, i));
    }
}

/* ---- one after the other ---------------------------------------------------------------------- */

static int answer_all(void)
{
    const tn_jpeg_opts opts = {.side = (int)flags.side, .quality = (int)flags.quality};
    char *path = NULL;
    size_t room = 0;
    while (getdelim(&path, &room, 0, stdin) > 0) {
        tn_jpeg jpeg;
        if (tn_image_jpeg(path, &opts, &jpeg) == TN_OK) {
            printf("ok %d %d %zu\n", jpeg.width, jpeg.height, jpeg.size);
            fwrite(jpeg.bytes, 1, jpeg.size, stdout);
        } else {
            printf("error %s\n", tn_error());
        }
        tn_jpeg_free(&jpeg);
        if (fflush(stdout) != 0)
            run_fail("stdout: nobody reads the pictures");
    }
    free(path);
    return ferror(stdin) ? 1 : 0;
}

int data_thumbs(int argc, char **argv)
{
    const args a = {.usage = "tenon-data thumbs SET --out OUT [options]",
                    .about = about,
                    .more = more,
                    .options = options,
                    .count = sizeof options / sizeof options[0],
                    .min_words = 1,
                    .max_words = 1,
                    .words = "a set"};
    args_parse(&a, argc, argv);
    if (strcmp(argv[1], "-") == 0)
        return answer_all();
    if (!flags.out)
        args_fail("--out is missing: a page, such as thumbs.html, or a folder");
    tn_dataset *set = set_open(argv[1], NULL, flags.exclude, flags.quiet);
    job j = {.set = set};
    sort_items(&j);
    const char *dot = strrchr(flags.out, '.');
    if (dot && strcmp(dot, ".html") == 0)
        write_page(&j, argv[1]);
    else
        write_folder(&j);
    if (j.made == 0)
        run_fail("%s: no picture of %lld could be read", argv[1], (long long)j.bad);
    if (!flags.quiet)
        printf("%s: %lld pictures; %lld could not be read\n", flags.out, (long long)j.made,
               (long long)j.bad);
    free(j.item);
    free(j.first);
    tn_dataset_close(set);
    return fflush(stdout) == 0 ? 0 : 1;
}
