#include <math.h>
#include <string.h>

#include "data/augment.h"
#include "lab.h"

enum { SEED = 7, DRAWS = 40000 };

static tn_augment complete(const tn_loader_opts *opts, int side)
{
    tn_augment a;
    assert_ok(tn_augment_complete(&a, opts, side));
    return a;
}

/* Calls body(line) for each line of the golden that begins with `word`. */
static int each_golden(const char *word, void (*body)(const char *line))
{
    FILE *from = fopen(lab_golden("augment.txt"), "r");
    assert_non_null(from);
    char line[256];
    int found = 0;
    while (fgets(line, sizeof line, from))
        if (strncmp(line, word, strlen(word)) == 0) {
            body(line + strlen(word));
            found++;
        }
    fclose(from);
    return found;
}

static void check_box(const char *line)
{
    tn_augment a =
        complete(&(tn_loader_opts){.height = 224, .width = 224, .crop = TN_CROP_RANDOM_RESIZED}, 0);
    int width, height, epoch, place, x, y, w, h;
    assert_int_equal(sscanf(line, "%lf %lf %lf %lf %d %d %d %d %d %d %d %d", &a.area[0], &a.area[1],
                            &a.aspect[0], &a.aspect[1], &width, &height, &epoch, &place, &x, &y, &w,
                            &h),
                     12);
    const tn_box box = tn_augment_choose(&a, SEED, epoch, place, width, height).box;
    if (box.x != x || box.y != y || box.width != w || box.height != h)
        fail_msg("%g %g %g %g for%s", box.x, box.y, box.width, box.height, line);
}

static void boxes_are_those_of_torchvision(void **state)
{
    (void)state;
    assert_int_equal(each_golden("box", check_box), 48);
}

static void check_moments(const char *line)
{
    const tn_augment a =
        complete(&(tn_loader_opts){.height = 224, .width = 224, .crop = TN_CROP_RANDOM_RESIZED}, 0);
    int width, height;
    double wanted[3], area = 0, aspect = 0, whole = 0;
    assert_int_equal(
        sscanf(line, "%d %d %lf %lf %lf", &width, &height, &wanted[0], &wanted[1], &wanted[2]), 5);
    for (int i = 0; i < DRAWS; i++) {
        const tn_box b = tn_augment_choose(&a, SEED, 5, i, width, height).box;
        area += b.width * b.height / (width * height);
        aspect += log(b.width / b.height);
        whole += b.height == height;
    }
    /* Four deviations of the mean of both: of areas at most 0.27, of log aspects 0.17. */
    assert_true(fabs(area / DRAWS - wanted[0]) < 4 * 0.27 * sqrt(2.0 / DRAWS));
    assert_true(fabs(aspect / DRAWS - wanted[1]) < 4 * 0.17 * sqrt(2.0 / DRAWS));
    assert_true(fabs(whole / DRAWS - wanted[2]) < 4 * 0.08 * sqrt(2.0 / DRAWS));
}

static void boxes_are_spread_as_those_of_torchvision(void **state)
{
    (void)state;
    assert_int_equal(each_golden("moments", check_moments), 3);
}

static void check_jitter(const char *line)
{
    static uint8_t rgb[16 * 16 * 16 * 3];
    int kind;
    double factor;
    unsigned long long hash;
    long sum;
    assert_int_equal(sscanf(line, "%d %lf %llx %ld", &kind, &factor, &hash, &sum), 4);
    for (int i = 0; i < 16 * 16 * 16; i++) {
        rgb[3 * i] = (uint8_t)(i / 256 * 17);
        rgb[3 * i + 1] = (uint8_t)(i / 16 % 16 * 17);
        rgb[3 * i + 2] = (uint8_t)(i % 16 * 17);
    }
    tn_jitter_apply((tn_jitter){(tn_colour)kind, factor}, rgb, 16 * 16 * 16);
    uint64_t got = UINT64_C(14695981039346656037);
    long total = 0;
    for (size_t i = 0; i < sizeof rgb; i++) {
        got = (got ^ rgb[i]) * UINT64_C(1099511628211);
        total += rgb[i];
    }
    if (got != hash || total != sum)
        fail_msg("the bytes sum up to %ld for%s", total, line);
}

static void colours_are_those_of_torchvision(void **state)
{
    (void)state;
    assert_int_equal(each_golden("jitter", check_jitter), 18);
}

static void random_crops_are_everywhere_and_within(void **state)
{
    (void)state;
    static const struct {
        int width, height, resize, across, down;
        const char *why;
    } cases[] = {
        {256, 256, 256, 33, 33, "no scaling: 33 places on each axis"},
        {256, 300, 256, 33, 77, "higher than wide"},
        {333, 100, 230, 765 - 224 + 1, 7, "scaled up; the long side is rounded down"},
        {224, 224, 224, 1, 1, "one place only"},
        {5000, 7, 224, 159776, 1, "as thin as can be"},
    };
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        print_message("%s\n", cases[i].why);
        const int width = cases[i].width, height = cases[i].height;
        const tn_augment a = complete(
            &(tn_loader_opts){
                .height = 224, .width = 224, .resize = cases[i].resize, .crop = TN_CROP_RANDOM},
            0);
        double low = 1e9, high = 0, far_x = 0, far_y = 0;
        for (int k = 0; k < 5000; k++) {
            const tn_box b = tn_augment_choose(&a, SEED, 0, k, width, height).box;
            assert_true(b.x >= 0 && b.y >= 0 && b.width > 0 && b.height > 0);
            assert_true(b.x + b.width <= width && b.y + b.height <= height);
            low = fmin(low, b.x);
            high = fmax(high, b.x);
            far_x = fmax(far_x, b.x + b.width);
            far_y = fmax(far_y, b.y + b.height);
        }
        assert_true(low <= width * 0.01);
        assert_true(far_x >= width * 0.99 && far_y >= height * 0.99);
        const double scale = (double)width / (cases[i].across + 223);
        assert_true(high <= (cases[i].across - 1) * scale + 1e-9);
    }
}

/* Above this once in ten thousand (Wilson and Hilferty 1931). */
static double chi_square_limit(int freedom)
{
    const double k = 2.0 / (9 * freedom);
    return freedom * pow(1 - k + 3.72 * sqrt(k), 3);
}

/* Every place of a crop that is all within the scaled image is as likely, the first and the last too. */
static void random_crops_are_in_all_places_as_often(void **state)
{
    (void)state;
    static const struct {
        int width, height, resize, crop_width, crop_height, columns, rows;
        const char *why;
    } cases[] = {
        {40, 40, 40, 32, 36, 9, 5, "no scaling"},
        {40, 44, 40, 40, 40, 1, 5, "one column"},
        {44, 40, 40, 40, 40, 5, 1, "one row"},
        {30, 20, 64, 56, 60, 41, 5, "scaled up to 96 x 64"},
        {200, 300, 64, 60, 56, 5, 41, "shrunk to 64 x 96"},
        {333, 250, 40, 39, 38, 15, 3, "shrunk to 53 x 40"},
        {20, 21, 33, 31, 31, 3, 4, "places computed a little below whole numbers"},
    };
    enum { MOST = 256, EACH = 60 };
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        print_message("%s\n", cases[i].why);
        const int width = cases[i].width, height = cases[i].height;
        const int columns = cases[i].columns, rows = cases[i].rows, places = columns * rows;
        const tn_augment a = complete(&(tn_loader_opts){.height = cases[i].crop_height,
                                                        .width = cases[i].crop_width,
                                                        .resize = cases[i].resize,
                                                        .crop = TN_CROP_RANDOM},
                                      0);
        int count[MOST] = {0};
        for (int k = 0; k < EACH * places; k++) {
            const tn_box b = tn_augment_choose(&a, SEED, 1, k, width, height).box;
            const double x = b.x * cases[i].crop_width / b.width;
            const double y = b.y * cases[i].crop_height / b.height;
            const int column = (int)rint(x), row = (int)rint(y);
            assert_true(fabs(x - column) < 1e-6 && fabs(y - row) < 1e-6);
            assert_in_range(column, 0, columns - 1);
            assert_in_range(row, 0, rows - 1);
            /* The last place ends where the image does. */
            assert_true(column < columns - 1 || fabs(b.x + b.width - width) < 1e-6);
            assert_true(row < rows - 1 || fabs(b.y + b.height - height) < 1e-6);
            count[row * columns + column]++;
        }
        double chi_square = 0;
        for (int k = 0; k < places; k++)
            chi_square += pow(count[k] - EACH, 2) / EACH;
        if (chi_square > chi_square_limit(places - 1))
            fail_msg("chi square %g of %d places", chi_square, places);
    }
}

static void a_centre_is_that_of_evaluation(void **state)
{
    (void)state;
    const tn_augment a =
        complete(&(tn_loader_opts){.height = 200, .width = 224, .resize = 256, .flip = true}, 0);
    const tn_box want = tn_fit_box(640, 333, 256, 224, 200);
    int mirrored = 0;
    for (int i = 0; i < 4000; i++) {
        const tn_view v = tn_augment_choose(&a, SEED, 0, i, 640, 333);
        assert_memory_equal(&v.box, &want, sizeof want);
        mirrored += v.mirror;
        assert_int_equal(v.num_jitters, 0);
        assert_false(v.lit);
    }
    assert_in_range(mirrored, 1850, 2150);
}

static void jitter_comes_in_every_order(void **state)
{
    (void)state;
    const tn_augment a = complete(
        &(tn_loader_opts){
            .height = 8, .width = 8, .brightness = 0.4f, .contrast = 0.2f, .saturation = 1.5f},
        0);
    const double low[] = {0.6, 0.8, 0}, high[] = {1.4, 1.2, 2.5};
    double sum[3] = {0}, least[3] = {9, 9, 9}, most[3] = {0};
    int orders[27] = {0};
    enum { COUNT = 12000 };
    for (int i = 0; i < COUNT; i++) {
        const tn_view v = tn_augment_choose(&a, SEED, 0, i, 8, 8);
        assert_int_equal(v.num_jitters, 3);
        int order = 0;
        for (int k = 0; k < 3; k++) {
            const tn_colour c = v.jitter[k].colour;
            const double f = v.jitter[k].factor;
            order = 3 * order + (int)c;
            sum[c] += f;
            least[c] = fmin(least[c], f);
            most[c] = fmax(most[c], f);
        }
        orders[order]++;
    }
    int seen = 0;
    for (int i = 0; i < 27; i++) {
        seen += orders[i] > 0;
        assert_true(orders[i] == 0 || (orders[i] > COUNT / 6 - 200 && orders[i] < COUNT / 6 + 200));
    }
    assert_int_equal(seen, 6);
    for (int c = 0; c < 3; c++) {
        assert_true(least[c] >= low[c] - 1e-6 && least[c] < low[c] + 0.01);
        assert_true(most[c] <= high[c] + 1e-6 && most[c] > high[c] - 0.01);
        assert_true(fabs(sum[c] / COUNT - (low[c] + high[c]) / 2) < 0.03);
    }
}

static void lighting_has_the_covariance_of_imagenet(void **state)
{
    (void)state;
    /* fb.resnet.torch again: noise of deviation 1 in front of eigenvector times eigenvalue. */
    static const double value[3] = {0.2175, 0.0188, 0.0045};
    static const double vector[3][3] = {
        {-0.5675, 0.7192, 0.4009}, {-0.5808, -0.0045, -0.8140}, {-0.5836, -0.6948, 0.4203}};
    const tn_augment a = complete(&(tn_loader_opts){.height = 8, .width = 8, .lighting = 0.1f}, 0);
    double product[3][3] = {{0}};
    for (int i = 0; i < DRAWS; i++) {
        const tn_view v = tn_augment_choose(&a, SEED, 0, i, 8, 8);
        assert_true(v.lit);
        for (int p = 0; p < 3; p++)
            for (int q = 0; q < 3; q++)
                product[p][q] += (double)v.light[p] * (double)v.light[q] / DRAWS;
    }
    for (int p = 0; p < 3; p++)
        for (int q = 0; q < 3; q++) {
            double want = 0;
            for (int k = 0; k < 3; k++)
                want += vector[p][k] * vector[q][k] * value[k] * value[k] * 25.5 * 25.5;
            assert_true(fabs(product[p][q] - want) < 0.04 * want);
        }
    uint8_t rgb[] = {10, 250, 5, 0, 100, 255};
    const uint8_t lit[] = {13, 255, 0, 3, 110, 248};
    tn_view_colour(&(tn_view){.lit = true, .light = {2.6f, 10.4f, -7.2f}}, rgb, 2);
    assert_memory_equal(rgb, lit, sizeof rgb);
}

static void a_view_depends_on_its_place_alone(void **state)
{
    (void)state;
    const tn_augment a = complete(&(tn_loader_opts){.height = 8,
                                                    .width = 8,
                                                    .crop = TN_CROP_RANDOM_RESIZED,
                                                    .flip = true,
                                                    .contrast = 0.5f,
                                                    .lighting = 0.1f},
                                  0);
    const tn_view v = tn_augment_choose(&a, 1, 2, 3, 500, 400);
    const tn_view same = tn_augment_choose(&a, 1, 2, 3, 500, 400);
    assert_memory_equal(&v.box, &same.box, sizeof v.box);
    assert_memory_equal(v.light, same.light, sizeof v.light);
    const struct {
        uint64_t seed;
        int64_t epoch, place;
    } others[] = {{2, 2, 3}, {1, 3, 3}, {1, 2, 4}, {1, 3, 2}};
    for (size_t i = 0; i < TN_COUNT(others); i++) {
        const tn_view o =
            tn_augment_choose(&a, others[i].seed, others[i].epoch, others[i].place, 500, 400);
        assert_memory_not_equal(v.light, o.light, sizeof v.light);
    }
}

static void options_have_defaults_and_limits(void **state)
{
    (void)state;
    static const struct {
        tn_loader_opts opts;
        int side, resize;
        const char *error;
    } cases[] = {
        {{.height = 224, .width = 192}, 0, 224, NULL},
        {{.height = 224, .width = 192}, 256, 256, NULL},
        {{.height = 224, .width = 192}, 64, 224, NULL},
        {{.height = 224, .width = 192, .resize = 232}, 256, 232, NULL},
        {{.height = 224, .width = 192, .resize = 223}, 0, 0, "resize 223 is not from 224"},
        {{.height = 224}, 0, 0, "height 224 and width 0"},
        {{.height = -1, .width = 5}, 0, 0, "height -1 and width 5"},
        {{.height = 8, .width = 8, .crop = (tn_crop)3}, 0, 0, "crop 3"},
        {{.height = 8, .width = 8, .area = {0, 0.5f}}, 0, 0, "area from 0 to 0.5"},
        {{.height = 8, .width = 8, .area = {0.5f, 1.5f}}, 0, 0, "area from 0.5 to 1.5"},
        {{.height = 8, .width = 8, .area = {0.5f, 0.25f}}, 0, 0, "area from 0.5 to 0.25"},
        {{.height = 8, .width = 8, .aspect = {-1, 1}}, 0, 0, "aspect from -1 to 1"},
        {{.height = 8, .width = 8, .contrast = -0.5f}, 0, 0, "contrast -0.5"},
        {{.height = 8, .width = 8, .lighting = NAN}, 0, 0, "lighting nan"},
    };
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        tn_augment a;
        const tn_status status = tn_augment_complete(&a, &cases[i].opts, cases[i].side);
        if (cases[i].error)
            assert_fails(status, TN_ERR_ARGUMENT, cases[i].error);
        else
            assert_int_equal(a.resize, cases[i].resize);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(boxes_are_those_of_torchvision),
        cmocka_unit_test(boxes_are_spread_as_those_of_torchvision),
        cmocka_unit_test(colours_are_those_of_torchvision),
        cmocka_unit_test(random_crops_are_everywhere_and_within),
        cmocka_unit_test(random_crops_are_in_all_places_as_often),
        cmocka_unit_test(a_centre_is_that_of_evaluation),
        cmocka_unit_test(jitter_comes_in_every_order),
        cmocka_unit_test(lighting_has_the_covariance_of_imagenet),
        cmocka_unit_test(a_view_depends_on_its_place_alone),
        cmocka_unit_test(options_have_defaults_and_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
