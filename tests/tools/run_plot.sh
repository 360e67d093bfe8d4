#!/bin/sh
# tenon-run plot: what is drawn is XML with the curves that were asked for, whatever is in the logs and the names.
# Usage: run_plot.sh TENON_RUN WORK_FOLDER PYTHON
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
    echo "run_plot: $*" >&2
    exit 1
}

# draws "PYTHON, of texts, paths, labels" WORDS...: XML that has them
draws() {
    what=$1
    shift
    "$run" plot "$@" >out.svg 2>err.txt || fail "$*: $(cat err.txt)"
    "$python" - "$what" <<'END' || fail "$*: $what"
import re, sys
import xml.etree.ElementTree as tree
svg = "{http://www.w3.org/2000/svg}"
root = tree.parse("out.svg").getroot()
paths = [p.get("d") for p in root.iter(svg + "path")]
texts = [t.text for t in root.iter(svg + "text")]
for number in re.findall(r"-?[\d.]+", " ".join(paths)):
    assert abs(float(number)) < 20000, number
assert {e.tag.replace(svg, "") for e in root.iter()} <= {"svg", "title", "style", "rect", "line", "text", "g", "path", "clipPath", "circle"}
assert eval(sys.argv[1]), (texts, len(paths))
END
}

refuse() {
    why=$1 status=0
    shift
    "$run" plot "$@" >out.txt 2>err.txt || status=$?
    [ $status = 2 ] && [ "$(wc -l <err.txt)" = 1 ] || fail "\"$*\": status $status: $(cat err.txt)"
    grep -q -e "$why" err.txt || fail "\"$*\" does not say \"$why\": $(cat err.txt)"
}

draws "texts.count('step') == 4 and 'top-1' in texts and texts.count('rate_scale=0.1') == 4 and len(paths) == 8" alexnet-1
draws "len(paths) == 3 and 'val' in texts and '0.2242' in texts" alexnet-1 --of loss # faint, smoothed, validation
draws "len(paths) == 2" alexnet-1 --of loss --smooth 0
draws "len(paths) == 9 and 'died' in texts and 'rate_scale=0.1' not in texts" alexnet-1 died alexnet-2 --of loss --smooth 0.5
draws "'0.2' in texts and '1' in texts and '1.5' not in texts" alexnet-1 --of loss --log
draws "len(paths) == 1 and '60' in texts" alexnet-1 --of seconds # of epochs alone
draws "max(float(t) for t in texts if t and t.isdigit()) <= 300" alexnet-1 --of loss --from 100 --to 300
refuse "no run has a number called \"lss\"" alexnet-1 --of loss,lss
refuse "is not before" alexnet-1 --from 5 --to 5
refuse "9 runs in one picture" alexnet-1 alexnet-1 alexnet-1 alexnet-1 alexnet-1 alexnet-1 alexnet-1 alexnet-1 alexnet-1
refuse "is missing"

"$run" plot alexnet-1 --out kept.svg
refuse "kept.svg is there already" alexnet-2 --out kept.svg
"$run" plot alexnet-2 --out kept.svg --force
grep -q "alexnet-2" kept.svg || fail "--force has not written"

# Numbers that no frame holds, names and orders from outside.
bad="ws/runs/<img src=x onerror='alert(1)'>
&"
cp -r ws/runs/died "$bad"
"$python" - "$bad/log.jsonl" <<'END'
import json, sys
values = [1.5, None, 1e308, -1e308, 5e-324, 0, -0.0, None, 3, 1e30]
with open(sys.argv[1], "w") as to:
    for step, v in enumerate(values):
        to.write(json.dumps({"e": "step", "t": 1, "step": step * 10 ** 14, "loss": v, "]]>&<b>": v}) + "\n")
        to.write(json.dumps({"e": "order", "t": 1, "step": step, "set": {"<script>": "\x1b[2J\""}}) + "\n")
END
draws "']]>&<b>' in texts and '<img src=x onerror=\'alert(1)\'>\\\\x0a&' in texts and len(paths) == 2 and '1e+300' in texts" "./$bad"
draws "len(paths) == 2" "./$bad" --log
printf '' >"$bad/log.jsonl"
refuse "no run has a number in its log yet" "./$bad"
