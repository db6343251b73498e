# Debian's sources without a change of the system: where `deb-src` is missing,
# a list of our own is used, through $APT_CONFIG, also by what we start.
# Sourced; wants $CASES_WORK and source_entries() of tests/real/sources.sh.

has_sources() { apt-cache showsrc --only-source bash 2>/dev/null | grep -q '^Package: bash'; }

binary_entries() { source_entries | sed 's/^deb-src /deb /'; }

write_apt_config() { # DIRECTORY
	mkdir -p "$1/lists/partial" "$1/cache/archives/partial"
	source_entries >"$1/sources.list"
	binary_entries >>"$1/sources.list"
	cat >"$1/apt.conf" <<-END
		Dir::Etc::sourcelist "$1/sources.list";
		Dir::Etc::sourceparts "/dev/null";
		Dir::State::lists "$1/lists";
		Dir::Cache "$1/cache";
		APT::Sandbox::User "root";
	END
}

# Once a day, or there is something wrong with what we have.
update_lists() { # DIRECTORY
	[ -z "$(find "$1/updated" -mtime -1 2>/dev/null)" ] || return 0
	apt-get update -qq >"$1/update.log" 2>&1 && touch "$1/updated"
}

use_sources() {
	has_sources && return
	write_apt_config "$CASES_WORK/_apt"
	export APT_CONFIG=$CASES_WORK/_apt/apt.conf
	update_lists "$CASES_WORK/_apt"
	has_sources
}
