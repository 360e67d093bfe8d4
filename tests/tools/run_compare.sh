#!/bin/sh
# tenon-run compare: what counts as the same, and what is named where two runs begin to differ.
# Usage: run_compare.sh TENON_RUN WORK_FOLDER PYTHON
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
    echo "run_compare: $*" >&2
    exit 1
}

# compares STATUS "PYTHON, of d, the JSON" A B
compares() {
    status=0
    "$run" compare "$3" "$4" --json >out.json 2>err.txt || status=$?
    [ $status = "$1" ] || fail "$3 $4: status $status, not $1: $(cat err.txt out.json)"
    "$python" -c "import json; d = json.load(open('out.json')); assert $2, str(d)[:1000]" || fail "$3 $4: $2"
    other=0
    "$run" compare "$4" "$3" >/dev/null 2>&1 || other=$?
    [ $other = $status ] || fail "$4 $3: status $other, the other way round $status"
}

# edit RUN "PYTHON, of lines, a list of objects": a copy of alexnet-1 with another log
edit() {
    cp -r ws/runs/alexnet-1 "ws/runs/$1"
    "$python" - "ws/runs/$1/log.jsonl" "$2" <<'END'
import json, sys
lines = [json.loads(l) for l in open(sys.argv[1])]
exec(sys.argv[2])
open(sys.argv[1], "w").write("".join(json.dumps(l) + "\n" for l in lines))
END
}

compares 0 "d['same'] and d['first'] is None and d['same_to'] == 600 and d['digest_same'] == 600" alexnet-1 alexnet-1
# Another machine: how fast, and when, does not count.
compares 0 "d['same'] and d['settings'] == [{'name': 'threads', 'a': '1', 'b': '4'}]" alexnet-1 alexnet-3
compares 3 "d['first'] == {'step': 310, 'kind': 'step', 'field': 'loss', 'a': '0.393314316', 'b': '0.399594645'}" alexnet-1 alexnet-2
compares 3 "d['digest_same'] == 300 and d['digest_differs'] == 400 and d['same_to'] == 300" alexnet-1 alexnet-2
compares 3 "[s['name'] for s in d['settings']] == ['recipe.rate']" alexnet-1 alexnet-2
compares 3 "d['same_to'] == 250 and d['first']['step'] == 260 and d['first']['field'] is None" alexnet-1 died
# The last bit of a double, a field that only one has, a null.
edit bit "[l for l in lines if l['e'] == 'epoch'][2]['val']['loss'] *= 1 + 2 ** -52"
compares 3 "d['first']['step'] == 300 and d['first']['field'] == 'val.loss' and d['same_to'] == 299" alexnet-1 bit
edit field "lines[5]['norm'] = 7"
compares 3 "d['first'] == {'step': 50, 'kind': 'step', 'field': 'norm', 'a': 'nothing', 'b': '7'}" alexnet-1 field
edit null "lines[5]['loss'] = None"
compares 3 "d['first']['field'] == 'loss' and d['first']['b'] == 'null'" alexnet-1 null
edit class "[l for l in lines if l['e'] == 'epoch'][0]['per_class'][2] = 0.5"
compares 3 "d['first']['field'] == 'per_class.2'" alexnet-1 class
# An order that sets something counts, wherever it came from; who gave it, and one to save, do not.
edit order "[l for l in lines if l['e'] == 'order'][0]['set']['rate_scale'] = 0.2"
compares 3 "d['first']['field'] == 'set.rate_scale'" alexnet-1 order
edit noorder "lines = [l for l in lines if l['e'] != 'order']"
compares 3 "d['first'] == {'step': 300, 'kind': 'order', 'field': None, 'a': 'yes', 'b': 'no'}" alexnet-1 noorder
edit by "[l for l in lines if l['e'] == 'order'][0].update(by='otto', id='1', t=7)
lines.insert(20, {'e': 'order', 't': 1, 'step': 190, 'order': 'snapshot', 'applied': True})
lines.insert(20, {'e': 'order', 't': 1, 'step': 190, 'set': {'batch': 7}, 'applied': False})"
compares 0 "d['same']" alexnet-1 by
# Stopped in between and resumed: a digest more, an end, and lines that were taken back.
edit resumed "at = next(i for i, l in enumerate(lines) if l['step'] > 415)
lines[at:at] = [{'e': 'digest', 't': 1, 'step': 415, 'params': 'x', 'optim': 'y'}, {'e': 'end', 't': 1, 'step': 415},
  {'e': 'step', 't': 1, 'step': 9999, 'loss': 1}, {'e': 'warn', 't': 1, 'step': 5, 'text': 'z'}, {'e': 'resume', 't': 1, 'step': 415}]"
compares 0 "d['same']" alexnet-1 resumed
# Only a digest differs.
edit optim "[l for l in lines if l['e'] == 'digest'][3]['optim'] = '0'"
compares 3 "d['digest_differs'] == 400 and d['first']['field'] == 'optim' and d['same_to'] == 399" alexnet-1 optim
"$run" compare alexnet-1 optim >out.txt || true
grep -q "^digests differ at step 400: optimizer$" out.txt || fail "$(cat out.txt)"

# Tensors of the first checkpoint that differs.
"$python" - <<'END'
import json, shutil, struct
for run, values in (("alexnet-1", [1, 2, 3]), ("tensors", [1, 2.5, 3])):
    if run == "tensors":
        shutil.copytree("ws/runs/alexnet-1", "ws/runs/tensors")
    header = json.dumps({"conv1.bias": {"dtype": "F32", "shape": [3], "data_offsets": [0, 12]},
                         "optimizer.conv1.bias.momentum": {"dtype": "F32", "shape": [1], "data_offsets": [12, 16]}}).encode()
    with open(f"ws/runs/{run}/checkpoints/step-00000300.safetensors", "wb") as to:
        to.write(struct.pack("<Q", len(header)) + header + struct.pack("<4f", *values, 0))
END
compares 3 "d['first'] is None and d['tensors_step'] == 300 and d['tensors'] == [{'name': 'conv1.bias', 'why': None, 'differ': 1, 'of': 3,
 'largest': 0.5}]" alexnet-1 tensors
"$run" compare alexnet-1 tensors >out.txt || true
grep -q "^checkpoints of step 300: 1 of 2 tensors differ$" out.txt || fail "$(cat out.txt)"
grep -q "^  conv1.bias  1 of 3 numbers  by up to 0.5$" out.txt || fail "$(cat out.txt)"

# What cannot be read is no answer.
status=0
echo damaged >ws/runs/tensors/checkpoints/step-00000100.safetensors
"$run" compare alexnet-1 tensors >out.txt 2>err.txt || status=$?
[ $status = 1 ] && grep -q "step-00000100.safetensors" err.txt || fail "status $status: $(cat err.txt)"
status=0
"$run" compare alexnet-1 nobody >out.txt 2>err.txt || status=$?
[ $status = 2 ] || fail "nobody: status $status"
mkdir ws/runs/new
touch ws/runs/new/lock
echo '{}' >ws/runs/new/config.json
compares 3 "not d['same'] and d['same_to'] is None" new new
