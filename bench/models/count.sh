#!/bin/sh
# How much of what other programs have made Tenon takes, over any folders of it:   bench/models/count.sh [options] FOLDER...
#   *.prototxt        Caffe's nets and solvers: how many are read, how many become models
#   *.onnx            models
#   model.onnx beside test_data_set_0, as onnx/onnx's node tests are: how many give the numbers that stand there
# A line a file (kind, outcome, path and why, parted by tabs); at the end `sum` lines, and `why` lines with the reasons.
# Options: -o: each model of a node test is optimised first (tn_model_optimise()); -s SECONDS (60) and -m GIB of memory (no
# limit) a file. Each is opened in a process of its own, so that one that crashes is counted as such.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
build="${BENCH_BUILD:-$root/build/bench}"
cmake -S "$root" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DTENON_BENCH=ON -DTENON_TESTS=OFF \
    -DTENON_EXAMPLES=OFF >&2
cmake --build "$build" --target tenon_count >&2
exec "$build/bench/models/tenon_count" "$@"
