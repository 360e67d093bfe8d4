#!/bin/sh
# Builds Tenon and runs its whole test suite, on a bare Debian 12 too: installs what is missing first.
#     ./scripts/check.sh [CMake flags for the release build]
# Then layers and models without what is optional, the same as at first under the address and undefined-behaviour
# sanitizers, and what has threads of its own under the thread sanitizer. The last line is "N passed, M failed, K skipped".
set -eu
cd "$(dirname "$0")/.."
. scripts/_install.sh

# shellcheck disable=SC2086  # a list of words
install_missing $packages python3-numpy libopenmpi-dev openmpi-bin iproute2 chromium chromium-driver python3-selenium \
    libavformat-dev libavcodec-dev libavfilter-dev libswscale-dev libavutil-dev libavdevice-dev ffmpeg

# Arguments: preset, then ctest's own. Failures are counted at the end.
run_tests() {
    preset=$1
    shift
    say "Testing ($preset) ..."
    rm -f "build/$preset/junit.xml"
    # One more than there are cores: many wait for others most of the time.
    ctest --test-dir "build/$preset" -j "$(($(nproc) + 1))" --timeout 900 --output-on-failure \
        --test-output-size-passed 200000 --output-junit junit.xml "$@" </dev/null || true
    [ -s "build/$preset/junit.xml" ] || die "ctest wrote no results for $preset."
}

build release all -DTENON_BENCH=ON "$@"
run_tests release
# Without oneDNN and backends for GPUs.
build bare "tests_layers tests_models"
run_tests bare -L '^(layers|models)$'
# What installs or checks the tree has nothing more to show here, nor have nets that learn for a minute, nor a browser.
build asan all
run_tests asan -LE '^(house|install|models)$' -E '^serve_(page|axe|flow)'
build tsan "tests_base tests_data tests_graph tests_plan tests_group tests_sim tests_infer tests_video"
# Threads of libavformat's that open sockets look like faults.
run_tests tsan -L '^(base|data|graph|plan|group|sim|infer|video)$' -E '^video_live$'

python3 -B scripts/_count.py build/release/junit.xml build/bare/junit.xml build/asan/junit.xml build/tsan/junit.xml
