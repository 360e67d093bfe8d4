#!/bin/sh
# Runs the test suite on a GPU that is there, on all of them if there are several, and writes down what one needs to
# know if something fails, and how fast it is.
#     ./scripts/check-gpu.sh [DEVICE]      default cuda:0
# Builds the release with the backend for GPUs, runs every test of layers, networks, optimizers and devices on that device
# in f32, bf16 and f16, with cuDNN and without; groups on as many GPUs as there are; then measures. All of it goes into
# build/gpu-report, a file a step and report.txt with the outcome of each: that folder is what to send. What has passed is
# not run again by the next call, as long as the source is the same: a machine that is lent for minutes is enough.
set -eu
cd "$(dirname "$0")/.."
. scripts/_install.sh

device=${1:-cuda:0}
out=build/gpu-report
build=build/release
source=$(git describe --always --dirty 2>/dev/null || say unknown)
mkdir -p "$out"
[ "$(cat "$out/source" 2>/dev/null)" = "$source $device" ] || rm -f "$out/passed"
say "$source $device" >"$out/source"
touch "$out/passed"

# A step: its name, then the command, whose output is a file of that name.
step() {
    name=$1
    shift
    if grep -qx "$name" "$out/passed"; then
        say "ok before  $name"
        return
    fi
    if "$@" >"$out/$name.log" 2>&1 </dev/null; then
        say "$name" >>"$out/passed"
        say "ok         $name"
    else
        say "FAILED     $name"
        tail -n 20 "$out/$name.log"
    fi
}

machine() {
    say "# $source, $device, $(uname -srm), $(nproc) cores"
    nvidia-smi || say "nvidia-smi does not run"
    nvidia-smi topo -m || :
    df -h /dev/shm || :
    sed -n '/^-- Tenon /,$p' build/release.log
}

# Words for env, then a label or -R and names.
tests() {
    variables=$1
    shift
    # shellcheck disable=SC2086  # a list of words
    env $variables ctest --test-dir "$build" "$@" --timeout 1800 --output-on-failure
}

# A net, its batch, a device, a precision: milliseconds of training steps, twice, the first while it warms up.
figures() {
    say "# $card: $1, batches of $2, $3, $4"
    printf 'run 30\nrun 200\nquit\n' | "$build/bench/tenon_step" "$1" "$2" "$3" "$4" train
}

check() {
    say "# $card; $count GPUs"
    step machine machine
    for label in layers models optim graph plan run backends devices group; do
        step "tests_$label" tests "TENON_TEST_GPU=$device" -L "^$label\$"
    done
    step speed "$build/tools/tenon-speed" --gpu "$device"
    for precision in bf16 tf32; do
        step "alexnet_$precision" figures alexnet 128 "$device" $precision
        step "resnet18_$precision" figures resnet18 64 "$device" $precision
    done
    [ "$several" -gt 1 ] || return 0
    gpus=cuda:0-$((several - 1))
    # Code is loaded when it is first used unless CUDA is told otherwise: what users have, and where hangs would be.
    for loading in LAZY EAGER; do
        step "group_$loading" tests \
            "CUDA_MODULE_LOADING=$loading TENON_TEST_GPU=cuda:0 TENON_TEST_GPUS=$gpus" \
            -R '^test_(group_gpus|cuda_nccl|cuda_nccl_faults)$'
    done
    step "alexnet_$several" figures alexnet $((128 * several)) "$gpus" bf16
    step "resnet18_$several" figures resnet18 $((64 * several)) "$gpus" bf16
}

# shellcheck disable=SC2086  # a list of words
install_missing $packages
build release all -DTENON_CUDA=ON -DTENON_BENCH=ON

card=$(nvidia-smi --query-gpu=name --format=csv,noheader 2>/dev/null | head -n 1)
[ -n "$card" ] || card="no card that nvidia-smi knows"
count=$(nvidia-smi -L 2>/dev/null | grep -c '^GPU' || :)
# As many of them as share the tests' batch of 8.
several=1
while [ $((2 * several)) -le "$count" ] && [ $several -lt 8 ]; do
    several=$((2 * several))
done
case $device in
cuda:*) ;;
*) several=1 ;;
esac

check 2>&1 | tee "$out/now.txt"
cat "$out/now.txt" >>"$out/report.txt"
if grep -q '^FAILED' "$out/now.txt"; then
    die "Something failed on $device. Please open an issue with the folder $out."
fi
say "All of it passed on $device. The report is $out."
