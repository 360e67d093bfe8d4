#!/bin/sh
# Makes Debian packages, from a fresh clone on a bare Debian 12: installs what is missing, builds, and writes
#     ./scripts/package.sh [FOLDER]     the .deb files into FOLDER (build/packages)
#     ./scripts/package.sh --try        and installs those of build/packages in a bare Debian 12 (build/bare, as root),
#                                       where they train, build and ask a net
# Their name, size and what they need is what it prints. Install them with `apt install ./NAME.deb ...`.
set -eu
from=$PWD
cd "$(dirname "$0")/.."
. scripts/_install.sh

try=
if [ "${1-}" = --try ]; then
    [ "$(id -u)" = 0 ] || die "--try unpacks a system, which takes root."
    try=debootstrap
    shift
fi
out=${1-build/packages}
case $out in
-*)
    sed -n '2,6s/^# //p' scripts/package.sh
    exit 0
    ;;
/*) ;;
*) [ $# = 0 ] && out=$PWD/$out || out=$from/$out ;;
esac

# shellcheck disable=SC2086  # a list of words
install_missing $packages dpkg-dev file $try
build package all
say "Packing into $out ..."
mkdir -p "$out"
(cd build/package && cpack -B "$out" >../package-cpack.log 2>&1) || {
    cat build/package-cpack.log
    die "cpack failed."
}
rm -rf "$out/_CPack_Packages"
for deb in "$out"/*.deb; do
    printf '%-42s %7s kB  %s\n' "$(basename "$deb")" "$(($(stat -c %s "$deb") / 1024))" \
        "$(dpkg-deb -f "$deb" Depends | cut -c1-120)"
done
[ -n "$try" ] || exit 0

bare=build/bare
say "Unpacking a bare Debian 12 in $bare ..."
rm -rf "$bare"
# The mirror that this machine itself installs from, whichever way its lists are written.
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep /debian/ | grep -v security | head -n 1)
debootstrap --variant=minbase bookworm "$bare" "$mirror" >build/bare.log 2>&1 || { tail build/bare.log; die "debootstrap failed."; }
mkdir "$bare/debs"
cp "$out"/*.deb "$bare/debs/"
chroot "$bare" sh -c 'apt-get update -qq && apt-get install -y --no-install-recommends /debs/*.deb' >>build/bare.log 2>&1 </dev/null ||
    { tail build/bare.log; die "The packages cannot be installed there."; }
# shellcheck disable=SC2016  # it is the other system's shell that reads it
chroot "$bare" sh -eu -c 'cd /tmp
    tenon shapes shapes --train 8 --val 4 >/dev/null
    tenon train shapes --net slim --size 64 --batch 8 --epochs 1 --run first | tail -n 1
    tenon build first -o first.plan >/dev/null
    tenon infer first.plan shapes/val/star/0000.jpg
    tenon serve --help >/dev/null
    python3 -c "import sys; sys.path.insert(0, \"/usr/share/tenon\"); import tenon"
' || die "What is installed there does not run."
say "Installed and run in a bare Debian 12."
