#!/bin/sh
# The program of README.md trains on a few pictures and leaves its parameters.
# Usage: readme.sh PROGRAM TOOLS_FOLDER WORK_FOLDER
set -eu
program=$1
tools=$2
work=$3

rm -rf "$work"
mkdir -p "$work"
cd "$work"
"$tools/tenon-shapes" shapes --train 4 --val 0 >/dev/null
"$program" shapes/train | tee out.txt
tail -n 1 out.txt | grep -q '^epoch 19: [0-9.]* % right$'
[ -s small.safetensors ]
