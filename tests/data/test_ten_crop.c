/* Ten crops: torchvision's, pixel by pixel; the centre is the loader's; sizes that cannot be are refused. */
#include <string.h>

#include <tenon/data.h>

#include "golden/ten_crop.h"
#include "lab.h"
#include "lab_set.h"

enum {
    PIXELS = GOLDEN_TEN_FROM_HEIGHT * GOLDEN_TEN_FROM_WIDTH,
    CROP = GOLDEN_TEN_HEIGHT * GOLDEN_TEN_WIDTH
};

static const tn_ten_crop_opts golden = {.from_height = GOLDEN_TEN_FROM_HEIGHT,
                                        .from_width = GOLDEN_TEN_FROM_WIDTH,
                                        .height = GOLDEN_TEN_HEIGHT,
                                        .width = GOLDEN_TEN_WIDTH};

static void they_are_torchvisions(void **state)
{
    (void)state;
    uint8_t picture[PIXELS * 3], crop[CROP * 3 + 1];
    for (int i = 0; i < PIXELS * 3; i++)
        picture[i] = (uint8_t)(i * 37 % 251);
    for (int i = 0; i < TN_TEN_CROPS; i++) {
        tn_ten_crop_opts o = golden;
        o.which = i;
        crop[CROP * 3] = 77;
        assert_ok(tn_image_ten_crop(picture, &o, crop));
        assert_memory_equal(crop, golden_ten_crop[i], CROP * 3);
        assert_int_equal(crop[CROP * 3], 77);
    }
}

/* Grey, whose crops are the first channel of the coloured ones. */
static void any_number_of_channels(void **state)
{
    (void)state;
    uint8_t picture[PIXELS], crop[CROP];
    for (int i = 0; i < PIXELS; i++)
        picture[i] = (uint8_t)(3 * i * 37 % 251);
    for (int i = 0; i < TN_TEN_CROPS; i++) {
        tn_ten_crop_opts o = golden;
        o.which = i;
        o.channels = 1;
        assert_ok(tn_image_ten_crop(picture, &o, crop));
        for (int k = 0; k < CROP; k++)
            assert_int_equal(crop[k], golden_ten_crop[i][3 * k]);
    }
}

static void the_centre_is_that_of_evaluation(void **state)
{
    (void)state;
    const char *folder = lab_make_folder();
    const char *path = lab_path(folder, "a.ppm");
    uint8_t whole[32 * 32 * 3], middle[29 * 27 * 3], crop[29 * 27 * 3];
    lab_write_image(path, 32, 32, 5);
    assert_ok(tn_image_load(path, &(tn_fit_opts){.height = 32, .width = 32}, whole));
    assert_ok(tn_image_load(path, &(tn_fit_opts){.height = 29, .width = 27, .resize = 32}, middle));
    assert_ok(tn_image_ten_crop(
        whole,
        &(tn_ten_crop_opts){
            .which = 4, .from_height = 32, .from_width = 32, .height = 29, .width = 27},
        crop));
    assert_memory_equal(crop, middle, sizeof crop);
    lab_remove(folder);
}

static void what_cannot_be_cut_out_is_refused(void **state)
{
    (void)state;
    static const struct {
        tn_ten_crop_opts o;
        const char *says;
    } cases[] = {
        {{10, 8, 8, 4, 4, 3}, "which 10"},
        {{-1, 8, 8, 4, 4, 3}, "which -1"},
        {{0, 8, 8, 9, 4, 3}, "9 x 4 pixels cannot be cut out of 8 x 8"},
        {{0, 8, 8, 4, 9, 3}, "4 x 9"},
        {{0, 8, 8, 0, 4, 3}, "0 x 4"},
        {{0, 8, 8, 4, 4, -3}, "channels -3"},
    };
    uint8_t some[8 * 8 * 3] = {0};
    for (size_t i = 0; i < TN_COUNT(cases); i++)
        assert_fails(tn_image_ten_crop(some, &cases[i].o, some), TN_ERR_ARGUMENT, cases[i].says);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(they_are_torchvisions),
        cmocka_unit_test(any_number_of_channels),
        cmocka_unit_test(the_centre_is_that_of_evaluation),
        cmocka_unit_test(what_cannot_be_cut_out_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
