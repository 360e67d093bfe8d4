#!/bin/sh
# tenon data pack: what it writes is what numpy reads; bad files are named and left out; wrong flags and
# sets are told in one line, with exit status 2.
# Usage: pack.sh TENON_DATA TENON_SHAPES WORK_FOLDER [PYTHON]
set -eu
data=$1
shapes=$2
work=$3
python=${4:-}

rm -rf "$work"
mkdir -p "$work"
cd "$work"

fail() {
    echo "pack: $*" >&2
    exit 1
}

"$shapes" shapes --train 4 --val 2 >/dev/null
echo "no picture" >shapes/train/circle/bad.jpg
"$data" pack shapes/train train --size 64 --max-bad 5 >out.txt 2>err.txt || fail "$(cat err.txt)"
grep -q "train: 40 images of 10 classes, 64 x 64; 1 files left out" out.txt || fail "$(cat out.txt)"
grep -q "left out: shapes/train/circle/bad.jpg: " err.txt || fail "does not name the bad file"
[ "$(wc -l <train/classes.txt)" = 10 ] || fail "not 10 classes"
[ "$(ls train | wc -l)" = 4 ] || fail "left something behind: $(ls train)"

# A packed set can be packed again, smaller; one thread or three, the same bytes.
"$data" pack train small --size 32 --threads 1 --quiet 2>err.txt || fail "$(cat err.txt)"
"$data" pack train again --size 32 --threads 3 --quiet
diff -r small again || fail "threads made a difference"

# What is not there is made, as in the documents; what is there is replaced.
"$data" pack small packed/deep/ --size 16 --quiet 2>err.txt || fail "$(cat err.txt)"
"$data" pack train packed/deep --size 32 --quiet
diff -r small packed/deep || fail "a packed set was not replaced"

# What an exclude list names is not packed, and told.
printf 'circle/bad.jpg\tbroken\nstar/0001.jpg\ntrain/star/0002.jpg\tblurred\nstar/9.jpg\n' >exclude.txt
"$data" pack shapes/train fewer --size 8 --max-bad 0 --exclude exclude.txt >out.txt 2>err.txt || fail "$(cat err.txt)"
grep -q "fewer: 38 images of 10 classes, 8 x 8; 0 files left out" out.txt || fail "$(cat out.txt)"
grep -q "left out 3 of 41 images, which exclude.txt names" err.txt || fail "$(cat err.txt)"
grep -q "exclude.txt:4: names no image of shapes/train: star/9.jpg" err.txt || fail "$(cat err.txt)"

# So it is if it names files of what was packed.
"$data" show train --exclude exclude.txt >out.txt 2>err.txt || fail "$(cat err.txt)"
grep -q "train: 38 images of 10 classes" out.txt || fail "$(cat out.txt)"

# Classes of another set: val lacks most of them, and keeps the numbers.
rm -r shapes/val/[a-r]*
"$data" pack shapes/val val --classes shapes/train --size 8 --quiet
cmp train/classes.txt val/classes.txt || fail "val has classes of its own"
"$data" pack shapes/train both --val shapes/val --size 8 --json >out.txt
grep -q '"left_out": 1' out.txt || fail "$(cat out.txt)"
cmp both/val/images.npy val/images.npy || fail "val in one go is another"
cmp both/train/classes.txt val/classes.txt || fail "train in one go is another"

if [ -n "$python" ] && "$python" -c 'import numpy' 2>/dev/null; then
    "$python" - <<'EOF'
import numpy
images, labels = numpy.load("train/images.npy", mmap_mode="r"), numpy.load("train/labels.npy")
assert images.shape == (40, 64, 64, 3) and images.dtype == numpy.uint8, images.shape
assert labels.dtype == numpy.int32 and (labels == numpy.arange(40) // 4).all(), labels
assert images.std() > 10
EOF
fi

refuse() {
    why=$1
    shift
    status=0
    "$data" pack "$@" >out.txt 2>err.txt || status=$?
    [ $status = 2 ] || fail "exit status $status, not 2: $*"
    [ "$(wc -l <err.txt)" = 1 ] || fail "not one line: $*"
    grep -q -e "$why" err.txt || fail "\"$(cat err.txt)\" does not say \"$why\""
}
refuse "a set and the folder to write to is missing"
refuse "a set and the folder to write to is missing" shapes/train
refuse "no option --sise" shapes/train x --sise 3
refuse "\"more\" is one word too many" shapes/train x more
refuse "whole number from 1 to 16384, not \"2.5\"" shapes/train x --size 2.5
refuse "wants a value: S" shapes/train x --size
refuse "nowhere: No such file" nowhere x
refuse "directly in it" shapes/train/star x
refuse "shapes/train/out: lies within the set" shapes/train shapes/train/out
refuse "are parts of a set: open shapes/train" shapes x
[ ! -e shapes/train/out ] || fail "left a class behind"
[ ! -e x ] || fail "made a folder though it was refused"

"$data" pack shapes/train bad --max-bad 0.1 --quiet 2>err.txt || fail "one bad file is allowed unless 0 is said"
status=0
"$data" pack shapes/train none --max-bad 0 --quiet 2>err.txt || status=$?
[ $status = 1 ] || fail "exit status $status, not 1: no bad file is allowed"
grep -q "1 of 41 images are bad, where 0" err.txt || fail "$(cat err.txt)"
echo "no picture" >shapes/train/circle/worse.jpg
status=0
"$data" pack shapes/train worse --max-bad 0.1 --quiet 2>err.txt || status=$?
[ $status = 1 ] || fail "exit status $status, not 1: too many bad files"
grep -q "2 of 42 images are bad" err.txt || fail "$(cat err.txt)"
[ ! -e worse ] || fail "left a part behind"

# Above the shell's limit of a file, as on a full disk.
status=0
(ulimit -f 16 && "$data" pack shapes/train full --size 64 --max-bad 50 --quiet 2>err.txt) || status=$?
[ $status = 1 ] || fail "exit status $status, not 1: a file may have 8 kB"
grep -q "full/.*images.npy" err.txt || fail "$(cat err.txt)"

# Killed while it packs, wherever that is: what it has left is gone after the next time.
"$data" pack shapes/train killed --size 512 --quiet 2>err.txt &
sleep 0.2
kill -9 $! 2>/dev/null || true
wait $! 2>/dev/null || true
"$data" pack shapes/train killed --size 64 --max-bad 50 --quiet 2>err.txt || fail "after a kill: $(cat err.txt)"
[ "$(ls -A killed)" = "$(printf 'classes.txt\nimages.npy\nlabels.npy\nnames.txt')" ] || fail "left behind: $(ls -A killed)"
