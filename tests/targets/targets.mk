# Programs to be patched, built the way distributions build, never sanitized.
# A target that needs other flags says so here.

TARGET_CFLAGS := -g -O2 -fstack-protector-strong -fPIE -pthread
TARGET_LDFLAGS := -pie -Wl,-z,relro -Wl,-z,now -pthread

# The same program as other distributions and people build it.
TARGET_LDFLAGS_modules_lazy := -no-pie -Wl,-z,lazy
TARGET_LDFLAGS_modules_static := -no-pie -static
$(O)/tests/targets/modules_musl: CC := musl-gcc

TARGETS := $(patsubst %.c,$(O)/%,$(sort $(wildcard tests/targets/*.c)))

$(O)/tests/targets/%: tests/targets/%.c
	@mkdir -p $(@D)
	$(call say,TARGET,$@)
	$(Q)$(CC) $(TARGET_CFLAGS) $(TARGET_CFLAGS_$*) -o $@ $< $(TARGET_LDFLAGS) $(TARGET_LDFLAGS_$*)

TARGET_CFLAGS_stack_nounwind := -fno-asynchronous-unwind-tables -fno-unwind-tables -fomit-frame-pointer
TARGET_CFLAGS_stack_musl := -fno-pie
TARGET_LDFLAGS_stack_musl := -static -no-pie
$(O)/tests/targets/stack_musl: CC := musl-gcc
$(O)/tests/targets/stack_musl $(O)/tests/targets/stack_nounwind: tests/targets/stack_scenes.c
