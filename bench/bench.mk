# What it costs, as ratios in one run: see bench/README.md.
#
#   make bench            all of it, about fifteen minutes
#   make bench B=pause    one of: diff call pause service apply cycles

BENCH := $(O)/bench
BENCH_CFLAGS := -D_GNU_SOURCE -g -O2 -fstack-protector-strong -fPIE -pthread
BENCH_PROGRAMS := $(BENCH)/heartbeat $(BENCH)/large $(BENCH)/floor $(BENCH)/peak \
		  $(BENCH)/latency

$(BENCH)/heartbeat: bench/heartbeat.c bench/work.c bench/work.h
	@mkdir -p $(@D)
	$(call say,TARGET,$@)
	$(Q)$(CC) $(BENCH_CFLAGS) -o $@ $(filter %.c,$^) -pie -pthread

# The same program beside 200,000 functions: hundreds of MB, all with symbols.
$(BENCH)/large: bench/heartbeat.c bench/work.c bench/work.h bench/large.sh
	@mkdir -p $(@D)
	$(call say,TARGET,$@)
	$(Q)sh bench/large.sh >$@.s && $(CC) -c -o $@.o $@.s && rm $@.s
	$(Q)$(CC) $(BENCH_CFLAGS) -o $@ $(filter %.c,$^) $@.o -pie -pthread && rm $@.o

$(BENCH)/floor $(BENCH)/peak $(BENCH)/latency: $(BENCH)/%: bench/%.c
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) -D_GNU_SOURCE -O2 -pthread -o $@ $<

bench: all $(BENCH_PROGRAMS)
	$(Q)HOTFIX_O='$(abspath $(O))' HOTFIX_STATE_DIR='$(abspath $(O))/bench/state' python3 bench/bench.py $(B)
