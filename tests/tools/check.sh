#!/bin/sh
# tenon data check: what is put into a set is told as text, JSON and a page; what is to be left out is written, and then
# nothing is found any more; statuses; names that nobody would give a file.
# Usage: check.sh TENON_DATA TENON_SHAPES TENON_TRAIN WORK_FOLDER PYTHON
set -eu
data=$1
shapes=$2
train=$3
work=$4
python=$5
tab=$(printf '\t')

rm -rf "$work"
mkdir -p "$work"
cd "$work"

fail() {
    echo "check: $*" >&2
    exit 1
}

# ends STATUS WORDS...: tenon-data check with these ends so; what it says is in said and err
ends() {
    want=$1 status=0
    shift
    "$data" check "$@" >said 2>err || status=$?
    [ $status = "$want" ] || fail "\"$*\": status $status, not $want: $(cat err)"
}
says() {
    grep -q -e "$1" said || fail "does not say \"$1\": $(cat said)"
}

# A clean set: val is found by itself, and nothing is wrong.
"$shapes" set --train 24 --val 4 >/dev/null
ends 0 set --size 96 --strict --quiet
says "^Nothing found"
says "^set *240  *240 "
says "^val *40  *40 "
says "^ *24 *4  ring$"
ends 0 set --size 96 --strict --json
"$python" -c 'import json; d = json.load(open("said")); s = d["set"]; assert d["findings"] == [] and d["val"]["read"] == 40 and s["formats"] == {"JPEG": 240} and len(s["sizes"]) == 240 and 112 <= min(s["sizes"])[0] and 0 < s["quality"]["least"] <= s["quality"]["most"] <= 100 and s["grey"] < 40, d'

# An ill one.
cp -r set ill
hostile="ill/train/star/<img src=x onerror=alert(1)>
'\"&.jpg"
printf 'no picture' >"$hostile"
latin=$(printf 'ill/train/star/caf\351.jpg')
: >"$latin"
long=ill/train/star/$(printf '%0251d' 0).jpg
head -c 2000 ill/train/star/0001.jpg >"$long"
cp ill/train/ring/0001.jpg ill/train/circle/other.jpg
cp ill/train/ring/0002.jpg ill/train/ring/copy.jpg
cp ill/train/cross/0003.jpg ill/val/cross/copy.jpg
ends 3 ill --size 96 --strict --threads 1
says "^broken: 3 of 286 files cannot be read"
says "^conflict: 2 pictures are the same, in 2 classes (circle, ring)"
says "^leak: 2 pictures of cross are the same, in the set and in val"
says "^same: 2 pictures of ring are the same"
says "star/<img src=x onerror=alert(1)>.012'\"&.jpg: no image of a kind"
says 'star/caf.351.jpg: the file is empty'
says "^Found: 1 broken, 1 conflict, 1 leak, 1 same\.$"
says "leave out 7 pictures"
ends 0 ill --size 96

# JSON: the same bytes for any number of threads, and names that come back whole.
ends 0 ill --size 96 --threads 1 --json
mv said one.json
ends 0 ill --size 96 --threads 3 --json
cmp -s said one.json || fail "threads made a difference"
"$python" - "$hostile" "$latin" "$long" <<'END'
import json, os, sys
d = json.load(open("one.json", encoding="utf-8"))
def name(text):  # bytes that are no UTF-8 are U+F780 to U+F7FF
    return b"".join(bytes([ord(c) - 0xF700]) if 0xF780 <= ord(c) <= 0xF7FF else c.encode() for c in text)
kinds = [f["kind"] for f in d["findings"]]
assert kinds == ["broken", "conflict", "leak", "same"], kinds
paths = {name(p["path"]) for p in d["findings"][0]["pictures"]}
assert paths == {os.fsencode(a) for a in sys.argv[1:]}, paths
assert all(p["leave_out"] and p["why"] for p in d["findings"][0]["pictures"])
assert [p["leave_out"] for p in d["findings"][2]["pictures"]] == [True, False]
assert d["findings"][2]["pictures"][1]["side"] == "val"
assert d["set"]["classes"]["ring"] == 25 and d["set"]["read"] == 242 and d["advised"] == 7
END

# The page: all in one file, no script, no name as markup; whole or not at all, and never over another file.
ends 0 ill --size 96 --html page.html
"$python" - <<'END'
import html.parser, re
text = open("page.html", encoding="utf-8").read()
class Look(html.parser.HTMLParser):
    tags, open, pictures = set(), [], 0
    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        for name, value in attrs:
            assert not name.startswith("on"), (tag, name)
            assert name not in ("src", "href") or value.startswith(("data:image/jpeg;base64,", "#")), value
        self.pictures += tag == "img"
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)
    def handle_endtag(self, tag):
        assert self.open.pop() == tag, tag
look = Look()
look.feed(text)
assert not look.open, look.open
assert look.tags <= set("html head meta title style body main header h1 p b section div span h2 a pre code figure img figcaption br "
                        "em i footer".split()), look.tags
assert look.pictures == 6, look.pictures
assert len(text) < 200000
assert "default-src 'none'" in text and "&lt;img src=x onerror=alert(1)&gt;" in text
assert "tenon data check ill --size 96 --leave-out exclude.txt --kinds leak" in text
END
ends 2 ill --size 96 --html page.html
grep -q "page.html is there already (--force writes it anew)" err || fail "$(cat err)"
ends 0 ill --size 96 --html page.html --force
ends 2 ill --html none/page.html
ends 2 ill --leave-out page.html

# What is written is obeyed, and then nothing is left to find; some kinds alone.
ends 0 ill --size 96 --leave-out exclude.txt
grep -q "7 pictures to leave out are in exclude.txt" err || fail "$(cat err)"
grep -q "^train/circle/other.jpg${tab}conflict: " exclude.txt || fail "$(cat exclude.txt)"
ends 0 ill --size 96 --exclude exclude.txt --strict
says "^Nothing found"
mv ill moved
ends 0 moved/train/ --val moved/val --size 96 --exclude exclude.txt --strict
mv moved ill
mkdir other
cp -r ill/val other/train # two folders of one name
ends 0 ill/train --val other/train --size 96 --leave-out whole.txt
grep -q "^ill/train/ring/copy.jpg${tab}same: the same bytes as " whole.txt || fail "$(cat whole.txt)"
ends 0 ill/train --val other/train --size 96 --exclude whole.txt --strict
ends 0 ill --size 96 --leave-out leaks.txt --kinds leak
[ "$(grep -c "${tab}leak: " leaks.txt)" = 1 ] || fail "$(cat leaks.txt)"
ends 0 set --size 128 --leave-out small.txt --kinds small,flat
grep -q "${tab}small: .* x .* pixels" small.txt || fail "$(cat small.txt)"
ends 2 ill --kinds leak
ends 2 ill --leave-out x.txt --kinds leek
grep -q "kinds leek: each once of broken,conflict,leak" err || fail "$(cat err)"

# Drawn figures look alike by nature: what is similar is told, and stays unless it is asked for.
"$shapes" drawn --train 120 --val 1 >/dev/null
ends 0 drawn/train --size 96 --leave-out drawn.txt
says "look alike by nature: .* So pictures are alike only up to 6 bits"
says "^alike: "
grep -q "${tab}alike: " drawn.txt && fail "$(cat drawn.txt)"
ends 0 drawn/train --size 96 --leave-out drawn.txt --kinds alike --force
grep -q "${tab}alike: [0-6] bits* from " drawn.txt || fail "$(cat drawn.txt)"
ends 0 drawn/train --size 96 --exclude drawn.txt
grep -q "^alike" said && fail "$(cat said)"

# A packed set.
"$data" pack ill/train packed --size 96 --max-bad 5 --quiet 2>err || fail "$(cat err)"
ends 0 packed --size 96 --leave-out packed.txt
says "^same: 2 pictures of ring are the same"
grep -q "^packed/images.npy.*${tab}same: the same bytes as images.npy" packed.txt || fail "$(cat packed.txt)"
ends 0 packed --size 96 --exclude packed.txt --strict

# Nothing that can be read.
mkdir -p empty/a empty/b
: >empty/a/1.png
: >empty/b/1.png
ends 3 empty --strict --html empty.html
says "^Found: 1 broken, 1 empty"
mkdir empty/c
ends 0 empty --json
"$python" -c 'import json; d = json.load(open("said")); assert d["set"]["read"] == 0 and len(d["notices"]) == 1, d'

# A model that tells colours apart doubts the label of the one picture of val that has another.
cat >net.txt <<'END'
tenon graph 1
input image u8 N 16 16 3
x = image_input(image) mean=127 scale=0.02
mean = pool2d(x) kind=mean global
colour = dense(mean) units=3
input label i32 N
loss, loss.top_1, loss.top_k = softmax_xent(colour, label)
output colour
loss loss
END
"$python" - <<'END'
import os, random
random.seed(3)
for part, count in (("train", 24), ("val", 8)):
    for name, colour in {"blue": (30, 40, 200), "green": (40, 190, 50), "red": (200, 30, 40)}.items():
        os.makedirs(f"colours/{part}/{name}")
        for i in range(count):
            shade = (35, 45, 195) if (part, name, i) == ("val", "red", 3) else colour
            pixels = bytes(c + random.randrange(-25, 26) for _ in range(256) for c in shade)
            with open(f"colours/{part}/{name}/{i:02}.ppm", "wb") as f:
                f.write(b"P6 16 16 255\n" + pixels)
END
"$train" colours --net net.txt --size 16 --resize 16 --augment none --optim adam --rate 0.5 --decay 0 --epochs 8 \
    --batch 24 --run first --device cpu,threads=1 >said 2>&1 || fail "$(cat said)"
ends 0 colours --size 16 --model first --device cpu,threads=1 --batch 5 --json
"$python" - <<'END'
import json
doubts = [f for f in json.load(open("said"))["findings"] if f["kind"] == "doubtful"]
assert len(doubts) == 1, doubts
pictures = [p["path"] for p in doubts[0]["pictures"]]
assert pictures == ["colours/val/red/03.ppm"], pictures
assert "looks like blue" in doubts[0]["pictures"][0]["why"]
END
ends 2 set --model runs/first/checkpoints/best.safetensors
grep -q "tells 3 classes apart, the set has 10" err || fail "$(cat err)"

# What cannot be.
ends 2 nothing
ends 2 set --size 0
ends 2
ends 2 set/train --val nothing
ends 2 set/train --model said
ends 2 set/train --model second
grep -q 'second: is no model, and no run' err || fail "$(cat err)"
status=0
"$data" check set --json >/dev/full 2>err || status=$?
[ $status = 1 ] || fail "a full disk: status $status"
echo "check: ok"
