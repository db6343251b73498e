# Programs to be patched, built the way distributions build, never sanitized.
#
#   NAME.c      build/tests/targets/NAME
#   libNAME.c   build/tests/targets/libNAME.so
#
# A target that needs other flags says so: TARGET_CFLAGS_NAME, _LDFLAGS_NAME,
# _DEPS_NAME. A variant of calc is one more entry in CALC_VARIANTS.

TARGET_CFLAGS := -D_GNU_SOURCE -g -Wall -Wextra -O2 -fstack-protector-strong -fPIE -pthread
TARGET_LDFLAGS := -pie -Wl,-z,relro -Wl,-z,now -pthread
TARGET_LIB_CFLAGS := -g -O2 -fstack-protector-strong -fPIC

TARGET_DIR = $(O)/tests/targets
TARGET_LIBS := $(patsubst tests/targets/%.c,$(O)/tests/targets/%.so,\
	$(sort $(wildcard tests/targets/lib*.c)))
TARGETS := $(TARGET_LIBS) $(patsubst %.c,$(O)/%,\
	$(filter-out tests/targets/lib%.c,$(sort $(wildcard tests/targets/*.c))))

# Two libraries in one program.
TARGET_DEPS_pair := $(TARGET_DIR)/libleft.so $(TARGET_DIR)/libright.so
TARGET_LDFLAGS_pair := -L$(TARGET_DIR) -lleft -lright -Wl,-rpath,'$$ORIGIN'
$(TARGET_DIR)/pair: $(TARGET_DEPS_pair)

# The same with libraries whose own calls do not go through the PLT.
$(TARGET_DIR)/bsymbolic/lib%.so: tests/targets/lib%.c tests/targets/lib.h
	@mkdir -p $(@D)
	$(call say,TARGET,$@)
	$(Q)$(CC) $(TARGET_LIB_CFLAGS) -shared -Wl,-Bsymbolic -Wl,-soname,lib$*.so -o $@ $<
TARGETS += $(TARGET_DIR)/bsymbolic/libleft.so $(TARGET_DIR)/bsymbolic/libright.so

TARGET_LDFLAGS_notes := -Wl,-T,tests/targets/notes.ld
$(TARGET_DIR)/notes: tests/targets/notes.ld

# calc, in every way that programs are built.
CALC_CLANG := clang clang-static clang-patchable
CALC_VARIANTS := static static-pie nopie musl musl-static cet patchable pg \
	O0 O3 sections other noid \
	lazy sepcode nosepcode patchable-16-8 patchable-5-5 patchable-2 \
	patchable-cet fentry mcmodel mcmodel-nopie noplt maxpage gnuhash sysvhash \
	relr nounwind noehhdr \
	$(if $(shell command -v clang ld.lld),$(CALC_CLANG))
calc_cc_musl := musl-gcc
calc_cc_musl-static := musl-gcc
calc_flags_static := -static -no-pie -fno-pie
calc_flags_static-pie := -static-pie
calc_flags_nopie := -no-pie -fno-pie
calc_flags_musl := -Wl,--build-id
calc_flags_musl-static := -Wl,--build-id -static -no-pie -fno-pie
calc_flags_cet := -fcf-protection=full
calc_flags_patchable := -fpatchable-function-entry=8
calc_flags_pg := -pg
calc_flags_O0 := -O0
calc_flags_O3 := -O3
calc_flags_sections := -ffunction-sections -fdata-sections -Wl,--gc-sections
calc_flags_lazy := -Wl,-z,lazy
calc_flags_sepcode := -Wl,-z,separate-code
calc_flags_nosepcode := -Wl,-z,noseparate-code
calc_flags_patchable-16-8 := -fpatchable-function-entry=16,8
calc_flags_patchable-5-5 := -fpatchable-function-entry=5,5
calc_flags_patchable-2 := -fpatchable-function-entry=2
calc_flags_patchable-cet := -fpatchable-function-entry=8 -fcf-protection=full
calc_flags_fentry := -pg -mfentry
calc_flags_mcmodel := -mcmodel=large
calc_flags_mcmodel-nopie := -mcmodel=large -no-pie -fno-pie
calc_flags_noplt := -fno-plt
calc_flags_maxpage := -Wl,-z,max-page-size=0x200000
calc_flags_gnuhash := -Wl,--hash-style=gnu
calc_flags_sysvhash := -Wl,--hash-style=sysv
calc_flags_relr := -Wl,-z,pack-relative-relocs
calc_flags_nounwind := -fno-asynchronous-unwind-tables -fno-unwind-tables \
	-fomit-frame-pointer
calc_flags_noehhdr := -Wl,--no-eh-frame-hdr
calc_lld := -fuse-ld=lld -Wl,--build-id
calc_cc_clang := clang
calc_cc_clang-static := clang
calc_cc_clang-patchable := clang
calc_flags_clang := $(calc_lld)
calc_flags_clang-static := $(calc_lld) -static -no-pie -fno-pie
calc_flags_clang-patchable := $(calc_lld) -fpatchable-function-entry=6
# Another build of the same source, for mismatches; and notes before its
# build-id's.
calc_flags_other := -O1 -Wl,--build-id=sha1
calc_flags_noid := -Wl,--build-id=none
TARGETS += $(CALC_VARIANTS:%=$(TARGET_DIR)/calc-%)

$(TARGET_DIR)/calc-%: tests/targets/calc.c tests/targets/target.h
	@mkdir -p $(@D)
	$(call say,TARGET,$@)
	$(Q)$(or $(calc_cc_$*),$(CC)) $(TARGET_CFLAGS) -o $@ $< $(TARGET_LDFLAGS) $(calc_flags_$*)

TARGET_LDFLAGS_filtered := -lseccomp
TARGET_LDFLAGS_unmoved := -lm

# The same with something to be done when the caller's frame is unwound.
TARGETS += $(TARGET_DIR)/crowded-cleanup
$(TARGET_DIR)/crowded-cleanup: tests/targets/crowded.c tests/targets/target.h
	@mkdir -p $(@D)
	$(call say,TARGET,$@)
	$(Q)$(CC) $(TARGET_CFLAGS) -DCLEANUP -fexceptions -o $@ $< $(TARGET_LDFLAGS)

# A 32-bit program, from assembly: no 32-bit C library is needed.
TARGETS += $(TARGET_DIR)/tiny32
$(TARGET_DIR)/tiny32: tests/targets/tiny32.S
	@mkdir -p $(@D)
	$(call say,TARGET,$@)
	$(Q)$(CC) -m32 -nostdlib -static -o $@ $<

$(TARGET_DIR)/lib%.so: tests/targets/lib%.c
	@mkdir -p $(@D)
	$(call say,TARGET,$@)
	$(Q)$(CC) $(TARGET_LIB_CFLAGS) -shared -Wl,-soname,lib$*.so -o $@ $<

$(TARGET_DIR)/%: tests/targets/%.c
	@mkdir -p $(@D)
	$(call say,TARGET,$@)
	$(Q)$(CC) $(TARGET_CFLAGS) $(TARGET_CFLAGS_$*) -o $@ $< $(TARGET_LDFLAGS) $(TARGET_LDFLAGS_$*)

# The process that module.c and stack.c look at, as people build it elsewhere.
TARGET_LDFLAGS_modules_lazy := -no-pie -Wl,-z,lazy
TARGET_LDFLAGS_modules_static := -no-pie -static
$(O)/tests/targets/modules_musl: CC := musl-gcc
$(patsubst %,$(O)/tests/targets/modules_%,lazy musl static): tests/targets/modules.c
TARGET_LDFLAGS_killed_target := -lm -L$(TARGET_DIR) -lright -Wl,-rpath,'$$ORIGIN'
$(TARGET_DIR)/killed_target: $(TARGET_DIR)/libright.so
TARGET_CFLAGS_stack_nounwind := -fno-asynchronous-unwind-tables -fno-unwind-tables -fomit-frame-pointer
TARGET_CFLAGS_stack_musl := -fno-pie
TARGET_LDFLAGS_stack_musl := -static -no-pie
TARGET_CFLAGS_stack_static := -fno-pie
TARGET_LDFLAGS_stack_static := -static -no-pie
$(O)/tests/targets/stack_musl: CC := musl-gcc
$(O)/tests/targets/stack_musl $(O)/tests/targets/stack_static $(O)/tests/targets/stack_nounwind: tests/targets/stack_scenes.c

$(filter-out %/tiny32,$(TARGETS)): $(wildcard tests/targets/*.h)
