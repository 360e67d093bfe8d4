#!/bin/sh
# Installs a build of Tenon, moves the installed tree, and builds and runs a foreign project against it:
# by CMake and by pkg-config, shared and static. Usage: run.sh BUILD_FOLDER WORK_FOLDER
set -eu
here=$(cd "$(dirname "$0")" && pwd)
build=$1
work=$2

rm -rf "$work"
mkdir -p "$work"
trap '[ $? = 0 ] || cat "$work"/*.log' EXIT
cmake --install "$build" --prefix "$work/first" >"$work/install.log"
mv "$work/first" "$work/moved"
prefix=$work/moved

# Debian packages are made of components: each file is of one, and none is left out.
components=$(sed -n 's/^set(CPACK_COMPONENTS_ALL "\(.*\)")$/\1/p' "$build/CPackConfig.cmake" | tr ';' ' ')
for component in $components; do
    cmake --install "$build" --prefix "$work/parts/$component" --component "$component" >>"$work/install.log"
    (cd "$work/parts/$component" && find . ! -type d ! -path "*/doc/*")
done | sort >"$work/parts.txt"
(cd "$prefix" && find . ! -type d ! -path "*/doc/*") | sort | diff "$work/parts.txt" - >"$work/parts.log"

# Programs find their library and each other wherever the tree is moved.
cd "$work"
"$prefix/bin/tenon" | grep -q "^  data " || { echo "tenon does not list tenon-data" >&2; exit 1; }
"$prefix/bin/tenon" shapes shapes --train 2 --val 2 >programs.log
"$prefix/bin/tenon" data pack shapes/train packed --size 64 --quiet
"$prefix/bin/alexnet" packed --val shapes/val --net slim --size 64 --batch 4 --epochs 1 --threads 1 --save model >>programs.log
"$prefix/bin/classify" model shapes/val/star/*.jpg >>programs.log
"$prefix/bin/tenon" build model -o model.plan >>programs.log
"$prefix/bin/tenon" infer model.plan shapes/val/star/*.jpg >>programs.log
for program in mnist tenon-speed tenon-plan; do
    "$prefix/bin/$program" --help >>programs.log
done
echo "programs run where they were moved to"

# Each has its manual page, which `tenon help` shows.
for program in "$prefix"/bin/*; do
    [ -s "$prefix/share/man/man1/$(basename "$program").1" ] ||
        { echo "$(basename "$program") has no manual page" >&2; exit 1; }
done
"$prefix/bin/tenon" help plan >help.log
grep -q -e "--device-options" help.log || { echo "tenon help plan shows nothing" >&2; exit 1; }
if command -v man >/dev/null; then
    grep -q "SEE ALSO" help.log || { echo "tenon help plan is not its page" >&2; exit 1; }
fi

for kind in shared static; do
    [ $kind = static ] && static=ON || static=OFF
    cmake -S "$here" -B "$work/cmake-$kind" -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_BUILD_TYPE=Debug \
        -DFOREIGN_STATIC="$static" -DFOREIGN_ENGINE="$build/tests/engine_program.c" >"$work/cmake-$kind.log"
    cmake --build "$work/cmake-$kind" >>"$work/cmake-$kind.log"
    echo "CMake, $kind: $("$work/cmake-$kind/foreign" "$work/net-cmake-$kind")"
done

PKG_CONFIG_PATH=$(dirname "$(find "$prefix" -name tenon.pc)")
export PKG_CONFIG_PATH
for kind in shared static; do
    make -s -C "$here" LINK=$kind OUT="$work/make-$kind"
    echo "pkg-config, $kind: $("$work/make-$kind" "$work/net-make-$kind")"
done

# What runs engines needs libtenon-infer and not libtenon: the program of docs/engine.md.
program=$build/tests/engine_program.c
set -- shapes/val/star/*.jpg
libdir=$(pkg-config --variable=libdir tenon-infer)
for kind in shared static; do
    [ $kind = static ] && static=--static name=-l:libtenon-infer.a || static="" name=-ltenon-infer
    # shellcheck disable=SC2046,SC2086  # words are what pkg-config gives
    "${CC:-cc}" $(pkg-config --cflags tenon-infer) "$program" -o "names-$kind" \
        $(pkg-config $static --libs tenon-infer | sed "s/-ltenon-infer/$name/") -Wl,-rpath,"$libdir"
    "./names-$kind" model.plan "$@" >"named-$kind"
    echo "pkg-config, tenon-infer, $kind: $(head -1 "named-$kind")"
done
cmp named-shared named-static
if ldd names-shared | grep -q "libtenon[.]so" || ldd names-static | grep -q libtenon; then
    echo "what runs engines needs libtenon" >&2
    exit 1
fi

# The two kinds must really be two: only one of them may need libtenon.so.
for built in cmake-%s/foreign make-%s; do
    # shellcheck disable=SC2059  # the format is the list above
    ldd "$work/$(printf "$built" shared)" | grep -q "libtenon.so.*$prefix"
    # shellcheck disable=SC2059
    if ldd "$work/$(printf "$built" static)" | grep -q libtenon; then
        echo "$(printf "$built" static) needs libtenon.so" >&2
        exit 1
    fi
done
