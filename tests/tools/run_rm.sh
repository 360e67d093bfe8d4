#!/bin/sh
# tenon-run rm: to the trash or for good, only what is a run and does not live, and nothing that a link names.
# Usage: run_rm.sh TENON_RUN WORK_FOLDER PYTHON
set -eu
here=$(cd "$(dirname "$0")" && pwd)
run=$1
work=$2
python=$3
rm -rf "$work"
mkdir -p "$work"
cd "$work"
"$python" -B "$here/runs_by_hand.py" ws
export TENON_WORKSPACE=ws

fail() {
    echo "run_rm: $*" >&2
    exit 1
}

# removes WHAT WORDS...: status 0, and WHAT in what it says
removes() {
    what=$1
    shift
    "$run" rm "$@" >said 2>&1 || fail "\"$*\": $(cat said)"
    grep -q -e "$what" said || fail "\"$*\" does not say \"$what\": $(cat said)"
}

refuse() {
    why=$1 status=0
    shift
    find ws outside | sort >before.txt
    "$run" rm "$@" >out.txt 2>err.txt || status=$?
    [ $status = 2 ] && [ "$(wc -l <err.txt)" = 1 ] || fail "\"$*\": status $status: $(cat err.txt)"
    grep -q -e "$why" err.txt || fail "\"$*\" does not say \"$why\": $(cat err.txt)"
    find ws outside | sort | cmp -s - before.txt || fail "\"$*\" was refused and has changed something"
}

mkdir -p outside/folder
echo precious >outside/file
echo precious >outside/folder/file

removes "^ws/runs/died is now ws/trash/died$" died
[ ! -e ws/runs/died ] && [ -e ws/trash/died/log.jsonl ] || fail "died is not in the trash"
cp -r ws/trash/died ws/runs/died
removes "ws/trash/died.2$" died
[ -e ws/trash/died.2/log.jsonl ] && [ -e ws/trash/died/log.jsonl ] || fail "one of the two is lost"

# All of them are looked at before the first is touched.
refuse "No such file" failed nobody
refuse "is no run" ./ws/runs
refuse "is no run" ./outside --delete
refuse "cannot be a run" ".."
refuse "own name is wanted" ws/runs/failed/.
refuse "own name is wanted" ws/runs/failed/.. --delete
ln -s "$PWD/ws/runs/failed" ws/runs/linked
refuse "is a link" linked
refuse "is a link" ws/runs/linked/ --delete
cp -r ws/runs/failed outside/run
refuse "lies in no folder called runs" alexnet-2 outside/run
refuse "is missing"
mkdir outside/none
touch outside/none/state.json
refuse "is no run" outside/none --delete

# Links in it go, what they name stays; folders in it go, too; so does a name that looks like an option.
at=ws/runs/failed
ln -s ../../../outside/file $at/link
ln -s ../../../outside/folder $at/folder
rm -r $at/checkpoints
ln -s ../../../outside/folder $at/checkpoints
mkdir -p $at/guilty/-rf/deep
touch "$at/guilty/-rf/deep/$(printf 'two\nlines')" $at/notes.md
mkfifo $at/fifo
removes "^ws/runs/failed deleted$" failed --delete
[ ! -e ws/runs/failed ] || fail "failed is still there: $(find ws/runs/failed)"
[ "$(cat outside/file outside/folder/file)" = "precious
precious" ] || fail "what a link names is lost"
removes '"trash": "ws/trash/alexnet-3"' alexnet-3 --json
removes "^outside/run deleted$" outside/run/ --delete

if command -v flock >/dev/null; then
    flock ws/runs/alexnet-1/lock sleep 2 &
    while flock -n ws/runs/alexnet-1/lock true; do sleep 0.02; done
    refuse "alexnet-1 is alive (done, process 1 on box)" alexnet-2 alexnet-1 --delete
    wait
else
    echo "skipped: there is no flock here: no run that lives"
fi

# One that cannot be removed as a whole is still a run.
if [ "$(id -u)" != 0 ]; then
    mkdir ws/runs/alexnet-2/fixed
    touch ws/runs/alexnet-2/fixed/file
    chmod 555 ws/runs/alexnet-2/fixed
    status=0
    "$run" rm alexnet-2 --delete >said 2>&1 || status=$?
    chmod 755 ws/runs/alexnet-2/fixed
    [ $status = 1 ] && grep -q "file in it cannot be removed" said || fail "status $status: $(cat said)"
    removes "deleted" alexnet-2 --delete
fi
