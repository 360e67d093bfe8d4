#!/bin/sh
# Repeats one comparison of bench/README.md:   bench/run.sh bars|train|infer|engines|beside|loader|data|doctor|forecast|video|run|runs|serve|learn|scaling|before [options]
# Options go to the comparison's program; --help lists them.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
what=${1:-}
[ $# -gt 0 ] && shift
export BENCH_BUILD="${BENCH_BUILD:-$root/build/bench}"
export BENCH_PYTHON="${BENCH_PYTHON:-/usr/bin/python3}"
export PYTHONDONTWRITEBYTECODE=1

examples=OFF
case $what in
bars) program=bars/compare.py options= ;;
train) program=step/compare.py options="--mode train" ;;
infer) program=step/compare.py options="--mode infer --batch 1 32" ;;
engines) program=engines/compare.py options= ;;
beside) program=beside/compare.py options= ;;
loader) program=loader/compare.py options= ;;
learn) program=learn/compare.py options= ;;
data) program=data/compare.py options= ;;
forecast) program=forecast/forecast.py options= ;;
run) program= options= ;;
runs) program=runs/compare.py options= ;;
serve) program=serve/compare.py options= examples=ON ;;
scaling) program=scaling/compare.py options= ;;
before) program=before/compare.py options= ;;
doctor) program=doctor/compare.py options= examples=ON ;;
video) program=video/compare.py options= examples=ON ;;
*)
    echo "usage: bench/run.sh bars|train|infer|engines|beside|loader|data|doctor|forecast|video|run|runs|serve|learn|scaling|before [options]" >&2
    exit 2
    ;;
esac

case $what in
doctor) "$BENCH_PYTHON" -c "import cleanvision" || { echo "CleanVision is missing: pip install cleanvision" >&2; exit 1; } ;;
video) "$BENCH_PYTHON" -c "import av, cv2, onnx, onnxruntime" || { echo "missing: pip install av opencv-python-headless onnx onnxruntime" >&2; exit 1; } ;;
scaling | before | data | forecast | run | runs | serve) ;;
*)
    if ! "$BENCH_PYTHON" -c "import torch, torchvision"; then
        echo "PyTorch is missing: apt-get install python3-torch python3-torchvision" >&2
        exit 1
    fi
    ;;
esac
cmake -S "$root" -B "$BENCH_BUILD" -G Ninja -DCMAKE_BUILD_TYPE=Release -DTENON_BENCH=ON \
    -DTENON_TESTS=OFF -DTENON_EXAMPLES=$examples >&2
cmake --build "$BENCH_BUILD" >&2
if [ "$what" = run ]; then
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
    "$BENCH_BUILD/bench/tenon_run" "$folder/run" "$@"
    exit
fi
# shellcheck disable=SC2086  # options are several words
exec "$BENCH_PYTHON" "$root/bench/$program" $options "$@"
