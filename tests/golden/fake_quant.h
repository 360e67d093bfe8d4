/* Written by make_fake_quant.py. */
/* clang-format off */
static const float golden_x[] = {-40, -16.25, -15.875, -1, -0.375, -0.125, 0, 0.125, 0.25, 0.375, 0.625, 1.1, 15.8, 15.875, 16, 31.75, 32, 70};
static const float golden_signed_y[] = {-15.875, -15.875, -15.875, -1, -0.375, -0.125, 0, 0.125, 0.25, 0.375, 0.625, 1.125, 15.75, 15.875, 15.875, 15.875, 15.875, 15.875};
static const float golden_signed_dx[] = {0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0};
static const float golden_all_signed_y[] = {-32, -16.25, -16, -1, -0.5, 0, 0, 0, 0.25, 0.5, 0.5, 1, 15.75, 16, 16, 31.75, 31.75, 31.75};
static const float golden_all_signed_dx[] = {0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0};
static const float golden_unsigned_y[] = {0, 0, 0, 0, 0, 0, 0, 0, 0.25, 0.5, 0.5, 1, 15.75, 16, 16, 31.75, 32, 63.75};
static const float golden_unsigned_dx[] = {0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0};
static const float golden_shifted_y[] = {-18.5, -16, -16, -1, -0.5, 0, 0, 0, 0, 0.5, 0.5, 1, 16, 16, 16, 32, 32, 70};
static const float golden_shifted_dx[] = {0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
static const float golden_seven_bits_y[] = {-15.75, -15.75, -15.75, -1, -0.5, 0, 0, 0, 0.25, 0.5, 0.5, 1, 15.75, 15.75, 15.75, 15.75, 15.75, 15.75};
static const float golden_seven_bits_dx[] = {0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0};
static const float golden_scales[] = {0.125, 0.5, 2};
static const float golden_axis_0_y[] = {-15.875, -15.875, -15.875, -1, -0.375, -0.125, 0, 0, 0, 0.5, 0.5, 1, 16, 16, 16, 32, 32, 70};
static const float golden_axis_0_dx[] = {0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
static const float golden_axis_1_y[] = {-15.875, -15.875, -15.875, -1, -0.5, 0, 0, 0, 0, 0.375, 0.625, 1.125, 16, 16, 16, 32, 32, 70};
static const float golden_axis_1_dx[] = {0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
