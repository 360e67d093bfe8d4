#!/bin/sh
# tenon-plan: networks have the parameters of their sources; memory, bounds and the largest batch agree with
# each other; a lower bound is called that, and there is none where rates are not known; wrong flags are told
# in one line, with exit status 2. Usage: plan.sh TENON_PLAN WORK_FOLDER GPU_FOLDER PYTHON
# GPU_FOLDER holds the properties of the GPUs that can be planned for.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
plan=$1
work=$2
gpus=$3
python=$4

rm -rf "$work"
mkdir -p "$work"
cd "$work"

fail() {
    echo "plan: $*" >&2
    exit 1
}

# check "PYTHON, of d, the JSON" FLAGS...
check() {
    what=$1
    shift
    "$plan" "$@" --json >out.json 2>err.txt || fail "$*: $(cat err.txt)"
    "$python" -c "import json; d = json.load(open('out.json')); assert $what, str(d)[:1000]" || fail "$*: $what"
}

refuse() {
    why=$1
    shift
    status=0
    "$plan" "$@" >out.txt 2>err.txt || status=$?
    [ $status = 2 ] || fail "exit status $status, not 2: $*"
    [ "$(wc -l <err.txt)" = 1 ] || fail "not one line: $*"
    grep -q -e "$why" err.txt || fail "\"$(cat err.txt)\" does not say \"$why\""
}

# Parameters as counted by torchvision (the last two, and the first) and from Caffe's prototxt files.
for known in torchvision:61100840 caffe:60965224 2012:60965224 lenet:431080 googlenet:6998552 \
    resnet18:11689512 resnet50:25557032; do
    check "d['parameters'] == ${known#*:}" "${known%:*}" --device cpu --batch 1 --inference --no-search
done

# The texts that stand beside the networks are theirs, and are read as them.
nets=$here/../../nets
for file in "$nets"/*.net; do
    name=$(basename "$file" .net)
    "$plan" "$name" --device cpu --text >text.net || fail "$name --text"
    cmp text.net "$file" || fail "nets/$name.net is not what tenon-plan $name --text writes"
    "$plan" "$file" --device cpu --text >again.net || fail "$file --text"
    cmp again.net "$file" || fail "$file is read as another net"
done

cpu="slim --device cpu,threads=1 --size 64 --batch 3 --classes 7"
check "d['memory_bytes']['total'] == sum(d['memory_bytes'][k] for k in
       ('parameters', 'gradients', 'optimizer', 'activations'))" $cpu
check "abs(d['flops'] - sum(s['flops'] for s in d['steps'])) < 1 and d['training']" $cpu
check "d['lower_bound_seconds'] is None and 'not known' in d['no_bound_because']" $cpu --no-search
check "all(s['lower_bound_seconds'] is None for s in d['steps']) and d['largest_batch'] is None" $cpu --no-search
check "d['steps'][-1]['op'] == 'adam' and d['steps'][-1]['pass'] == 'update'" $cpu --optim adam --no-search
check "{s['pass'] for s in d['steps']} == {'forward'} and d['memory_bytes']['gradients'] == 0" $cpu --inference \
    --no-search
check "d['fits'] and d['largest_batch'] > 3" $cpu
largest=$("$python" -c "import json; print(json.load(open('out.json'))['largest_batch'])")
check "d['fits']" $cpu --batch "$largest" --no-search
check "not d['fits'] and d['largest_batch'] == $largest" $cpu --batch $((largest + 1))

"$plan" $cpu >out.txt
grep -q "no lower bounds: cpu,threads=1: its peak rates are not known" out.txt || fail "$(cat out.txt)"
grep -q "largest   batch that fits: $largest ($((largest + 1)) takes" out.txt || fail "$(cat out.txt)"
grep -q "forward   *conv3  *conv2d+relu" out.txt || fail "no step of conv3: $(cat out.txt)"

refuse "the name or the file of a network is missing"
# Any net, as a text; with a loss of its own, or with that of classes.
cat >net.txt <<'END'
tenon graph 1
input x f32 N 12
input y f32 N 3
h = dense(x) units=20
r = relu(h)
z = dense(r) units=3
output z
l = mse(z, y)
loss l
END
check "d['parameters'] == 323 and d['net'] == './net.txt' and d['training'] and d['largest_batch'] > 3" ./net.txt --device cpu \
    --batch 3
check "d['steps'][-1]['op'] == 'adam'" ./net.txt --device cpu --optim adam --no-search
check "{s['pass'] for s in d['steps']} == {'forward'} and d['parameters'] == 323" ./net.txt --device cpu --inference \
    --no-search

printf 'tenon graph 1\ninput i u8 N 8 8 3\nx = image_input(i)\nfc = dense(x) units=5\noutput fc\n' >images.txt
check "d['parameters'] == 965 and d['training'] and d['size'] is None" images.txt --device cpu --no-search
check "d['parameters'] == 193 * 7" images.txt --device cpu --inference --classes 7 --no-search
printf 'tenon graph 1\nx = relu(y)\n' >bad.txt
refuse 'bad.txt:2:10: "y" is read here' bad.txt --device cpu
# The line is that of the file, whatever is read of it later.
refuse_plan_line() {
    status=0
    "$plan" "$@" >out.txt 2>err.txt || status=$?
    [ $status = 1 ] && grep -q "far.txt:6:5: mse l: " err.txt || fail "status $status: $(cat err.txt)"
}
printf 'tenon graph 1\n# a comment\n\ninput x f32 N 4\ny = dense(x) units=4\nl = mse(y, x)\noutput y\nloss l\n' >far.txt
refuse_plan_line far.txt --device cpu --classes 7 --no-search
refuse "--size is for a network by name: images.txt" images.txt --device cpu --size 9
refuse "there is no network \"vgg\"; there are torchvision, caffe" vgg
refuse "one word too many" lenet slim
refuse "abacus" lenet --device abacus
refuse "one of default|f32|tf32|bf16|f16" lenet --precision fp8
refuse "one of them, please" lenet --gpu h100 --device cpu
refuse "are for --gpu" lenet --device-options cudnn=off
refuse "whole number from 1" lenet --batch 0

if ! "$plan" lenet --gpu h100 --device-options cudnn=off --no-search >out.txt 2>err.txt; then
    grep -q "no backend \"cuda\"" err.txt || fail "$(cat err.txt)"
    echo "skipped: planning for GPUs: this build has no backend for them"
    exit 0
fi
grep -q "lower bound of a training step: .* It is no forecast" out.txt || fail "$(cat out.txt)"
refuse "h999: neither one that is known (a100, b200, h100" lenet --gpu h999
refuse "option cudnn=maybe" lenet --gpu h100 --device-options cudnn=maybe

check "sum(s['gradients'] for s in d['steps']) == d['parameters']" torchvision --gpu h100 --device-options cudnn=off \
      --no-search
gpu="torchvision --device-options cudnn=off --no-search --gpu"
before=0
for model in b200 h100 a100 t4; do # from fast to slow
    check "d['lower_bound_seconds'] > $before and d['precision'] == 'f16'" $gpu $model --precision f16
    check "abs(sum(s['lower_bound_seconds'] for s in d['steps']) / d['lower_bound_seconds'] - 1) < 1e-6" $gpu $model
    check "all(abs(max(s['flops'] / d['peak_flops_per_second'], (s['read_bytes'] + s['written_bytes']) /
           d['peak_bytes_per_second']) - s['lower_bound_seconds']) < 1e-9 for s in d['steps'])" $gpu $model --precision f16
    before=$("$python" -c "import json; print(json.load(open('out.json'))['lower_bound_seconds'])")
done
check "d['device_memory_bytes'] == 85520809984 and d['fits']" $gpu h100
for file in "$gpus"/*.json; do
    check "d['lower_bound_seconds'] > 0" $gpu "$(basename "$file" .json)"
done
# With cuDNN, where it is installed.
check "d['fits'] and d['largest_batch'] > 1000 and d['lower_bound_seconds'] > 0" lenet --gpu a100 --precision bf16
refuse_plan() {
    why=$1
    shift
    status=0
    "$plan" "$@" >out.txt 2>err.txt || status=$?
    [ $status = 1 ] && grep -q -e "$why" err.txt || fail "status $status, \"$(cat err.txt)\", not \"$why\": $*"
}
refuse_plan "has no bf16" $gpu t4 --precision bf16

# A model in a file: its bandwidth is not known unless the file says it.
check "d['lower_bound_seconds'] is None and 'memoryBandwidthGBps' in d['no_bound_because']" $gpu "$gpus/h100.json"
sed 's/}[[:space:]]*$/, "memoryBandwidthGBps": 1000}/' "$gpus/h100.json" >mine.json
check "d['peak_bytes_per_second'] == 1e12 and d['lower_bound_seconds'] > 0" $gpu mine.json
