# shellcheck shell=sh
# shellcheck disable=SC2034  # used by those who source it
# Sourced by demo.sh and check.sh: the packages Tenon is built from, and the shell's plain steps.

# The one list of Debian packages. Programs and headers, nothing that runs by itself.
packages="build-essential cmake ninja-build pkg-config libdnnl-dev libstb-dev libcjson-dev libxxhash-dev
          libcmocka-dev libjpeg-dev libpng-dev libwebp-dev libgif-dev zlib1g-dev
          libmicrohttpd-dev python3"

say() {
    printf '%s\n' "$*"
}

die() {
    printf '%s\n' "$*" >&2
    exit 1
}

# Installs those of the packages named, one an argument, that are not here yet. Where all are, no network
# is needed.
install_missing() {
    command -v dpkg-query >/dev/null 2>&1 ||
        die "This is not Debian: install what README.md lists, then use cmake --preset release."
    missing=
    for package in "$@"; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' ||
            missing="$missing $package"
    done
    [ -n "$missing" ] || return 0

    as_root=
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null 2>&1 || die "As root, please: apt-get install$missing"
        as_root="sudo"
    fi
    say "Not here yet, to be installed with apt-get:$missing"
    if [ -t 0 ] && [ -n "$as_root" ]; then
        printf 'Install them with sudo? [Y/n] '
        read -r answer
        case $answer in
        "" | [Yy]*) ;;
        *) die "Then nothing can be built." ;;
        esac
    fi
    $as_root apt-get update </dev/null || die "apt-get update failed; is there a network?"
    # shellcheck disable=SC2086  # a list of words
    $as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y --no-install-recommends $missing </dev/null ||
        die "apt-get could not install:$missing"
}

# Configures and builds one preset, quietly unless it fails. Arguments: preset, targets ("all"), then
# CMake's own.
build() {
    preset=$1
    targets=$2
    shift 2
    say "Building ($preset) in build/$preset ..."
    mkdir -p build
    log=build/$preset.log
    # shellcheck disable=SC2086  # a list of words
    { cmake --preset "$preset" "$@" && cmake --build --preset "$preset" --target $targets; } \
        >"$log" 2>&1 </dev/null || {
        cat "$log"
        die "The build failed; the log is $log."
    }
}
