#!/bin/sh
# Trains AlexNet, from a fresh clone on a bare Debian 12: installs what is missing, builds, and
#     ./scripts/demo.sh                  makes ten classes of pictures and learns to tell them apart
#     ./scripts/demo.sh DIR [flags]      learns on your own folder, one subfolder a class, in runs/ of where you are
#     ./scripts/demo.sh --serve [flags]  the first, in a browser: pictures, training and model; flags are those of tenon serve
# Flags are those of tenon train (build/release/tools/tenon train --help).
set -eu
cd_from=$PWD
cd "$(dirname "$0")/.."
. scripts/_install.sh

serve=
case ${1-} in
--serve)
    serve=yes
    shift
    ;;
-h | --help)
    sed -n '2,6s/^# //p' scripts/demo.sh
    exit 0
    ;;
-*)
    say "Which folder? ./scripts/demo.sh DIR $*" >&2
    exit 2
    ;;
esac

if [ $# != 0 ] && [ -z "$serve" ]; then
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
# All that docs/quickstart.md goes on with.
build release "tenon tenon-train tenon-run tenon-shapes tenon-build tenon-infer tenon-doctor tenon-data tenon-eval tenon-plan tenon-model tenon-serve"
tenon=$PWD/build/release/tools/tenon

if [ -n "${dir-}" ]; then
    # Without pictures set apart there is nothing to tell how well it learns.
    [ -d "$dir/val" ] || case " $* " in
    *" --val "* | *" --split "* | *" --resume "* | *" --repeat "*) ;;
    *) set -- --split 10 "$@" ;;
    esac
    case " $* " in
    *" --net "* | *" --init "* | *" --resume "* | *" --repeat "*) ;;
    *) set -- --net torchvision "$@" ;;
    esac
    cd "$cd_from"
    exec "$tenon" train "$dir" "$@"
fi

if [ ! -d build/demo-data ]; then
    say "Making pictures in build/demo-data ..."
    rm -rf build/demo-data.part
    "$tenon" shapes build/demo-data.part --train 400 --val 50 >/dev/null
    mv build/demo-data.part build/demo-data
fi
recipe="--net torchvision --size 96 --batch 32 --epochs 10 --rate 0.015"

# A workspace with the pictures as a data set and the training as a run, which goes on when the page is closed.
if [ -n "$serve" ]; then
    work=build/demo-work
    mkdir -p $work/runs
    chmod go-w $work
    [ -d $work/datasets/shapes ] ||
        "$tenon" data browse $work "{\"do\": \"make\", \"dataset\": \"shapes\", \"path\": \"$PWD/build/demo-data\", \"size\": 96}" >/dev/null
    if [ ! -e $work/runs/shapes ]; then
        say "Training AlexNet on build/demo-data, in the background: what it says is in $work/runs/shapes.output"
        # shellcheck disable=SC2086  # a list of words
        setsid "$tenon" train build/demo-data $recipe --run shapes --workspace $work >$work/runs/shapes.output 2>&1 </dev/null &
    fi
    say "Open this in a browser (over ssh: ssh -L 7860:localhost:7860 HOST); Ctrl-C ends the page, not the training:"
    [ "$(id -u)" != 0 ] || set -- --as-root "$@"
    exec "$tenon" serve $work --data build/demo-data "$@"
fi

run=build/demo-run
if [ -e $run/config.json ]; then
    say "$run is a run already; it goes on from where it is. (rm -r $run, and it begins anew.)"
    "$tenon" train --resume $run
else
    say "Training AlexNet on build/demo-data; over 90 % of val is what to expect. Ctrl-C, and it goes on next time."
    # shellcheck disable=SC2086
    "$tenon" train build/demo-data $recipe --run $run
fi
"$tenon" run plot $run --out $run/curves.svg --force

say ""
say "Its best model as an engine, and what that says about a star it has not seen (build/demo-data/val/star/0000.jpg):"
"$tenon" build $run -o $run/shapes.plan --force
"$tenon" infer $run/shapes.plan build/demo-data/val/star/0000.jpg
say ""
say "All about the run is in its folder, $run:"
say "    its curves, for a browser:     $run/curves.svg"
say "    its engine (docs/engine.md):   $run/shapes.plan"
say "    what happened to it:           build/release/tools/tenon run show $run"
