# Sourced by Scripts/demo and Scripts/test: what the system must have, installed only where it is missing.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

say() { printf '%s\n' "$*"; }
fail() { printf '%s\n' "$*" >&2; exit 1; }

# as_root COMMAND...: runs it as root, with sudo where that needs no question or a terminal can answer one.
as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"
    elif command -v sudo > /dev/null && { sudo -n true 2> /dev/null || [ -t 0 ]; }; then sudo "$@"
    else return 1
    fi
}

# need_swift: a Swift 6.3 toolchain, which no Debian package brings.
need_swift() {
    command -v swift > /dev/null || fail "Swift is missing: install the 6.3 toolchain from https://www.swift.org/install and put it in PATH"
    local version
    version=$(swift --version 2> /dev/null | sed -n 's/.*Swift version \([0-9]*\)\.\([0-9]*\).*/\1 \2/p' | head -1)
    set -- ${version:-0 0}
    { [ "$1" -gt 6 ] || { [ "$1" = 6 ] && [ "$2" -ge 3 ]; }; } || fail "Swift $1.$2 is too old: Thimble needs 6.3 or newer, see https://www.swift.org/install"
}

# release_flags: what a release is built with.
# Types are found by calls, not by their mangled names, which a process would have to take apart once each: a twentieth of what it takes to load and plan
# a small model. On Linux Swift's runtime goes into the program, which then runs where no Swift is, and the toolchain's own linker puts the functions that
# running a model needs side by side (Scripts/order-functions): another twentieth, and 3 MB less of the program in memory.
release_flags() {
    local flags="-Xswiftc -Xfrontend -Xswiftc -disable-concrete-type-metadata-mangled-name-accessors" resources
    if [ "$(uname)" = Linux ]; then
        resources=$(swift -print-target-info 2> /dev/null | sed -n 's/.*"runtimeResourcePath" *: *"\(.*\)".*/\1/p')
        [ ! -d "${resources}_static" ] || flags+=" --static-swift-stdlib"
        if [ -x "${resources%/lib/swift}/bin/ld.lld" ]; then
            flags+=" -Xswiftc -use-ld=lld -Xswiftc -Xfrontend -Xswiftc -function-sections -Xcc -ffunction-sections"
            flags+=" -Xlinker --symbol-ordering-file=Scripts/functions.order -Xlinker --no-warn-symbol-ordering"
        fi
    fi
    echo "$flags"
}

# need_packages NAME...: Debian packages; on macOS (untested) the Homebrew formulas that stand for them.
need_packages() {
    local missing=() name
    if [ "$(uname)" = Darwin ]; then
        for name in $(brew_names "$@"); do brew list --versions "$name" > /dev/null 2>&1 || missing+=("$name"); done
        [ ${#missing[@]} = 0 ] && return
        command -v brew > /dev/null || fail "missing: ${missing[*]}; install Homebrew (https://brew.sh) or these by hand"
        say "installing ${missing[*]} with Homebrew"
        brew install "${missing[@]}" || fail "brew could not install: ${missing[*]}"
        return
    fi
    if ! command -v dpkg-query > /dev/null; then
        say "this is not a Debian system: install what stands for these packages yourself: $*"
        return
    fi
    for name in "$@"; do
        # ${db:Status-Status} is dpkg's own format, not the shell's.
        # shellcheck disable=SC2016
        [ "$(dpkg-query -W -f='${db:Status-Status}' "$name" 2> /dev/null)" = installed ] || missing+=("$name")
    done
    [ ${#missing[@]} = 0 ] && return
    say "installing from Debian: ${missing[*]}"
    as_root true || fail "missing: ${missing[*]}; run as root, or: sudo apt-get install ${missing[*]}"
    if ! as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}" > "$log" 2>&1; then
        # A fresh system has no package lists yet.
        as_root apt-get update -q >> "$log" 2>&1 || true
        as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}" >> "$log" 2>&1 \
            || { tail -5 "$log" >&2; fail "apt-get could not install: ${missing[*]}; is there a network? The whole log: $log"; }
    fi
}

brew_names() {
    local name
    for name in "$@"; do
        case $name in
            libprotobuf-c-dev | protobuf-c-compiler) echo protobuf-c ;;
            zlib1g-dev) echo zlib ;;
            pkg-config) echo pkgconf ;;
            flatbuffers-compiler | libflatbuffers-dev) echo flatbuffers ;;
            python3 | python3-venv) echo python@3.12 ;;
        esac
    done | sort -u
}

mkdir -p "$root/.cache"
log=$root/.cache/install.log
