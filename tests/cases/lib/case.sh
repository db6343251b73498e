# What build.sh and run.sh of our cases share. A case is a folder:
#
#	case.env   what it is: PKG, VERSION, FIXES (files of debian/patches),
#	           OBJECT, PORT, CLASS, FUNCS, BUILD_DEPS, EXPECT, DESTRUCTIVE;
#	           OPTIONS for hotfix-build, APPLY for hotfix apply, LOAD and
#	           LOAD_PAUSE for load.py
#	build.sh   defines compile(), which is run inside a source tree, and
#	           calls case_build "$@"
#	run.sh     defines service(), which calls spawn, and calls case_run "$@";
#	           targets() and clean() where there is more than one process
#	probe.sh   asks the service: 0 fixed, 1 buggy, 2 dead
#
# All that is written is below $CASES_WORK:
#
#	_dl/                          Debian's source packages
#	_build/CASE/fix.patch         the fix, as Debian has it
#	_build/CASE/{before,after}/   the built trees, in src/
#	_run/CASE/                    configuration, log and PID of the service

set -u
CASE=$(cd "$(dirname "$0")" && pwd -P)
LIB=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
. "$CASE/case.env"
CASES_WORK=${CASES_WORK:-${TMPDIR:-/tmp}/hotfix-cases}
JOBS=${JOBS:-2}
PORT=${PORT_OVERRIDE:-$PORT}
DOWNLOADS=$CASES_WORK/_dl
BUILD=$CASES_WORK/_build/$NAME
RUN=$CASES_WORK/_run/$NAME

# As dpkg-buildflags says on Debian 12, for programs and for libraries.
DIST_CFLAGS="-g -O2 -fstack-protector-strong -Wformat -Werror=format-security"
DIST_CPPFLAGS="-Wdate-time -D_FORTIFY_SOURCE=2"
DIST_LDFLAGS="-Wl,-z,relro -Wl,-z,now"
PIE_CFLAGS="$DIST_CFLAGS -fPIE"
PIE_LDFLAGS="-pie $DIST_LDFLAGS"

give_up() { echo "$NAME: $*" >&2; exit 3; }

# --- sources -----------------------------------------------------------------

install_missing() {
	local p missing=""
	for p in dpkg-dev patch $BUILD_DEPS; do
		dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || missing="$missing $p"
	done
	[ -z "$missing" ] && return
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
		-o DPkg::Lock::Timeout=300 $missing >/dev/null || give_up "cannot install:$missing"
}

# The series of a downloaded package holds every file of $FIXES.
has_fixes() { # DSC
	local fix series
	series=$(tar -xOf "${1%.dsc}.debian.tar.xz" debian/patches/series 2>/dev/null) || return 1
	for fix in $FIXES; do
		grep -qxF "$fix" <<<"$series" || return 1
	done
}

download() { # VERSION: sets DSC
	DSC=$DOWNLOADS/${PKG}_${1#*:}.dsc
	[ -f "$DSC" ] && has_fixes "$DSC" && return
	(cd "$DOWNLOADS" && apt-get source -qq --download-only "$PKG=$1" >&2) &&
		[ -f "$DSC" ] && has_fixes "$DSC"
}

# The version that the case was made with, else any with the same fix in its
# series: archives forget old versions, and mirrors announce what they lack.
fetch() {
	local version
	mkdir -p "$DOWNLOADS"
	for version in "$VERSION" $(apt-cache showsrc --only-source "$PKG" 2>/dev/null |
		sed -n 's/^Version: //p' | sort -Vru); do
		download "$version" 2>"$DOWNLOADS/$PKG.log" && return
	done
	tail -3 "$DOWNLOADS/$PKG.log" >&2
	give_up "no source of $PKG with ${FIXES%% *} can be had"
}

apply_diff() { # TREE DIFF
	patch -d "$1" -p1 -s -f -E --no-backup-if-mismatch <"$2" >&2 || give_up "$2 does not apply"
}

# The tree as it was when the fix entered the series: with all that stands
# before the first of $FIXES.
unpack() { # TREE
	local line
	fetch
	rm -rf "$1"
	mkdir -p "$(dirname "$1")"
	dpkg-source --no-check --skip-patches -x "$DSC" "$1" >/dev/null 2>&1 || give_up "cannot unpack $DSC"
	while read -r line _; do
		case $line in '' | '#'*) continue ;; "${FIXES%% *}") return ;; esac
		apply_diff "$1" "$1/debian/patches/$line"
	done <"$1/debian/patches/series"
	give_up "${FIXES%% *} is not in the series of $DSC"
}

make_diff() {
	local fix tree=$BUILD/diff.tmp
	[ -s "$BUILD/fix.patch" ] && return
	fetch
	mkdir -p "$BUILD"
	for fix in $FIXES; do
		tar -xOf "${DSC%.dsc}.debian.tar.xz" "debian/patches/$fix" || give_up "no $fix in $DSC"
	done >"$tree"
	mv "$tree" "$BUILD/fix.patch"
}

# --- building ----------------------------------------------------------------

build_tree() { # before|after
	local tree=$BUILD/$1/src start=$SECONDS
	make_diff
	unpack "$tree"
	[ "$1" = before ] || apply_diff "$tree" "$BUILD/fix.patch"
	(cd "$tree" && compile) >"$BUILD/$1/build.log" 2>&1 </dev/null || {
		tail -20 "$BUILD/$1/build.log" >&2
		give_up "cannot build the $1 tree, see $BUILD/$1/build.log"
	}
	echo $((SECONDS - start)) >"$BUILD/$1/.built"
	echo "$NAME $1 built in $((SECONDS - start)) s"
}

# Settings of the make that called us are not theirs.
case_build() {
	unset MAKEFLAGS MFLAGS MAKELEVEL
	export LC_ALL=C
	case ${1:-both} in
	before | after) install_missing && build_tree "$1" ;;
	both) install_missing && build_tree before && build_tree after ;;
	unpack) install_missing && unpack "$2" ;;
	here) compile ;;
	diff) make_diff && echo "$BUILD/fix.patch" ;;
	*) give_up "usage: build.sh before | after | both | unpack DIR | here | diff" ;;
	esac
}

# A program of ours that serves what a library can do, on 127.0.0.1:$1.
build_host() { # SOURCE FLAG...
	local source=$1
	shift
	gcc $PIE_CFLAGS -I"$LIB" -o host "$CASE/$source" $PIE_LDFLAGS "$@"
}

# --- running -----------------------------------------------------------------

spawn() { # COMMAND...: in the background, in a session of its own
	setsid nohup "$@" >>"$RUN/log" 2>&1 </dev/null &
	echo $! >"$RUN/pid"
}

is_alive() { grep -qs '^State:.[^ZX]' "/proc/$1/status"; }

# until_true SECONDS COMMAND...: for what no event tells
until_true() {
	local end=$((SECONDS + $1))
	shift
	until "$@"; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.05
	done
}

listens() { ss -Hln"${2:-t}" "sport = :$1" | grep -q .; }
is_up_or_dead() { listens "$@" || ! is_alive "$(<"$RUN/pid")"; }

await_port() { # PORT [u]: until something listens there
	until_true 20 is_up_or_dead "$@"
	listens "$@"
}

start() { # before|after
	SRC=$BUILD/$1/src
	[ -f "$BUILD/$1/.built" ] || give_up "not built: $1"
	rm -rf "$RUN"
	mkdir -p "$RUN"
	service || { tail -5 "$RUN/log" >&2; give_up "does not start"; }
	cat "$RUN/pid"
}

is_gone() { ! is_alive "$1"; }
stop() {
	local pid
	[ -f "$RUN/pid" ] || return 0
	pid=$(<"$RUN/pid")
	kill "$pid" 2>/dev/null
	until_true 5 is_gone "$pid" || kill -KILL "$pid" 2>/dev/null
	if declare -F clean >/dev/null; then clean; fi
	rm -f "$RUN/pid"
}

case_run() {
	export LC_ALL=C
	case ${1:-} in
	start) start "${2:-before}" ;;
	stop) stop ;;
	pid) cat "$RUN/pid" ;;
	targets) if declare -F targets >/dev/null; then targets; else cat "$RUN/pid"; fi ;;
	*) give_up "usage: run.sh start before|after | targets | pid | stop" ;;
	esac
}
