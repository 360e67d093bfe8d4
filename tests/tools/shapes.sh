#!/bin/sh
# tenon-shapes: the same seed makes the same files whatever else is made; pictures are JPEG;
# wrong flags are told in one line, with exit status 2. Usage: shapes.sh TENON_SHAPES WORK_FOLDER
set -eu
shapes=$1
work=$2

rm -rf "$work"
mkdir -p "$work"
cd "$work"

fail() {
    echo "shapes: $*" >&2
    exit 1
}

"$shapes" one --train 3 --val 2 --seed 7 >/dev/null
"$shapes" again --train 3 --val 2 --seed 7 >/dev/null
"$shapes" fewer --train 1 --val 1 --seed 7 >/dev/null
"$shapes" other --train 3 --val 2 --seed 8 >/dev/null
diff -r one again || fail "the same seed made other files"
for file in $(cd fewer && find . -name '*.jpg'); do
    cmp "one/$file" "fewer/$file" || fail "fewer pictures are other pictures"
    cmp -s "one/$file" "other/$file" && fail "another seed made the same $file"
done
[ "$(find one/train -name '*.jpg' | wc -l)" = 30 ] || fail "not 3 pictures of each of 10 shapes"
[ "$(find one/val -name '*.jpg' | wc -l)" = 20 ] || fail "not 2 pictures of each of 10 shapes"

for file in one/train/*/*.jpg; do
    od -A n -t x1 -N 3 "$file" | grep -q 'ff d8 ff' || fail "$file is not JPEG"
done

refuse() {
    why=$1
    shift
    status=0
    "$shapes" "$@" >out.txt 2>err.txt || status=$?
    [ $status = 2 ] || fail "exit status $status, not 2: $*"
    [ "$(wc -l <err.txt)" = 1 ] || fail "not one line: $*"
    grep -q -e "$why" err.txt || fail "\"$(cat err.txt)\" does not say \"$why\""
}
refuse "the folder to write to is missing"
refuse "no option --seeds; did you mean --seed?" x --seeds 3
refuse "one word too many" x y
refuse "not \"many\"" x --train many
refuse "wants a value: N" x --train
refuse "not \"0\"" x --min 0
refuse "more than --max" x --min 200 --max 100
