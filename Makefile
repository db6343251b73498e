# hotfix: one Makefile for everything.
#
#   make deps      install what is needed to build and test (Debian packages)
#   make           build/hotfix and build/hotfix-build
#   make demo      the checkout story: a live service fixed under load
#   make check     all tests; check-unit, check-build, check-fuzz, check-live,
#                  check-real alone
#   make fuzz      damaged input for every parser, ten minutes each
#   make check-hostile   all that tries to break it, in full: hours
#   make check-cases   real fixes from distributions, on running services
#   make bench     what it costs, as ratios in one run
#   make install   [DESTDIR=] [prefix=/usr/local]
#
#   V=1 shows commands, WERROR=1 makes warnings errors,
#   SAN=address,undefined builds and tests under sanitizers,
#   T='tests/live/apply.t ...' picks tests.

MAKEFLAGS += --no-builtin-rules
.DELETE_ON_ERROR:
.DEFAULT_GOAL := all

VERSION := 0.1.0

CC       ?= gcc
ifeq ($(origin CC),default)
CC       := gcc
endif
AR       ?= ar
CFLAGS   ?= -O2 -g
prefix   ?= /usr/local
bindir   ?= $(prefix)/bin
mandir   ?= $(prefix)/share/man
incdir   ?= $(prefix)/include
libdir   ?= $(prefix)/lib/hotfix
sysconfdir ?= /etc
docdir   ?= $(prefix)/share/doc/hotfix
datadir  ?= $(prefix)/share

SAN      ?=
O        ?= build$(if $(SAN),-san)
ifneq ($(V),1)
Q := @
say = @printf '  %-7s %s\n' $(1) $(2);
endif

PACKAGES := libelf libdw capstone jansson libsodium sqlite3 libunwind-ptrace libunwind-generic libunwind
# Before `make deps` has run there is no pkg-config to ask.
ifneq ($(shell command -v pkg-config 2>/dev/null),)
PKG_CFLAGS := $(shell pkg-config --cflags $(PACKAGES) 2>/dev/null)
LIBS_PATCHER := $(shell pkg-config --libs libdw libelf capstone jansson libsodium 2>/dev/null)
LIBS_AGENT := $(shell pkg-config --libs libelf capstone jansson libsodium sqlite3 libunwind-generic libunwind 2>/dev/null)
# The shared libcapstone has 77,000 relocations, 1.8 MiB that every start reads. From
# the archive they are packed to a few KiB: an agent of 8 MiB and not of 10.
CAPSTONE := $(wildcard $(shell pkg-config --variable=libdir capstone 2>/dev/null)/libcapstone.a)
PACKED := -Wl,-z,pack-relative-relocs
PACK_RELOCATIONS := $(if $(shell ld --help 2>/dev/null | grep -o pack-relative-relocs),$(PACKED))
LIBS_SMALL_AGENT := $(if $(CAPSTONE),$(CAPSTONE) $(filter-out -lcapstone,$(LIBS_AGENT)) $(PACK_RELOCATIONS),$(LIBS_AGENT))
endif

WARNINGS := -Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes \
	    -Wmissing-prototypes -Wpointer-arith -Wvla -Wformat=2 \
	    $(if $(WERROR),-Werror)
HARDENING := -fstack-protector-strong -fPIE $(if $(SAN),,-D_FORTIFY_SOURCE=2)
SAN_FLAGS := $(if $(SAN),-fsanitize=$(SAN) -fno-sanitize-recover=all -fno-omit-frame-pointer)

ALL_CFLAGS := -std=gnu17 -D_GNU_SOURCE -DHOTFIX_VERSION='"$(VERSION)"' \
	      -DHOTFIX_INCLUDE_DIR='"$(incdir)"' \
	      -DHOTFIX_LIB_DIR='"$(libdir)"' \
	      -DHOTFIX_POLICY='"$(sysconfdir)/hotfix/policy.json"' \
	      $(WARNINGS) $(HARDENING) $(PKG_CFLAGS) $(CFLAGS) $(SAN_FLAGS)
ALL_LDFLAGS := -pie -Wl,-z,relro,-z,now $(LDFLAGS) $(SAN_FLAGS)

objects = $(patsubst %.c,$(O)/%.o,$(1))

LIB_SRC     := $(sort $(wildcard lib/*.c lib/arch/*.c lib/arch/*/*.c))
AGENT_MAIN  := agent/main.c
AGENT_SRC   := $(filter-out $(AGENT_MAIN),$(sort $(wildcard agent/*.c)))
PATCHER_MAIN := patcher/main.c
# What runs inside a recorded build: a program and a library of their own.
WRAPPER_MAIN := patcher/record/wrapper_main.c
PRELOAD_SRC := patcher/record/preload.c
PATCHER_SRC := $(filter-out $(PATCHER_MAIN) $(WRAPPER_MAIN) $(PRELOAD_SRC),\
	       $(sort $(wildcard patcher/*.c patcher/*/*.c)))

all: $(O)/hotfix $(O)/hotfix-build $(O)/hotfix-cc $(O)/hotfix-record.so

$(O)/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

define archive
	@mkdir -p $(@D)
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^
endef
$(O)/libhotfix.a: $(call objects,$(LIB_SRC)); $(archive)
$(O)/libagent.a: $(call objects,$(AGENT_SRC)); $(archive)
$(O)/libpatcher.a: $(call objects,$(PATCHER_SRC)); $(archive)

$(O)/hotfix: $(call objects,$(AGENT_MAIN)) $(O)/libagent.a $(O)/libhotfix.a
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS_SMALL_AGENT)

$(O)/hotfix-build: $(call objects,$(PATCHER_MAIN)) $(O)/libpatcher.a $(O)/libhotfix.a
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS_PATCHER)

# A few libraries only: it starts once for every file of a recorded build.
$(O)/hotfix-cc: $(call objects,$(WRAPPER_MAIN)) $(O)/libpatcher.a $(O)/libhotfix.a
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ -Wl,--as-needed $(LIBS_PATCHER)

# Lives in other people's programs: no sanitizer, nothing that only glibc has.
$(O)/hotfix-record.so: $(PRELOAD_SRC) patcher/record/program_name.h
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) -std=gnu17 -D_GNU_SOURCE $(WARNINGS) -O2 -g -U_FORTIFY_SOURCE \
		-fno-stack-protector -fvisibility=hidden -fPIC -shared \
		-Wl,-z,relro,-z,now -o $@ $< -ldl

include tests/tests.mk
include examples/examples.mk
include bench/bench.mk

# --- set-up -----------------------------------------------------------------

DEB_BUILD := gcc make pkg-config libelf-dev libdw-dev libcapstone-dev \
	     libunwind-dev libjansson-dev libsodium-dev libsqlite3-dev patch diffutils
DEB_TEST  := perl procps curl python3 python3-fusepy musl-tools gdb binutils file dwz \
	     g++ clang lld cmake ninja-build ccache libtool-bin bison flex minisign \
	     libseccomp-dev libjemalloc2 libtcmalloc-minimal4 strace valgrind \
	     linux-perf qemu-user zsh fish systemd git chromium
SUDO      := $(shell [ "$$(id -u)" = 0 ] || echo sudo)

.PHONY: all deps check-deps demo check check-unit check-live check-real bench \
	fuzz tidy format install clean compile_commands.json

# Installs only what is missing, so that a second run costs nothing.
deps:
	@missing=; for p in $(DEB_BUILD) $(DEB_TEST); do \
		dpkg-query -W -f='$${Status}' $$p 2>/dev/null | grep -q 'ok installed' || missing="$$missing $$p"; done; \
	if [ -n "$$missing" ]; then \
		echo "installing:$$missing"; \
		$(SUDO) apt-get update -qq && \
		$(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
			-o DPkg::Lock::Timeout=300 $$missing; \
	fi

COMPLETION_DIRS := bash-completion/completions fish/vendor_completions.d zsh/site-functions

install: all
	install -d $(DESTDIR)$(bindir) $(DESTDIR)$(libdir) $(DESTDIR)$(incdir)/hotfix $(DESTDIR)$(mandir)/man1 $(DESTDIR)$(mandir)/man5 $(DESTDIR)$(docdir)
	install -m 755 $(O)/hotfix $(O)/hotfix-build $(DESTDIR)$(bindir)
	install -m 755 $(O)/hotfix-cc $(DESTDIR)$(libdir)
	install -m 644 $(O)/hotfix-record.so $(DESTDIR)$(libdir)
	install -m 644 include/hotfix/hotfix.h $(DESTDIR)$(incdir)/hotfix
	install -m 644 man/*.1 $(DESTDIR)$(mandir)/man1
	install -m 644 man/*.5 $(DESTDIR)$(mandir)/man5
	install -m 644 README.md $(DESTDIR)$(docdir)
	install -d $(addprefix $(DESTDIR)$(datadir)/,$(COMPLETION_DIRS))
	for p in hotfix hotfix-build; do \
		install -m 644 completions/hotfix.bash $(DESTDIR)$(datadir)/bash-completion/completions/$$p; \
		install -m 644 completions/hotfix.fish $(DESTDIR)$(datadir)/fish/vendor_completions.d/$$p.fish; \
	done
	install -m 644 completions/_hotfix $(DESTDIR)$(datadir)/zsh/site-functions
	install -d $(DESTDIR)$(prefix)/lib/systemd/system $(DESTDIR)$(prefix)/lib/tmpfiles.d
	sed 's|@bindir@|$(bindir)|' systemd/hotfix-watch.service.in \
		>$(DESTDIR)$(prefix)/lib/systemd/system/hotfix-watch.service
	install -m 644 systemd/hotfix.tmpfiles $(DESTDIR)$(prefix)/lib/tmpfiles.d/hotfix.conf

clean:
	rm -rf build build-san compile_commands.json

# --- for people who work on it ----------------------------------------------

tidy: compile_commands.json
	clang-tidy --quiet -p . $(LIB_SRC) $(AGENT_SRC) $(PATCHER_SRC)

format:
	clang-format -i $(LIB_SRC) $(AGENT_SRC) $(AGENT_MAIN) $(PATCHER_SRC) $(PATCHER_MAIN) \
		$(wildcard lib/*.h lib/arch/*.h agent/*.h patcher/*.h)

compile_commands.json:
	@for f in $(LIB_SRC) $(AGENT_SRC) $(AGENT_MAIN) $(PATCHER_SRC) $(PATCHER_MAIN); do \
		printf '{"directory":"%s","file":"%s","command":"%s -c %s"},\n' "$$PWD" $$f \
		'$(CC) $(subst ",\\\",$(ALL_CFLAGS))' $$f; done | sed '1s/^/[/;$$s/,$$/]/' > $@

-include $(shell find $(O) -path $(O)/real -prune -o -name '*.d' -type f -print 2>/dev/null)
