#!/bin/sh
# tenon-run on folders written by hand: what it says of them, as text and as JSON; names from outside; wrong words get one
# line and exit status 2. Usage: run.sh TENON_RUN WORK_FOLDER PYTHON
set -eu
here=$(cd "$(dirname "$0")" && pwd)
run=$1
work=$2
python=$3
rm -rf "$work"
mkdir -p "$work"
cd "$work"
unset TENON_WORKSPACE
"$python" -B "$here/runs_by_hand.py" ws

fail() {
    echo "run: $*" >&2
    exit 1
}

# says STATUS WHAT WORDS...: that status, and WHAT in what it says
says() {
    want=$1 what=$2 status=0
    shift 2
    "$run" "$@" >said 2>&1 || status=$?
    [ $status = "$want" ] || fail "\"$*\": status $status, not $want: $(cat said)"
    grep -q -e "$what" said || fail "\"$*\" does not say \"$what\": $(cat said)"
}

# check "PYTHON, of d, the JSON" WORDS...
check() {
    what=$1
    shift
    "$run" "$@" --json >out.json 2>err.txt || fail "$*: $(cat err.txt)"
    "$python" -c "import json; d = json.load(open('out.json')); assert $what, str(d)[:1000]" || fail "$*: $what"
}

says 0 "^  list      which runs" --help
says 2 "there is no command lst" lst
says 2 "which command"

# list
says 0 "^alexnet-1  done *6  600/600  0.1868  0.9281 .* days ago" list --workspace ws
says 0 "^died  *died  *2  250/600" list ws
says 0 "loss is NaN in conv1" list ws/runs
TENON_WORKSPACE=ws says 0 "^failed " list --state failed
[ "$(wc -l <said)" = 2 ] || fail "--state failed lists more: $(cat said)"
check "[r['name'] for r in d] == ['alexnet-1', 'alexnet-2', 'alexnet-3', 'died', 'failed']" list ws
check "d[3]['checkpoint_step'] == 200 and d[3]['says']['last.loss'] > 0 and not d[3]['alive']" list ws
says 2 "nowhere" list nowhere
says 2 "one word too many" list ws ws
mkdir empty
says 0 "^run  state" list empty
check "d == []" list empty
# A name that would move the cursor, one that is no UTF-8, one of markup: as text, and none of them hides another run.
for name in "$(printf 'two\nlines')" "$(printf 'esc\033[2J')" "$(printf 'latin\351')" "<img src=x onerror=alert(1)>"; do
    cp -r ws/runs/failed "ws/runs/$name"
done
says 0 'two\\x0alines' list ws
says 0 'esc\\x1b\[2J' list ws
says 0 'latin\\xe9' list ws
says 0 '^<img src=x onerror=alert(1)>' list ws
check "len(d) == 9 and 'two\nlines' in [r['name'] for r in d] and 'latin\uf7e9' in [r['name'] for r in d]" list ws
says 0 'two\\x0alines is failed' show "./ws/runs/$(printf 'two\nlines')"

# show
says 0 "^alexnet-1 is done, epochs done: 6, step 600 of 600$" show alexnet-1 --workspace ws
for what in "^    3   300      0.5053  0.8057    0.6063  0.7251     60.0$" "^ *300  order  *id=5200 by=anna <b> set.rate_scale=0.1 applied=true$" \
    "^recipe.rate  *0.01$" "^data.classes.7  *class 7$" "^data.classes.8  *[.][.][.]$" "^net  *(30 bytes)$" "^last  *loss 0.186848, top1"; do
    grep -q "$what" said || fail "show does not say \"$what\": $(cat said)"
done
if grep -q "class 8" said; then fail "1000 classes are listed"; fi
says 0 "^goes on from checkpoints/step-00000200.safetensors" show ws/runs/died
check "d['config']['net'] == 'tenon graph 1\ninput x f32 N 4\n' and d['config']['recipe.rate'] == 0.01" show ws/runs/died
check "[e['epoch'] for e in d['epochs']] == [1, 2] and d['epochs'][0]['per_class.2'] == 1" show ws/runs/died
check "[e['e'] for e in d['events']] == ['order', 'end']" show ws/runs/alexnet-1
says 2 "No such file" show nobody --workspace ws
says 2 "cannot be a run" show Alexnet --workspace ws
says 2 "is no run" show ./ws
printf 'torn\n' >>ws/runs/alexnet-3/log.jsonl
says 0 "1 lines cannot be read" show ws/runs/alexnet-3

# A page of its own, in which names are text.
bad="./ws/runs/<img src=x onerror=alert(1)>"
printf '{"</style><script>alert(1)</script>": "\\n\"\u003cscript>"}' >"$bad/config.json"
"$run" show "$bad" --html page.html
"$python" - "<img src=x onerror=alert(1)>" <<'END' || fail "the page: $(head -c 600 page.html)"
import html.parser, sys
class Page(html.parser.HTMLParser):
    def handle_starttag(self, tag, attributes):
        assert tag not in ("script", "img", "link", "iframe", "object"), tag
        assert not [a for a, v in attributes if a.startswith("on") or a in ("src", "href")], (tag, attributes)
        tags.append(tag)
    def handle_data(self, data):
        text.append(data)
tags, text = [], []
Page().feed(open("page.html").read())
assert sys.argv[1] in text and "loss is NaN in conv1" in text and "</style><script>alert(1)</script>" in text, text
assert tags.count("svg") == 4 and tags.count("path") >= 4 and tags.count("table") == 3, tags
END
status=0
"$run" show "$bad" --html page.html 2>err.txt || status=$?
[ $status = 2 ] && grep -q "there already" err.txt || fail "status $status: a page is written over"
"$run" show alexnet-1 --workspace ws --html page.html --force
grep -q '<td>&lt;i&gt;rose</td><td class="num">50.0 %</td>' page.html || fail "the page has no classes: $(grep -c '<td>' page.html)"

# wait
says 0 "^alexnet-1 done: step 600$" wait ws/runs/alexnet-1
says 1 "^failed failed: step 120, loss is NaN in conv1$" wait ws/runs/failed
says 1 "^it can go on from step 200$" wait ws/runs/died
says 2 "No such file" wait ws/runs/nobody
if command -v flock >/dev/null; then
    cp -r ws/runs/died ws/runs/alive
    flock ws/runs/alive/lock sleep 1 &
    while flock -n ws/runs/alive/lock true; do sleep 0.02; done
    says 3 "^alive running: step 250$" wait ws/runs/alive --timeout 0.1
    says 0 "^alive  *running" list ws --state running
    says 1 "^alive died" wait ws/runs/alive
    wait
else
    echo "skipped: there is no flock here: no run that lives"
fi
