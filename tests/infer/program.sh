#!/bin/sh
# The program of docs/engine.md says the same, whichever library it is built with. Usage: program.sh WORK MAKER PROGRAM...
set -eu
work=$1 maker=$2
shift 2
rm -rf "$work"
mkdir -p "$work"
"$maker" "$work" >"$work/expected"
[ "$(wc -l <"$work/expected")" = 3 ]
for program in "$@"; do
    "$program" "$work/flowers.plan" "$work/0.ppm" "$work/1.ppm" "$work/expected" "$work/2.ppm" >"$work/said" 2>"$work/errors" ||
        { cat "$work/errors" >&2; exit 1; }
    diff "$work/expected" "$work/said"
    grep -q "$work/expected" "$work/errors" || { echo "what is no picture is not named" >&2; exit 1; }
    echo "$(basename "$program"): $(wc -c <"$program") bytes"
done
