#!/bin/sh
# tenon: lists what there is, starts it with its words and its status, beside itself or on PATH; unknown names
# get the nearest. Usage: tenon.sh TENON WORK_FOLDER
set -eu
work=$2
rm -rf "$work"
mkdir -p "$work/bin" "$work/own" "$work/none"
cp "$1" "$work/bin/tenon"
tenon=$work/bin/tenon
system=$PATH

fail() {
    echo "tenon: $*" >&2
    exit 1
}

# program FOLDER NAME: a script that says where it is and what it was given, and ends with status 7
program() {
    printf '#!/bin/sh\necho "%s %s:"\nfor w in "$@"; do echo "<$w>"; done\nexit 7\n' "$1" "$2" >"$work/$1/$2"
    chmod +x "$work/$1/$2"
}
program bin tenon-data
program bin tenon-plan
program own tenon-plan
program own tenon-mine
echo "no program" >"$work/own/tenon-text"
mkdir "$work/own/tenon-"
PATH=$work/own:$system
export PATH

# says STATUS WHAT WORDS...: that status, and WHAT in what it says
says() {
    want=$1 what=$2 status=0
    shift 2
    "$tenon" "$@" >"$work/said" 2>&1 || status=$?
    [ $status = "$want" ] || fail "\"$*\": status $status, not $want: $(cat "$work/said")"
    grep -q -e "$what" "$work/said" || fail "\"$*\" does not say \"$what\": $(cat "$work/said")"
}
says 0 "^  data     looks at a set"
says 0 "^  plan     what a network takes"
says 0 "^  mine     $work/own/tenon-mine" help
if grep -q "text" "$work/said"; then fail "lists what is no program"; fi
says 0 "^tenon [0-9]*[.][0-9]*[.][0-9]*$" --version
says 7 "^bin tenon-data:" data
says 7 "^bin tenon-plan:" plan
says 7 "^own tenon-mine:" mine
says 7 "^<two  words>$" mine one "two  words" --json ""
[ "$(wc -l <"$work/said")" = 5 ] || fail "words are lost: $(cat "$work/said")"
says 7 "^<--help>$" help plan
says 2 "did you mean \"tenon plan\"" plam
says 2 "did you mean \"tenon data\"" help dat
says 2 "there is no tenon-xyzzy beside tenon or on PATH" xyzzy
says 2 "there is no tenon-x " x
says 2 "there is no tenon-../own/tenon-mine" ../own/tenon-mine
says 2 "there is no option --nonsense" --nonsense
says 0 "^.TH TENON 1" --man
mkdir -p "$work/share/man/man1"
echo "a page of plan" >"$work/share/man/man1/tenon-plan.1"
printf '#!/bin/sh\necho "man shows:"; cat "$@"\nexit 7\n' >"$work/own/man"
chmod +x "$work/own/man"
says 7 "^a page of plan" help plan
says 7 "^<--help>$" help data # which has no page
rm "$work/own/man"
rm -r "$work/share"
mv "$work/bin/tenon" "$work/none/tenon"
ln -s ../none/tenon "$work/bin/tenon" # a link says nothing about where the others are
says 7 "^own tenon-plan:" plan
PATH=$system
says 0 "No tenon-NAME is" help
