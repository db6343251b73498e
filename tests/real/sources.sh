# Software that nobody here wrote, from Debian's sources, built with the
# distribution's flags under build/real/ and kept there. Sourced by *.t.
#
# The system's package sources are not touched: a private list with the
# `deb-src` twins of the system's own entries is used.

REAL=${HOTFIX_O:?}/real
DIST_CFLAGS="-g -O2 -fstack-protector-strong -Wformat -fPIE"
DIST_CPPFLAGS="-Wdate-time -D_FORTIFY_SOURCE=2"
DIST_LDFLAGS="-pie -Wl,-z,relro -Wl,-z,now"

install_packages() {
	local missing="" p
	for p in "$@"; do
		dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || missing="$missing $p"
	done
	[ -z "$missing" ] && return
	{ apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
		--no-install-recommends -o DPkg::Lock::Timeout=300 $missing; } >&2
}

# The system's entries as `deb-src`, in the one-line format.
source_entries() {
	sed -n 's/^deb \(.*\)/deb-src \1/p' /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null
	awk '/^URIs:/ { uris = $0; sub(/^URIs: */, "", uris) }
	     /^Suites:/ { suites = $0; sub(/^Suites: */, "", suites) }
	     /^Components:/ { components = $0; sub(/^Components: */, "", components) }
	     /^Signed-By:/ { key = $2 }
	     function flush_entry(  u, s, i, j, nu, ns) {
		nu = split(uris, u, " "); ns = split(suites, s, " ")
		for (i = 1; i <= nu; i++) for (j = 1; j <= ns; j++)
			print "deb-src" (key ? " [signed-by=" key "]" : "") " " u[i] " " s[j] " " components
		uris = suites = components = key = ""
	     }
	     /^[[:space:]]*$/ { flush_entry() } END { flush_entry() }' \
		$(ls /etc/apt/sources.list.d/*.sources 2>/dev/null) /dev/null | sort -u
}

apt_private() { # PROGRAM ARGUMENT...
	local program=$1
	shift
	"$program" -qq -o Dir::Etc::sourcelist="$REAL/apt/sources.list" -o Dir::Etc::sourceparts=/dev/null \
		-o Dir::State::lists="$REAL/apt/lists" -o Dir::Cache="$REAL/apt" -o APT::Sandbox::User=root "$@"
}

# The newest that can be had: a mirror may announce a version before it has it,
# or one that it has no more.
download_source() {
	local package=$1 version
	for version in $(apt_private apt-cache showsrc --only-source "$package" |
		sed -n 's/^Version: //p' | sort -Vru); do
		rm -f "$REAL/$package/$package"_*
		(cd "$REAL/$package" && apt_private apt-get source --download-only "$package=$version" >&2) && return
	done
	return 1
}

# fetch_source PACKAGE: unpacks it to $REAL/PACKAGE/src, Debian's patches applied
fetch_source() {
	local package=$1
	mkdir -p "$REAL/apt/lists/partial" "$REAL/$package"
	install_packages dpkg-dev
	source_entries >"$REAL/apt/sources.list"
	apt_private apt-get update >&2 && download_source "$package" || return 1
	rm -rf "$REAL/$package/src"
	dpkg-source --no-check -x "$REAL/$package"/*.dsc "$REAL/$package/src" >/dev/null
}

# build_real PACKAGE: as build_PACKAGE() says, once; prints nothing but errors
build_real() {
	local package=$1 log=$REAL/$1/build.log
	[ -e "$REAL/$package/built" ] && return
	fetch_source "$package" || return 1
	# Our own make's flags (no built-in rules, a job server) are not theirs.
	if ! (unset MAKEFLAGS MFLAGS MAKELEVEL && cd "$REAL/$package/src" && "build_$package") >"$log" 2>&1; then
		tail -20 "$log" | sed 's/^/# /' >&2
		return 1
	fi
	touch "$REAL/$package/built"
}

build_redis() {
	install_packages libjemalloc-dev
	CFLAGS="$DIST_CFLAGS" CPPFLAGS="$DIST_CPPFLAGS" LDFLAGS="$DIST_LDFLAGS" \
		make -C src -j2 V=1 USE_SYSTEM_JEMALLOC=yes redis-server redis-cli redis-benchmark
}

build_memcached() {
	install_packages libevent-dev
	CFLAGS="$DIST_CFLAGS" CPPFLAGS="$DIST_CPPFLAGS" LDFLAGS="$DIST_LDFLAGS" ./configure &&
		make -j2 memcached
}

# No modules but those that a static file needs.
build_nginx() {
	./configure --with-cc-opt="$DIST_CFLAGS $DIST_CPPFLAGS" --with-ld-opt="$DIST_LDFLAGS" \
		--without-http_rewrite_module --without-http_gzip_module --without-http_proxy_module \
		--without-http_fastcgi_module --without-http_uwsgi_module --without-http_scgi_module \
		--without-http_grpc_module --without-http_memcached_module --without-http_ssi_module \
		--without-http_upstream_hash_module --without-http_upstream_ip_hash_module \
		--without-http_upstream_least_conn_module --without-http_upstream_random_module \
		--without-http_upstream_keepalive_module --without-http_upstream_zone_module &&
		make -j2
}
