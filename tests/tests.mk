# Tests: TAP programs, run by prove. See tests/README.md.
#
#   tests/unit/NAME.c     pure and fast, linked with the whole code
#   tests/live/NAME.t     shell, against real processes
#   tests/live/NAME.c     the same in C, where the agent's functions are called
#   tests/tools/NAME.c    programs that live tests call
#   tests/targets/NAME.c  programs to be patched; built as distributions build
#   tests/diff/NAME/      small projects, each with a source diff: run.t
#   tests/real/NAME.t     software that nobody here wrote

TEST_LINK := $(O)/libagent.a $(O)/libpatcher.a $(O)/libhotfix.a
TEST_LIBS  = $(LIBS_PATCHER) $(LIBS_AGENT) -lpthread

UNIT_TESTS := $(patsubst %.c,$(O)/%,$(sort $(wildcard tests/unit/*.c)))
LIVE_PROGRAMS := $(patsubst %.c,$(O)/%,$(sort $(wildcard tests/live/*.c)))
DIFF_TESTS := tests/diff/run.t
# These mostly compile and need no quiet machine: they run beside each other.
BUILD_TESTS := $(DIFF_TESTS) $(patsubst %,tests/live/%.t,identity extract judge \
	       source_patch compare record workspace parts_diff build_cxx \
	       build_debuginfo build_inlined build_kinds build_original \
	       build_purity build_refusals build_registers build_report build_symbols \
	       build_types) $(O)/tests/live/unit
LIVE_TESTS := $(filter-out $(BUILD_TESTS),$(sort $(wildcard tests/live/*.t)) $(LIVE_PROGRAMS))
REAL_TESTS := $(sort $(wildcard tests/real/*.t))
TEST_TOOLS := $(patsubst %.c,$(O)/%,$(sort $(wildcard tests/tools/*.c)))
FUZZERS := $(patsubst %.c,$(O)/%,$(sort $(wildcard tests/fuzz/*.c)))

$(UNIT_TESTS) $(LIVE_PROGRAMS) $(FUZZERS): $(O)/%: $(O)/%.o $(TEST_LINK)
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $< $(TEST_LINK) $(TEST_LIBS)

# Both programs have a target_open(): these are about the patcher's.
$(TEST_TOOLS): $(O)/%: $(O)/%.o $(O)/libpatcher.a $(O)/libhotfix.a
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS_PATCHER)

include tests/targets/targets.mk

PROVE := prove --failures --merge $(if $(V),--verbose) $(PROVE_FLAGS)
TEST_ENV := HOTFIX_O='$(abspath $(O))' HOTFIX_TOP='$(CURDIR)' HOTFIX_SAN='$(SAN)'

check-unit: $(UNIT_TESTS)
	$(TEST_ENV) $(PROVE) $(UNIT_TESTS)

check-live: all $(LIVE_PROGRAMS) $(TEST_TOOLS) $(TARGETS)
	$(TEST_ENV) $(PROVE) --timer $(LIVE_TESTS)

.PHONY: check-build
check-build: all $(LIVE_PROGRAMS) $(TEST_TOOLS) $(TARGETS)
	$(TEST_ENV) $(PROVE) --timer -j2 $(BUILD_TESTS)

check-real: all
	$(TEST_ENV) $(PROVE) --timer $(REAL_TESTS)

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
check-all: all $(UNIT_TESTS) $(LIVE_PROGRAMS) $(TEST_TOOLS) $(TARGETS)
	$(TEST_ENV) $(PROVE) --timer -j2 $(BUILD_TESTS) $(UNIT_TESTS)
	$(TEST_ENV) $(PROVE) --timer $(LIVE_TESTS) $(REAL_TESTS)

# make test T='tests/live/apply.t build/tests/unit/site'
test: all $(UNIT_TESTS) $(LIVE_PROGRAMS) $(TEST_TOOLS) $(TARGETS)
	$(TEST_ENV) $(PROVE) --timer $(T)

fuzz: $(FUZZERS)
	$(Q)for f in $(FUZZERS); do echo $$f; $(TEST_ENV) $$f || exit 1; done
