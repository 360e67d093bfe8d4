/*
 * Images from memory: an own source of them gives what a loader of the files gives.
 */
#include <string.h>

#include "lab.h"
#include "lab_loader.h"
#include "lab_set.h"

enum { COUNT = 9, MOST = 1 << 16 };

/* An archive: the bytes of some files, one behind the other. */
static struct archive {
    uint8_t bytes[COUNT][MOST];
    size_t size[COUNT];
    int32_t label[COUNT];
    tn_loader_opts images; /* how they are cut out */
} archive;

static void read_set(const tn_dataset *set)
{
    assert_int_equal(tn_dataset_count(set), COUNT);
    for (int i = 0; i < COUNT; i++) {
        FILE *f = fopen(tn_dataset_item_path(set, i), "rb");
        assert_non_null(f);
        archive.size[i] = fread(archive.bytes[i], 1, MOST, f);
        assert_true(archive.size[i] > 0 && archive.size[i] < MOST);
        fclose(f);
        archive.label[i] = tn_dataset_item_label(set, i);
    }
}

static tn_status fill(void *arg, const tn_fill *at)
{
    struct archive *a = arg;
    *(int32_t *)at->row[1] = a->label[at->item];
    return tn_fill_image(at, &a->images, "archive.tar", a->bytes[at->item], a->size[at->item],
                         at->row[0]);
}

static tn_loader *open_archive(void)
{
    const tn_loader_opts *o = &archive.images;
    const tn_source source = {.name = "archive",
                              .items = COUNT,
                              .array = {{"image", TN_U8, TN_SHAPE(o->height, o->width, 3), false},
                                        {"label", TN_I32, {0}, true}},
                              .fill = fill,
                              .arg = &archive};
    tn_loader *loader = NULL;
    assert_ok(tn_loader_open_source(
        &loader, &source,
        &(tn_loader_opts){.batch = o->batch, .shuffle = o->shuffle, .seed = o->seed}));
    return loader;
}

static void an_archive_gives_what_files_give(void **state)
{
    (void)state;
    const char *folder = lab_make_folder();
    lab_write_classes(folder, 3, 3);
    tn_dataset *set = lab_open_set(folder);
    read_set(set);
    for (tn_crop crop = TN_CROP_CENTRE; crop <= TN_CROP_RANDOM_RESIZED; crop++) {
        archive.images = lab_augmented();
        archive.images.crop = crop;
        tn_loader *files = lab_open_loader(set, &archive.images), *own = open_archive();
        for (int k = 0; k < 8; k++) {
            tn_batch a, b;
            const tn_status status = tn_loader_next(files, &a);
            assert_int_equal(tn_loader_next(own, &b), status);
            if (status == TN_END)
                continue;
            assert_ok(status);
            assert_ptr_equal(a.array[0].data, a.images.data);
            assert_ptr_equal(a.array[1].data, a.labels.data);
            b.images = b.array[0];
            b.labels = b.array[1];
            assert_true(lab_hash_batch(&a) == lab_hash_batch(&b));
        }
        tn_loader_close(own);
        tn_loader_close(files);
    }
    tn_dataset_close(set);
    lab_remove(folder);
}

static void an_image_in_memory_is_the_image_of_the_file(void **state)
{
    (void)state;
    const char *folder = lab_make_folder();
    const char *path = lab_path(folder, "a.ppm");
    uint8_t bytes[MOST], file[16 * 12 * 3], memory[sizeof file];
    const tn_fit_opts fit = {.height = 12, .width = 16, .resize = 20};
    lab_write_image(path, 40, 30, 7);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    const size_t size = fread(bytes, 1, sizeof bytes, f);
    fclose(f);
    assert_ok(tn_image_load(path, &fit, file));
    assert_ok(tn_image_decode("blob 7", bytes, size, &fit, memory));
    assert_memory_equal(memory, file, sizeof file);
    assert_fails(tn_image_decode("blob 7", bytes, size / 2, &fit, memory), TN_ERR_FORMAT,
                 "blob 7: ");
    assert_fails(tn_image_decode("blob 7", bytes, 0, &fit, memory), TN_ERR_FORMAT,
                 "blob 7: the file is empty");
    assert_fails(tn_image_decode("blob 7", bytes, (size_t)3 << 30, &fit, memory), TN_ERR_FORMAT,
                 "blob 7: 3221225472 bytes are more than the limit");
    assert_fails(tn_image_decode("blob 7", "hello", 5, &fit, memory), TN_ERR_FORMAT, "blob 7: ");
    lab_remove(folder);
}

static void what_is_wrong_is_said_with_the_name(void **state)
{
    (void)state;
    const tn_loader_opts opts = {.height = 8, .width = 8, .resize = 8};
    uint8_t rgb[8 * 8 * 3];
    assert_fails(tn_fill_image(&(tn_fill){.judge = true}, &opts, "x", "P6 8 8 255\n", 11, rgb),
                 TN_ERR_FORMAT, "x: ");
    assert_fails(tn_fill_image(&(tn_fill){0}, &(tn_loader_opts){.height = 8}, "x", "P6", 2, rgb),
                 TN_ERR_ARGUMENT, "width 0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_archive_gives_what_files_give),
        cmocka_unit_test(an_image_in_memory_is_the_image_of_the_file),
        cmocka_unit_test(what_is_wrong_is_said_with_the_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
