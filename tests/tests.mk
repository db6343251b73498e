# Tests: TAP programs, run by prove. See tests/README.md.
#
#   tests/unit/NAME.c     pure and fast, linked with the whole code
#   tests/model/NAME.c    a protocol in every state that it can be in
#   tests/live/NAME.t     shell, against real processes
#   tests/live/NAME.c     the same in C, where the agent's functions are called
#   tests/fault/NAME      the agent dies, or the target, or something is scarce
#   tests/tools/NAME.c    programs that live tests call
#   tests/targets/NAME.c  programs to be patched; built as distributions build
#   tests/diff/NAME/      small projects, each with a source diff: run.t
#   tests/fuzz/NAME.c     a parser each, with damaged input: fuzz.h, replay.t
#   tests/real/NAME.t     software that nobody here wrote

TEST_LINK := $(O)/libagent.a $(O)/libpatcher.a $(O)/libhotfix.a
TEST_LIBS  = $(LIBS_PATCHER) $(LIBS_AGENT) -lpthread

UNIT_TESTS := $(patsubst %.c,$(O)/%,$(sort $(wildcard tests/unit/*.c tests/model/*.c)))
FAULT_PROGRAMS := $(patsubst %.c,$(O)/%,$(sort $(wildcard tests/fault/*.c)))
LIVE_PROGRAMS := $(patsubst %.c,$(O)/%,$(sort $(wildcard tests/live/*.c))) \
		 $(FAULT_PROGRAMS)
DIFF_TESTS := tests/diff/run.t
# These mostly compile and need no quiet machine: they run beside each other.
BUILD_TESTS := $(DIFF_TESTS) $(patsubst %,tests/live/%.t,identity extract judge \
	       source_patch compare record workspace parts_diff build_cxx \
	       build_debuginfo build_inlined build_kinds build_original \
	       build_purity build_refusals build_registers build_report build_symbols \
	       build_types) $(O)/tests/live/unit
FAULT_TESTS := $(sort $(wildcard tests/fault/*.t)) $(FAULT_PROGRAMS)
LIVE_TESTS := $(filter-out $(BUILD_TESTS),$(sort $(wildcard tests/live/*.t)) \
	      $(LIVE_PROGRAMS) $(FAULT_TESTS))
REAL_TESTS := $(sort $(wildcard tests/real/*.t))
TEST_TOOLS := $(patsubst %.c,$(O)/%,$(sort $(wildcard tests/tools/*.c)))
FUZZERS := $(patsubst %.c,$(O)/%,$(sort $(wildcard tests/fuzz/*.c)))

# What all fuzzers share, and tiny files for them to damage. Those of one program
# are named after it.
FUZZ_ENGINE ?= main
FUZZ_LIB := $(patsubst %,$(O)/tests/fuzz/lib/%.o,mutate place_elf seeds $(FUZZ_ENGINE))
FUZZ_LDFLAGS := $(if $(filter libfuzzer,$(FUZZ_ENGINE)),-fsanitize=fuzzer)
FUZZ_SEEDS := $(patsubst %,$(O)/tests/fuzz/seeds/%,tiny.o tiny.so tiny.a tiny-thin.a)
FUZZ_CHECK := $(O)/tests/fuzz/check/careless
FUZZ_AGENT := $(filter $(O)/tests/fuzz/agent_%,$(FUZZERS))
FUZZ_PATCHER := $(filter-out $(FUZZ_AGENT),$(FUZZERS))

$(UNIT_TESTS) $(LIVE_PROGRAMS): $(O)/%: $(O)/%.o $(TEST_LINK)
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $< $(TEST_LINK) $(TEST_LIBS)

$(FUZZ_AGENT): $(O)/%: $(O)/%.o $(FUZZ_LIB) $(O)/libagent.a $(O)/libhotfix.a
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) $(FUZZ_LDFLAGS) -o $@ $^ $(LIBS_AGENT)

$(FUZZ_PATCHER) $(FUZZ_CHECK): $(O)/%: $(O)/%.o $(FUZZ_LIB) $(O)/libpatcher.a $(O)/libhotfix.a
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) $(FUZZ_LDFLAGS) -o $@ $^ $(LIBS_PATCHER)

# As distributions build; never sanitised.
SEED_CC = gcc -O2 -g -ffunction-sections -fdata-sections -fexceptions -w
$(O)/tests/fuzz/seeds/%.o: tests/fuzz/seeds/%.c
	@mkdir -p $(@D)
	$(Q)$(SEED_CC) -fPIC -c -o $@ $<
$(O)/tests/fuzz/seeds/%.so: $(O)/tests/fuzz/seeds/%.o
	$(Q)gcc -shared -nostdlib -Wl,--build-id -o $@ $<
$(O)/tests/fuzz/seeds/%.a: $(O)/tests/fuzz/seeds/%.o
	$(Q)cp $< $(@D)/a-name-that-is-longer-than-the-header-has-room-for.o
	$(Q)rm -f $@; ar rcs $@ $< $(@D)/a-name-that-is-longer-than-the-header-has-room-for.o
$(O)/tests/fuzz/seeds/%-thin.a: $(O)/tests/fuzz/seeds/%.o
	$(Q)rm -f $@; ar rcsT $@ $<

# Both programs have a target_open(): these are about the patcher's.
$(TEST_TOOLS): $(O)/%: $(O)/%.o $(O)/libpatcher.a $(O)/libhotfix.a
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS_PATCHER)

# Goes into the agent by LD_PRELOAD.
FAULT_SCARCE := $(O)/tests/fault/lib/scarce.so
$(FAULT_SCARCE): tests/fault/lib/scarce.c
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)gcc -O2 -g -Wall -Wextra -fPIC -fno-builtin -shared -o $@ $<
TEST_TOOLS += $(FAULT_SCARCE)

include tests/targets/targets.mk

PROVE := prove --failures --merge $(if $(V),--verbose) $(PROVE_FLAGS)
TEST_ENV := HOTFIX_O='$(abspath $(O))' HOTFIX_TOP='$(CURDIR)' HOTFIX_SAN='$(SAN)' \
	    HOTFIX_STATE_DIR='$(abspath $(O))/tmp/state'

check-unit: $(UNIT_TESTS)
	$(TEST_ENV) $(PROVE) $(UNIT_TESTS)

check-live: all $(LIVE_PROGRAMS) $(TEST_TOOLS) $(TARGETS)
	$(TEST_ENV) $(PROVE) --timer $(LIVE_TESTS)

.PHONY: check-build
check-build: all $(LIVE_PROGRAMS) $(TEST_TOOLS) $(TARGETS)
	$(TEST_ENV) $(PROVE) --timer -j2 $(BUILD_TESTS)

# The same inputs each time; `make fuzz` looks for others.
FUZZ_NEEDS := $(FUZZERS) $(FUZZ_CHECK) $(FUZZ_SEEDS)
.PHONY: check-fuzz
check-fuzz: $(FUZZ_NEEDS)
	$(TEST_ENV) $(PROVE) --timer tests/fuzz/replay.t

check-real: all
	$(TEST_ENV) $(PROVE) --timer $(REAL_TESTS)

# Everything that tries to break a target, the agent or the files, in full:
# hours. HOSTILE_TESTS='build/tests/fault/killed_at' picks some. Each says what it
# tried (tap_tried(), `tried` in live/lib.sh); the table adds that up.
HOSTILE_TESTS ?= $(FAULT_TESTS) tests/live/seccomp.t tests/live/watched.t \
		 tests/live/places.t tests/live/conditions.t tests/live/crowded.t tests/live/policy.t \
		 tests/live/kinds.t tests/live/stacks.t tests/live/sites.t \
		 $(wildcard tests/live/hostile*.t) \
		 tests/live/invisible.t tests/live/privileges.t $(O)/tests/live/contract
.PHONY: check-hostile
check-hostile: all $(LIVE_PROGRAMS) $(TEST_TOOLS) $(TARGETS)
	$(Q)rm -f $(O)/tried.tsv
	$(Q)HOSTILE=1 HOTFIX_TRIED='$(abspath $(O))/tried.tsv' $(TEST_ENV) \
		$(PROVE) --timer $(HOSTILE_TESTS); failed=$$?; \
		python3 tests/tried.py $(O)/tried.tsv; exit $$failed

# Real fixes from Debian's sources: half an hour. CASES='a b' picks some.
check-cases: all
	$(TEST_ENV) CASES='$(CASES)' KEEP='$(KEEP)' $(if $(JOBS),JOBS='$(JOBS)') bash tests/cases/check.sh

# Every project with every compiler, level and code model.
.PHONY: check-diff
check-diff: all
	DIFF_ALL=1 $(TEST_ENV) $(PROVE) --timer $(DIFF_TESTS)

# A hundred functions of redis, each changed alone: half an hour. NR=, SEED=.
.PHONY: check-hundred
check-hundred: all
	$(TEST_ENV) NR='$(NR)' SEED='$(SEED)' python3 tests/hundred/hundred.py

check: deps
	$(Q)$(MAKE) --no-print-directory check-all

.PHONY: check-all check-cases test
check-all: all $(UNIT_TESTS) $(LIVE_PROGRAMS) $(TEST_TOOLS) $(TARGETS) $(FUZZ_NEEDS)
	$(TEST_ENV) $(PROVE) --timer -j2 $(BUILD_TESTS) $(UNIT_TESTS) tests/fuzz/replay.t
	$(TEST_ENV) $(PROVE) --timer $(LIVE_TESTS) $(REAL_TESTS)

# make test T='tests/live/apply.t build/tests/unit/site'
test: all $(UNIT_TESTS) $(LIVE_PROGRAMS) $(TEST_TOOLS) $(TARGETS) $(FUZZ_NEEDS)
	$(TEST_ENV) $(PROVE) --timer $(T)

# Ten minutes each: FUZZ_SECONDS=. Wants SAN=address,undefined. All are run, even
# when one has found something.
FUZZ_SECONDS ?= 600
fuzz: $(FUZZERS) $(FUZZ_SEEDS)
	$(Q)failed=; for f in $(FUZZERS); do \
		FUZZ_SECONDS=$(FUZZ_SECONDS) $(TEST_ENV) $$f || failed=1; \
	done; [ -z "$$failed" ]

# The same with clang's libFuzzer, which goes where the code leads: it keeps what
# it has learned in build-libfuzzer/fuzz/corpus. FUZZERS_ONLY='agent_cfi' picks.
.PHONY: fuzz-libfuzzer fuzz-libfuzzer-run
fuzz-libfuzzer:
	$(Q)$(MAKE) --no-print-directory O=build-libfuzzer CC=clang \
		SAN=address,undefined,fuzzer-no-link FUZZ_ENGINE=libfuzzer \
		fuzz-libfuzzer-run

FUZZERS_ONLY ?= $(notdir $(FUZZERS))
fuzz-libfuzzer-run: $(FUZZERS) $(FUZZ_SEEDS)
	$(Q)failed=; for f in $(FUZZERS_ONLY); do \
		mkdir -p $(O)/fuzz/corpus/$$f; echo $$f; \
		$(TEST_ENV) $(O)/tests/fuzz/$$f $(O)/fuzz/corpus/$$f \
			-max_total_time=$(FUZZ_SECONDS) -timeout=60 \
			-rss_limit_mb=2048 -max_len=65536 -print_final_stats=1 -print_funcs=0 \
			-artifact_prefix=$(O)/fuzz/$$f- || failed=1; \
	done; [ -z "$$failed" ]
