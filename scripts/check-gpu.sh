#!/bin/sh
# Runs the test suite on a GPU that is there, on all of them if there are several, and writes down what one needs to
# know if something fails, and how fast it is.
#     ./scripts/check-gpu.sh [DEVICE]      default cuda:0
#     ./scripts/check-gpu.sh --carry       on a machine with apt: the packages for one without, into .gpu/
# Builds the release for this card alone, runs every test of layers, networks, optimizers and devices on it in f32, bf16 and
# f16, with cuDNN and without, and with the device's own mode; NVIDIA's sanitizer; steps of training beside PyTorch's (eager, CUDA
# graph, torch.compile); a profile; groups on as many GPUs as there are. A call takes at most LIMIT seconds (540), and what has
# passed is not run again by the next one, as long as the source is the same: a machine that is lent for minutes is enough. In the
# end there are a table, build/gpu-report.tar.gz to bring back, and a row of docs/gpu.md.
#
# A machine without a registry: `--carry` first, elsewhere, and take the folder .gpu along with the tree. Its packages are unpacked
# into build/gpu-deps, nothing is written elsewhere; the headers and libraries of cuDNN and NCCL may be those of PyTorch's wheels.
set -eu
cd "$(dirname "$0")/.."
. scripts/_install.sh

out=build/gpu-report
build=${GPU_BUILD:-build/gpu}
deps=build/gpu-deps
cores=$(nproc)
processes=${PROCESSES:-4}
end=$(($(date +%s) + ${LIMIT:-540}))
libs=$PWD/$deps/usr/lib/$(uname -m)-linux-gnu

# What the build, the tests and its modules need of Debian, headers and libraries; compilers, CMake and Ninja are there.
carried="libdnnl-dev libcmocka-dev libcjson-dev libstb-dev libxxhash-dev libjpeg-dev libpng-dev zlib1g-dev pkg-config"

carry() {
    mkdir -p .gpu
    # shellcheck disable=SC2086  # a list of words
    all=$(apt-get install --simulate --no-install-recommends -o Dir::State::status=/dev/null $carried |
        sed -n 's/^Inst \([^ ]*\) .*/\1/p' |
        grep -E '^(libdnnl|libcmocka|libcjson|libstb|libxxhash|libjpeg|libpng|zlib1g|libtbb|ocl-icd|pkgconf|pkg-config|libpkgconf)')
    # shellcheck disable=SC2086  # a list of words
    (cd .gpu && apt-get download $all)
    git describe --always --dirty >.gpu/source
    say "$(find .gpu -name '*.deb' | wc -l) packages, $(du -sh .gpu | cut -f 1), are in .gpu: take that folder along."
}

# A package's files, with dpkg or without.
unpack() {
    if command -v dpkg-deb >/dev/null 2>&1; then
        dpkg-deb -x "$1" "$deps"
        return
    fi
    member=$(ar t "$1" | grep '^data\.tar')
    case $member in
    *.zst) ar p "$1" "$member" | zstd -dc ;;
    *.xz) ar p "$1" "$member" | xz -dc ;;
    *) ar p "$1" "$member" | gzip -dc ;;
    esac | tar -x -C "$deps" -f -
}

# Where the packages of .gpu are, and PyTorch's copies of NVIDIA's libraries.
use_carried() {
    if [ ! -e "$deps/complete" ]; then
        mkdir -p "$deps"
        for package in .gpu/*.deb; do
            unpack "$package"
        done
        touch "$deps/complete"
    fi
    export PKG_CONFIG_SYSROOT_DIR="$PWD/$deps" CMAKE_PREFIX_PATH="$PWD/$deps/usr"
    export PKG_CONFIG_LIBDIR="$libs/pkgconfig:$PWD/$deps/usr/share/pkgconfig"
    export LIBRARY_PATH="$libs" LD_LIBRARY_PATH="$libs${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
    export PATH="$PWD/$deps/usr/bin:$PATH"
    flags="-DCMAKE_EXE_LINKER_FLAGS=-Wl,-rpath-link,$libs -DCMAKE_SHARED_LINKER_FLAGS=-Wl,-rpath-link,$libs"
}

# The folder of PyTorch's wheels that has this header; nothing if there is none.
header() {
    [ -n "$wheels" ] || return 0
    find "$wheels" -name "$1" -path '*/include/*' 2>/dev/null | head -n 1 | xargs -r dirname
}

find_wheels() {
    wheels=$(python3 -c 'import nvidia; print(list(nvidia.__path__)[0])' 2>/dev/null || :)
    cudnn=$(header cudnn.h)
    nccl=$(header nccl.h)
    [ -n "$cudnn" ] && flags="$flags -DTENON_CUDNN_INCLUDE_DIR=$cudnn"
    [ -n "$nccl" ] && flags="$flags -DTENON_NCCL_INCLUDE_DIR=$nccl"
    [ -n "$wheels" ] || return 0
    found=$(find "$wheels" -maxdepth 2 -name lib -type d | paste -s -d : -)
    export TENON_CUDA_LIBS="${TENON_CUDA_LIBS:-$found:/usr/local/cuda/lib64}"
}

left() {
    say $((end - $(date +%s)))
}

# A step: its name, the seconds it may take, then the command, whose output is a file of that name.
step() {
    name=$1
    seconds=$2
    shift 2
    grep -qx "$name" "$out/passed" && return
    rest=$(($(left) - 10))
    if [ "$rest" -lt 30 ]; then
        say "not yet    $name"
        return
    fi
    [ "$seconds" -lt "$rest" ] || seconds=$rest
    status=0
    timeout -k 5 "$seconds" sh scripts/check-gpu.sh --do "$@" >"$out/$name.log" 2>&1 </dev/null || status=$?
    case $status in
    0)
        say "$name" >>"$out/passed"
        say "ok         $name"
        ;;
    77) say "skipped    $name" ;;
    124 | 137) say "no time    $name (after $seconds s)" ;;
    *)
        say "FAILED     $name"
        tail -n 20 "$out/$name.log"
        ;;
    esac
}

machine() {
    say "# $source, $device, $(uname -srm), $cores cores"
    nvidia-smi || say "nvidia-smi does not run"
    nvidia-smi -q -d CLOCK,POWER,MEMORY | head -60 || :
    nvidia-smi topo -m || :
    df -h /dev/shm || :
    nvcc --version | tail -2
    python3 -c 'import torch; print("torch", torch.__version__, torch.backends.cudnn.version())' || say "no PyTorch"
}

# For this card alone, unless ARCH says otherwise.
compile() {
    arch=${ARCH:-$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader 2>/dev/null | head -n 1 | tr -d .)}
    # shellcheck disable=SC2086  # a list of words
    cmake -S . -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DTENON_CUDA=ON -DTENON_BENCH=ON \
        "-DTENON_CUDA_ARCHITECTURES=${arch:-90}" $flags
    cmake --build "$build" -j "$cores"
    cmake --build "$build" -j "$cores" | tail -1
}

# Words for env, how many at once, then a label or -R and names.
tests() {
    variables=$1
    at_once=$2
    shift 2
    # shellcheck disable=SC2086  # a list of words
    env $variables ctest --test-dir "$build" "$@" -j "$at_once" --timeout 500 --output-on-failure
}

# A test under one of NVIDIA's tools, Tenon's own kernels only.
sanitize() {
    env "TENON_TEST_GPU=$device" compute-sanitizer --error-exitcode 9 --kernel-regex kns=tnk_ --tool "$1" \
        "$build/tests/$2"
}

# A net, its batch, a device, a precision: milliseconds of training steps, twice, the first while it warms up.
figures() {
    say "# $card: $1, batches of $2, $3, $4"
    printf 'run 30\nrun 200\nquit\n' | "$build/bench/tenon_step" "$1" "$2" "$3" "$4" train
}

# Beside PyTorch's best, interleaved; torch.compile too if the last word says so.
beside() {
    python3 -c 'import torch' || return 77
    # shellcheck disable=SC2086  # a word or none
    BENCH_BUILD="$PWD/$build" BENCH_PYTHON=$(command -v python3) \
        python3 bench/step/compare.py --net "$1" --batch "$2" --device "$device" --precision "$3" --rounds 3 --seconds 0.7 $4
}

# Every kernel of a plain step: time, bytes, how full the card is; where ncu may not look, seconds a layer.
profile() {
    metrics=gpu__time_duration.sum,dram__bytes_read.sum,dram__bytes_write.sum,sm__warps_active.avg.pct_of_peak_sustained_active
    if command -v ncu >/dev/null 2>&1; then
        printf 'run 3\nquit\n' >"$out/three"
        ncu --clock-control none --cache-control none --csv --metrics $metrics --launch-skip 1500 --launch-count 900 \
            sh -c "'$build/bench/tenon_step' $1 $2 $device,graph=off bf16 train <'$out/three'" && return
    fi
    "$build/tools/tenon-speed" --net "$(say "$1" | sed s/alexnet/torchvision/)" --batch "$2" --per-layer --rounds 1 \
        --gpu "$device"
}

nets="alexnet:128 resnet18:64 resnet18:256 resnet50:256 googlenet:128"

several_gpus() {
    [ "$several" -gt 1 ] || return 0
    gpus=cuda:0-$((several - 1))
    # Code is loaded when it is first used unless CUDA is told otherwise: what users have, and where hangs would be.
    for loading in LAZY EAGER; do
        step "group_$loading" 300 tests \
            "CUDA_MODULE_LOADING=$loading TENON_TEST_GPU=cuda:0 TENON_TEST_GPUS=$gpus" 1 \
            -R '^test_(group_gpus|cuda_nccl|cuda_nccl_faults)$'
    done
    step "ranks" 300 tests "TENON_TEST_GPUS=$gpus" 1 -R ranks
    step "alexnet_$several" 120 figures alexnet $((128 * several)) "$gpus" bf16
    step "resnet18_$several" 120 figures resnet18 $((64 * several)) "$gpus" bf16
}

check() {
    say "# $card; $count GPUs"
    step machine 60 machine
    step compile 530 compile
    grep -qx compile "$out/passed" || return 0
    for label in layers models optim graph plan run backends devices group; do
        step "tests_$label" 520 tests "TENON_TEST_GPU=$device" "$processes" -L "^$label\$"
    done
    step tests_default 300 tests "TENON_TEST_GPU=$device" 2 -R '^test_(nets|learn|join|fusion)$'
    step speed 120 "$build/tools/tenon-speed" --gpu "$device"
    for net in $nets; do
        for precision in bf16 tf32; do
            step "beside_${net%:*}_${net#*:}_$precision" 150 beside "${net%:*}" "${net#*:}" $precision ""
        done
        step "compiled_${net%:*}_${net#*:}" 240 beside "${net%:*}" "${net#*:}" bf16 --compile
        step "tuned_${net%:*}_${net#*:}" 120 figures "${net%:*}" "${net#*:}" "$device,autotune=on" bf16
    done
    several_gpus
    for net in $nets; do
        step "profile_${net%:*}_${net#*:}" 170 profile "${net%:*}" "${net#*:}"
    done
    command -v compute-sanitizer >/dev/null 2>&1 || return 0
    for test in batchnorm batchnorm_posts pool2d softmax_xent concat dropout conv2d dense; do
        step "memcheck_$test" 150 sanitize memcheck "test_$test"
    done
    for test in batchnorm softmax_xent lrn; do
        step "racecheck_$test" 120 sanitize racecheck "test_$test"
    done
    for test in batchnorm pool2d; do
        step "synccheck_$test" 120 sanitize synccheck "test_$test"
    done
}

case ${1:-} in
--carry)
    carry
    exit
    ;;
--do) # the inside of step(), which timeout needs as a program
    shift
    "$@"
    exit
    ;;
esac
device=${1:-cuda:0}
source=$(git describe --always --dirty 2>/dev/null || cat .gpu/source 2>/dev/null || say unknown)
mkdir -p "$out"
[ "$(cat "$out/source" 2>/dev/null)" = "$source $device" ] || rm -f "$out/passed"
say "$source $device" >"$out/source"
touch "$out/passed"

flags=
wheels=
if ls .gpu/*.deb >/dev/null 2>&1; then
    use_carried
else
    # shellcheck disable=SC2086,SC2154  # a list of words, of _install.sh
    install_missing $packages
fi
find_wheels
export TENON_MODULES="$PWD/$build" TENON_CACHE="${TENON_CACHE:-$PWD/build/gpu-cache}"

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

export device source card count flags
check 2>&1 | tee "$out/now.txt"
cat "$out/now.txt" >>"$out/report.txt"
python3 scripts/_gpu_report.py "$out" "$card" "$device"
tar -czf build/gpu-report.tar.gz -C build gpu-report
say "Bring back build/gpu-report.tar.gz ($(du -h build/gpu-report.tar.gz | cut -f 1)) and docs/gpu.md."
if grep -q '^FAILED' "$out/now.txt"; then
    die "Something failed on $device. Please open an issue with that file."
fi
if grep -q '^no[t ]' "$out/now.txt"; then
    say "Not all of it was done in the time: call me again."
    exit 75
fi
say "All of it passed on $device."
