/*
 * Writing packed sets. The linker hands the calls that put files in place to functions below (--wrap, see
 * CMakeLists.txt), which count them and kill the process at one.
 */
#define _DEFAULT_SOURCE /* flock; POSIX 2008 */

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lab.h"
#include "lab_image.h"
#include "lab_packed.h"
#include "lab_set.h"

/* ---- calls ---------------------------------------------------------------------------------- */

static int calls, kill_at;
static char log_of_calls[512];

int __real_fsync(int fd);
int __real_rename(const char *from, const char *to);
int __real_unlink(const char *path);
int __wrap_fsync(int fd);
int __wrap_rename(const char *from, const char *to);
int __wrap_unlink(const char *path);

static void count_call(const char *word)
{
    const size_t used = strlen(log_of_calls);
    snprintf(log_of_calls + used, sizeof log_of_calls - used, "%s%s", used ? " " : "", word);
    if (++calls == kill_at)
        raise(SIGKILL);
}

int __wrap_fsync(int fd)
{
    struct stat s;
    count_call(fstat(fd, &s) == 0 && S_ISDIR(s.st_mode) ? "folder" : "flush");
    return __real_fsync(fd);
}

int __wrap_rename(const char *from, const char *to)
{
    count_call(strrchr(to, '/') + 1);
    return __real_rename(from, to);
}

int __wrap_unlink(const char *path)
{
    count_call("remove");
    return __real_unlink(path);
}

/* ---- sets ----------------------------------------------------------------------------------- */

static int count_entries(const char *folder)
{
    int count = 0;
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    for (const struct dirent *e; (e = readdir(dir));)
        count += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
    closedir(dir);
    return count;
}

/* ---- tests ---------------------------------------------------------------------------------- */

static void packing_writes_arrays(void **state)
{
    (void)state;
    static uint8_t want[LAB_SIDE * LAB_SIDE * 3];
    lab_bytes file = lab_read(lab_path(lab_packed, "images.npy"));
    assert_int_equal(file.size, 256 + LAB_COUNT * sizeof want);
    /* As numpy's documentation of the format has it. */
    assert_memory_equal(file.data, "\x93NUMPY\x01\x00\xf6\x00", 10);
    static const char text[] =
        "{'descr': '|u1', 'fortran_order': False, 'shape': (12, 24, 24, 3, ), }   ";
    assert_memory_equal(file.data + 10, text, sizeof text - 1);
    assert_int_equal(file.data[255], '\n');
    for (unsigned i = 0; i < LAB_COUNT; i++) {
        lab_pixels(want, LAB_SIDE, LAB_SIDE, i);
        /* In the order of the set: class, then name as text. */
        static const unsigned place[] = {0, 1, 2, 3, 4, 5, 6, 7, 10, 11, 8, 9};
        assert_memory_equal(file.data + 256 + place[i] * sizeof want, want, sizeof want);
    }
    free(file.data);
    file = lab_read(lab_path(lab_packed, "labels.npy"));
    assert_int_equal(file.size, 256 + 48);
    assert_memory_equal(file.data + 10, "{'descr': '<i4', 'fortran_order': False, 'shape': (12, )",
                        56);
    for (int i = 0; i < LAB_COUNT; i++)
        assert_int_equal(file.data[256 + 4 * i], i / 4);
    free(file.data);
    file = lab_read(lab_path(lab_packed, "classes.txt"));
    assert_int_equal(file.size, 21);
    assert_memory_equal(file.data, "class0\nclass1\nclass2\n", 21);
    free(file.data);
}

typedef struct told {
    int bad;
    int64_t done, of;
    char path[256];
} told;

static void on_bad(void *arg, const char *path, const char *reason)
{
    told *t = arg;
    t->bad++;
    snprintf(t->path, sizeof t->path, "%s", path);
    assert_true(strlen(reason) > 3);
}

static void on_progress(void *arg, int64_t done, int64_t of)
{
    told *t = arg;
    assert_true(done >= t->done && done <= of);
    t->done = done;
    t->of = of;
}

static void bad_files_are_left_out_and_told(void **state)
{
    (void)state;
    const char *from = lab_make_folder(), *to = lab_make_folder();
    lab_write_classes(from, 2, 15);
    lab_write_text(lab_path(from, "class0/2.ppm"), "P6 but no more");
    tn_dataset *set = lab_open_set(from);
    told t = {0};
    tn_pack_opts opts = {
        .folder = to, .side = 8, .bad = on_bad, .progress = on_progress, .arg = &t};
    assert_ok(tn_dataset_pack(set, &opts));
    assert_int_equal(t.bad, 1);
    assert_int_equal(t.done, 30);
    assert_int_equal(t.of, 30);
    assert_non_null(strstr(t.path, "class0/2.ppm"));
    tn_dataset *again = lab_open_set(to);
    assert_int_equal(tn_dataset_count(again), 29);
    assert_int_equal(tn_dataset_class_count(again, 0), 14);
    tn_dataset_close(again);
    lab_bytes names =
        lab_read(lab_path(to, "names.txt")); /* of what is there: not of the bad one */
    assert_memory_equal(names.data, "class0/0.ppm\nclass0/1.ppm\nclass0/10.ppm\n", 40);
    names.data[names.size - 1] = 0;
    assert_null(strstr((const char *)names.data, "class0/2.ppm"));
    assert_non_null(strstr((const char *)names.data, "class1/9.ppm"));
    free(names.data);
    lab_write_text(lab_path(from, "class1/3.ppm"), "");
    t = (told){0};
    assert_fails(tn_dataset_pack(set, &opts), TN_ERR_FORMAT, "2 of 30 images are bad");
    assert_int_equal(t.bad, 2);
    again = lab_open_set(to); /* what was there is still there */
    assert_int_equal(tn_dataset_count(again), 29);
    assert_int_equal(count_entries(to), 4);
    tn_dataset_close(again);
    opts.folder = "";
    assert_fails(tn_dataset_pack(set, &opts), TN_ERR_ARGUMENT, "no folder");
    opts.folder = lab_path(to, "classes.txt/below");
    assert_fails(tn_dataset_pack(set, &opts), TN_ERR_IO, "the folder cannot be made");
    opts.folder = lab_path(to, "classes.txt");
    assert_fails(tn_dataset_pack(set, &opts), TN_ERR_IO, "Not a directory");
    opts.folder = to;
    opts.side = -1;
    assert_fails(tn_dataset_pack(set, &opts), TN_ERR_ARGUMENT, "height -1");
    tn_dataset_close(set);
    lab_remove(from);
    lab_remove(to);
}

/* In documents the folder above is not there either. */
static void folders_are_made_and_taken_away_again(void **state)
{
    (void)state;
    const char *to = lab_make_folder(), *deep = lab_path(to, "a/b//c/");
    tn_dataset *set = lab_open_set(lab_root), *again;
    assert_ok(tn_dataset_pack(set, &(tn_pack_opts){.folder = deep, .side = 8}));
    again = lab_open_set(deep);
    assert_int_equal(tn_dataset_count(again), LAB_COUNT);
    tn_dataset_close(again);
    tn_dataset_close(set);

    lab_write_text(lab_path(to, "list.txt"), "no.jpg 0\nimage.jpg 0\nhere.jpg 1\n");
    set = lab_open_set(lab_path(to, "list.txt"));
    assert_fails(tn_dataset_pack(set, &(tn_pack_opts){.folder = lab_path(to, "x/y"), .side = 8}),
                 TN_ERR_IO, "3 of 3 images are bad, where 1");
    assert_false(lab_exists(lab_path(to, "x")));
    lab_mkdir(lab_path(to, "z"));
    assert_int_not_equal(
        tn_dataset_pack(set, &(tn_pack_opts){.folder = lab_path(to, "z"), .side = 8}), TN_OK);
    assert_int_equal(count_entries(lab_path(to, "z")), 0); /* ours was nothing of it */
    assert_fails(tn_dataset_pack(set, &(tn_pack_opts){.folder = lab_path(to, "q"), .side = -1}),
                 TN_ERR_ARGUMENT, "height -1");
    assert_false(lab_exists(lab_path(to, "q")));
    tn_dataset_close(set);
    lab_remove(to);
}

/* It would be a class of the set from then on. */
static void a_set_is_not_packed_into_itself(void **state)
{
    (void)state;
    const char *to = lab_make_folder(), *link = lab_path(to, "link");
    assert_int_equal(symlink(lab_root, link), 0);
    const char *const folders[] = {lab_root, lab_path(lab_root, "packed"),
                                   lab_path(lab_root, "class0/a/b"), lab_path(link, "packed")};
    tn_dataset *set = lab_open_set(lab_root), *part, *rest;
    assert_ok(tn_dataset_split(set, 50, 1, &part, &rest));
    for (size_t i = 0; i < TN_COUNT(folders); i++) {
        assert_fails(tn_dataset_pack(set, &(tn_pack_opts){.folder = folders[i], .side = 8}),
                     TN_ERR_ARGUMENT, "lies within the set that is to be packed");
        assert_fails(tn_dataset_pack(part, &(tn_pack_opts){.folder = folders[i], .side = 8}),
                     TN_ERR_ARGUMENT, "lies within the set");
    }
    assert_int_equal(count_entries(lab_root), 3);
    assert_int_equal(count_entries(lab_path(lab_root, "class0")), 4);
    tn_dataset_close(set);
    tn_dataset_close(part);
    tn_dataset_close(rest);
    set = lab_open_set(lab_packed);
    assert_fails(tn_dataset_pack(set, &(tn_pack_opts){.folder = lab_packed, .side = 8}),
                 TN_ERR_ARGUMENT, "lies within the set");
    tn_dataset_close(set);
    lab_remove(to);
}

static void two_do_not_pack_into_one_folder(void **state)
{
    (void)state;
    const char *to = lab_make_folder();
    tn_dataset *set = lab_open_set(lab_root);
    const int other = open(to, O_RDONLY | O_DIRECTORY);
    assert_true(other >= 0 && flock(other, LOCK_EX) == 0);
    assert_fails(tn_dataset_pack(set, &(tn_pack_opts){.folder = to, .side = 8}), TN_ERR_IO,
                 "somebody else is packing into it");
    assert_int_equal(count_entries(to), 0);
    close(other);
    assert_ok(tn_dataset_pack(set, &(tn_pack_opts){.folder = to, .side = 8}));
    tn_dataset_close(set);
    lab_remove(to);
}

static void a_line_break_in_a_class_is_refused(void **state)
{
    (void)state;
    const char *from = lab_make_folder(), *to = lab_make_folder();
    lab_mkdir(lab_path(from, "a\nb"));
    lab_write_image(lab_path(from, "a\nb/1.ppm"), LAB_SIDE, LAB_SIDE, 1);
    tn_dataset *set = lab_open_set(from);
    assert_fails(tn_dataset_pack(set, &(tn_pack_opts){.folder = to, .side = 8}), TN_ERR_ARGUMENT,
                 "class 0 has a line break in it: \"a\\nb\"");
    assert_int_equal(count_entries(to), 0);
    tn_dataset_close(set);
    lab_remove(from);
    lab_remove(to);
}

/* Which of the images made above this is. */
static int seed_of(const uint8_t *rgb)
{
    static uint8_t want[LAB_SIDE * LAB_SIDE * 3];
    for (int i = 0; i < LAB_COUNT; i++) {
        lab_pixels(want, LAB_SIDE, LAB_SIDE, (unsigned)i);
        if (memcmp(rgb, want, sizeof want) == 0)
            return i;
    }
    fail_msg("no image that was packed");
    return -1;
}

/* A set that is there has its own labels. False: there is none, and it is said why. */
static bool is_whole(const char *folder)
{
    tn_dataset *set = NULL;
    if (tn_dataset_open(&set, &(tn_dataset_opts){.path = folder}) != TN_OK) {
        assert_non_null(strstr(tn_error(), "packing it was broken off"));
        return false;
    }
    tn_loader *loader = NULL;
    tn_batch b;
    assert_ok(tn_loader_open(
        &loader, set,
        &(tn_loader_opts){.batch = LAB_COUNT, .height = LAB_SIDE, .width = LAB_SIDE}));
    assert_ok(tn_loader_next(loader, &b));
    assert_int_equal(b.count, LAB_COUNT);
    for (int i = 0; i < LAB_COUNT; i++)
        assert_int_equal(((int32_t *)b.labels.data)[i],
                         seed_of((uint8_t *)b.images.data + i * LAB_SIDE * LAB_SIDE * 3) / 4);
    tn_loader_close(loader);
    tn_dataset_close(set);
    return true;
}

/* All of it is on the disk before the old images go, which are gone before the new ones have a name. */
static void what_is_written_reaches_the_disk_in_order(void **state)
{
    (void)state;
    const char *to = lab_make_folder();
    tn_dataset *set = lab_open_set(lab_root);
    for (int i = 0; i < 2; i++) {
        log_of_calls[0] = 0;
        assert_ok(tn_dataset_pack(set, &(tn_pack_opts){.folder = to, .side = 8}));
        assert_string_equal(log_of_calls,
                            "flush flush flush flush remove folder flush classes.txt folder "
                            "flush labels.npy folder flush names.txt folder flush images.npy "
                            "folder");
    }
    tn_dataset_close(set);
    lab_remove(to);
}

/* Another set takes a packed one's place and is killed before each of the calls that do it. */
static void no_images_have_the_labels_of_others(void **state)
{
    (void)state;
    const char *to = lab_make_folder();
    char text[4096] = "", list[1100];
    for (int i = LAB_COUNT - 1; i >= 0; i--)
        snprintf(text + strlen(text), 1100, "class%d/%d.ppm %d\n", i / 4, i, i / 4);
    snprintf(list, sizeof list, "%s", lab_path(lab_root, "list.txt"));
    lab_write_text(list, text);
    tn_dataset *set = lab_open_set(lab_root), *reversed = lab_open_set(list);
    const tn_pack_opts opts = {.folder = to, .side = LAB_SIDE, .threads = 1};
    int whole = 0, at = 0, status;
    do {
        assert_ok(tn_dataset_pack(set, &opts));
        assert_int_equal(count_entries(to), 4); /* what the killed one left aside is gone */
        at++;
        fflush(NULL);
        const pid_t child = fork();
        if (child == 0) {
            calls = 0;
            kill_at = at;
            _exit(tn_dataset_pack(reversed, &opts) == TN_OK ? 0 : 1);
        }
        assert_true(child > 0);
        assert_int_equal(waitpid(child, &status, 0), child);
        whole += is_whole(to);
    } while (WIFSIGNALED(status));
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_in_range(at, 12, 20);       /* flushes, renames */
    assert_in_range(whole, 5, at - 3); /* before the old one is gone, and at the end */
    tn_dataset_close(set);
    tn_dataset_close(reversed);
    assert_int_equal(remove(list), 0);
    lab_remove(to);
}

static tn_status open_and_pack(void *arg)
{
    tn_dataset *set = NULL;
    TN_TRY(tn_dataset_open(&set, &(tn_dataset_opts){.path = lab_packed}));
    const tn_status status =
        tn_dataset_pack(set, &(tn_pack_opts){.folder = arg, .side = 9, .threads = 1});
    tn_dataset_close(set);
    return status;
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    const char *to = lab_make_folder();
    char deep[1100];
    snprintf(deep, sizeof deep, "%s/a/b", to);
    assert_true(lab_fail_each_allocation(open_and_pack, deep) > 30);
    lab_remove(to);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packing_writes_arrays),
        cmocka_unit_test(bad_files_are_left_out_and_told),
        cmocka_unit_test(folders_are_made_and_taken_away_again),
        cmocka_unit_test(a_set_is_not_packed_into_itself),
        cmocka_unit_test(two_do_not_pack_into_one_folder),
        cmocka_unit_test(a_line_break_in_a_class_is_refused),
        cmocka_unit_test(what_is_written_reaches_the_disk_in_order),
        cmocka_unit_test(no_images_have_the_labels_of_others),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, lab_make_packed, lab_remove_packed);
}
