#!/bin/sh
# CONTRIBUTING's "adding a layer" holds: in a copy of the tree scripts/new-layer.sh adds one, which builds
# without warnings, passes its own test and the checks of the tree. Usage: new_layer.sh SOURCE WORK PYTHON
set -eu
source=$1
work=$2
python=$3
tree="include src tests cmake scripts bench CMakeLists.txt .clang-format"

rm -rf "$work"
mkdir -p "$work/copy"
for part in $tree; do
    cp -R "$source/$part" "$work/copy/"
done
cd "$work/copy"

fail() {
    echo "new-layer: $*" >&2
    exit 1
}

./scripts/new-layer.sh twice_over
for refused in twice_over relu Swish "" "a b"; do
    status=0
    ./scripts/new-layer.sh "$refused" 2>../err.txt || status=$?
    [ "$status, $(wc -l <../err.txt)" = "2, 1" ] || fail "does not refuse \"$refused\" in one line"
done

for check in layers includes files; do
    "$python" -B tests/house/check_$check.py "$work/copy"
done
status=0
"$python" -B tests/house/check_format.py "$work/copy" || status=$?
[ $status = 0 ] || [ $status = 77 ] || fail "not as clang-format leaves it"

trap '[ $? = 0 ] || cat "$work/build.log"' EXIT
cmake -S . -B "$work/build" -G Ninja -DCMAKE_BUILD_TYPE=Debug -DCMAKE_C_FLAGS_DEBUG=-O0 \
    -DCMAKE_CXX_FLAGS_DEBUG=-O0 -DTENON_WERROR=ON -DTENON_EXAMPLES=OFF \
    >"$work/build.log" 2>&1
# Nothing but the test is asked for, as somebody who adds a layer would.
test_it() {
    cmake --build "$work/build" --target test_twice_over >>"$work/build.log" 2>&1
    ctest --test-dir "$work/build" -R '^test_twice_over' >"$work/test.log" 2>&1
}
test_it || fail "its test fails: $(cat "$work/test.log")"
# Where there is no toolkit for the simulated GPU, that is said.
gpu=yes
grep -q tenon_sim "$work/build/build.ninja" || gpu=no
[ $gpu = yes ] || grep -q 'test_twice_over_cuda .*Skipped' "$work/test.log" ||
    fail "nothing says that the kernel for GPUs was not tested: $(cat "$work/test.log")"

# The new test must notice a kernel that is wrong.
notices() {
    sed -i "$2" "src/backends/$1"
    if test_it; then
        fail "the new test passes with src/backends/$1 wrong"
    fi
    sed -i "$3" "src/backends/$1"
}
notices cpu/twice_over.c 's/scale \* from\[i\]/scale * from[i] + 1/' 's/ + 1;/;/'
[ $gpu = no ] ||
    notices cuda/kernels/twice_over.cu 's/p.factor \* v\[j\]/p.factor * v[j] + 1/' 's/ + 1;/;/'
