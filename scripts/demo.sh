#!/bin/sh
# Trains AlexNet, from a fresh clone on a bare Debian 12: installs what is missing, builds, and
#     ./scripts/demo.sh                  makes ten classes of pictures and learns to tell them apart
#     ./scripts/demo.sh DIR [flags]      learns on your own folder, one subfolder a class
# Flags are those of the example (build/release/examples/alexnet --help).
set -eu
cd_from=$PWD
cd "$(dirname "$0")/.."
. scripts/_install.sh

case ${1-} in
-h | --help)
    sed -n '2,5s/^# //p' scripts/demo.sh
    exit 0
    ;;
-*)
    say "Which folder? ./scripts/demo.sh DIR $*" >&2
    exit 2
    ;;
esac

if [ $# != 0 ]; then
    dir=$1
    shift
    case $dir in
    /*) ;;
    *) dir=$cd_from/$dir ;;
    esac
    [ -e "$dir" ] || { say "There is no $dir." >&2; exit 2; }
fi

# shellcheck disable=SC2086  # a list of words
install_missing $packages
build release "alexnet classify tenon-shapes"
alexnet=$PWD/build/release/examples/alexnet

if [ -n "${dir-}" ]; then
    # Without pictures set apart there is nothing to tell how well it learns.
    [ -d "$dir/val" ] || case " $* " in
    *" --val "* | *" --split "* | *" --evaluate "*) ;;
    *) set -- --split 10 "$@" ;;
    esac
    cd "$cd_from"
    exec "$alexnet" "$dir" --save alexnet.safetensors "$@"
fi

if [ ! -d build/demo-data ]; then
    say "Making pictures in build/demo-data ..."
    rm -rf build/demo-data.part
    build/release/tools/tenon-shapes build/demo-data.part --train 400 --val 50 >/dev/null
    mv build/demo-data.part build/demo-data
fi
say "Training AlexNet on build/demo-data; over 90 % of val is what to expect."
"$alexnet" build/demo-data --size 96 --batch 32 --epochs 10 --rate 0.015 --save build/demo.safetensors

say ""
say "What it says about a star it has not seen (build/demo-data/val/star/0000.jpg):"
build/release/examples/classify build/demo.safetensors build/demo-data/val/star/0000.jpg
