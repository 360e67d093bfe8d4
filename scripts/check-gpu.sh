#!/bin/sh
# Runs the test suite on a GPU that is there, and writes down what one needs to know if something fails.
#     ./scripts/check-gpu.sh [DEVICE]      default cuda:0
# Builds the release with the backend for GPUs, runs every test of layers, networks, optimizers and devices
# on that device in f32, bf16 and f16, with cuDNN and without, and then examples/speedup. All of it goes to
# build/gpu-report.txt too: that is the file to send.
set -eu
cd "$(dirname "$0")/.."
. scripts/_install.sh

device=${1:-cuda:0}
report=build/gpu-report.txt
# shellcheck disable=SC2086  # a list of words
install_missing $packages
build release all -DTENON_CUDA=ON

{
    say "# $(git describe --always --dirty 2>/dev/null || say 'not a git checkout'), $device, $(uname -srm)"
    nvidia-smi 2>&1 || say "nvidia-smi does not run"
    sed -n '/^-- Tenon /,$p' build/release.log
} >"$report"

status=0
TENON_TEST_GPU=$device ctest --test-dir build/release -L '^(layers|models|optim|graph|plan|backends|devices|group)$' --timeout 1800 \
    --output-on-failure </dev/null >build/gpu-tests.log 2>&1 || status=$?
cat build/gpu-tests.log >>"$report"
tail -n 20 build/gpu-tests.log

say "Measuring ..."
build/release/examples/speedup --gpu "$device" >build/gpu-speedup.log 2>&1 || status=$?
cat build/gpu-speedup.log >>"$report"
cat build/gpu-speedup.log

if [ $status = 0 ]; then
    say "All of it passed on $device. The report is $report."
else
    die "Something failed on $device. Please open an issue with the file $report."
fi
