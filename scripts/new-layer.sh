#!/bin/sh
# Adds a layer: ./scripts/new-layer.sh NAME. Writes the operation, its kernels on the CPU (a fast and the
# reference one) and on a GPU and its
# test, and declares tn_NAME() in layers.h, from the templates in scripts/layer. What it writes works:
# y = scale x.
set -eu
cd "$(dirname "$0")/.."
header=include/tenon/layers.h
losses='/\* ---- losses -'

die() {
    echo "new-layer: $*" >&2
    exit 2
}

[ $# = 1 ] || die "usage: ./scripts/new-layer.sh NAME"
name=$1
echo "$name" | grep -qx '[a-z][a-z0-9_]*' || die "\"$name\" is no name: a-z, then a-z, 0-9 and _"
grep -q "tn_$name(" $header && die "$header declares tn_$name() already"
grep -q "$losses" $header || die "$header has no section of losses to put the declaration before"
layer=src/layers/$name.c
cpu=src/backends/cpu/$name.c
reference=src/backends/cpu/reference/$name.c
cuda=src/backends/cuda/$name.c
kernel=src/backends/cuda/kernels/$name # .h and .cu
test=tests/layers/test_$name.c
for file in "$layer" "$cpu" "$reference" "$cuda" "$kernel.h" "$kernel.cu" "$test"; do
    [ ! -e "$file" ] || die "$file is there already"
done

from_template() {
    sed "s/NAME/$name/g" "scripts/layer/$1"
}

from_template layer.c >"$layer"
from_template kernel.c >"$cpu"
from_template reference.c >"$reference"
from_template cuda.c >"$cuda"
from_template cuda.h >"$kernel.h"
from_template cuda.cu >"$kernel.cu"
from_template test.c >"$test"
{
    sed "\%$losses%,\$d" $header
    from_template declaration.h
    echo
    sed -n "\%$losses%,\$p" $header
} >"$header.new"
mv "$header.new" $header

# A long name makes long lines.
if command -v clang-format >/dev/null 2>&1; then
    clang-format -i $header "$layer" "$cpu" "$reference" "$cuda" "$kernel.h" "$kernel.cu" "$test"
fi
echo "tn_$name() is there, as y = scale x. Now make it yours:"
echo "    $header  $layer  $cpu  $reference  $cuda  $kernel.h  $kernel.cu  $test"
