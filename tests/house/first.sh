#!/bin/sh
# The program of docs/first-program.md: stopped and resumed it comes to the numbers that it comes to in one go, and its
# model is one that others know how to use.
# Usage: first.sh PROGRAM TOOLS_FOLDER WORK_FOLDER
set -eu
program=$1
tools=$2
work=$3

rm -rf "$work"
mkdir -p "$work"
cd "$work"
"$tools/tenon-shapes" shapes --train 4 --val 2 >/dev/null
"$program" shapes whole >whole.txt
tail -n 1 whole.txt | grep -q '^epoch 12: loss [0-9.]*, [0-9.]* % right; of those never seen [0-9.]* %$'
"$program" shapes cut >cut.txt &
until [ -s cut/checkpoints/best.safetensors ]; do sleep 0.1; done # an epoch is over
kill -9 $! 2>/dev/null || true
wait $! || true
"$program" shapes cut resume >>cut.txt
tail -n 1 cut.txt
[ "$(tail -n 1 cut.txt)" = "$(tail -n 1 whole.txt)" ]
"$tools/tenon-infer" whole shapes/val/star/*.jpg | grep -q star
