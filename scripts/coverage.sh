#!/bin/sh
# Which lines of the library and its tools no test ever executes:   ./scripts/coverage.sh [LABEL...]
# Builds for gcov, runs the tests of these labels (base, data, runs, ...; without one all that builds), and lists by file each stretch of
# lines that never ran, but for what only reports an error. It is no part of check.sh: it builds all a fifth time, and runs
# everything at a third of its speed. Lines that other processes than the tests' execute count, too, unless they are killed.
set -eu
cd "$(dirname "$0")/.."
. scripts/_install.sh

# shellcheck disable=SC2086  # a list of words
install_missing $packages python3-numpy libopenmpi-dev openmpi-bin

labels= targets=
for label in "$@"; do
    labels="$labels${labels:+|}$label"
    targets="$targets${targets:+ }tests_$label"
done
build coverage "${targets:-all}"
find build/coverage -name '*.gcda' -delete
say "Testing ..."
ctest --test-dir build/coverage -j "$(($(nproc) + 1))" --timeout 1800 -L "^(${labels:-.*})\$" -LE '^(house|install)$' \
    </dev/null >build/coverage/tests.txt 2>&1 || say "Some tests failed: build/coverage/tests.txt"
python3 -B scripts/_coverage.py build/coverage
