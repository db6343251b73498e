# The bundled example servers: see examples/README.md.
#
# They stand for what runs in production, so they are built as a distribution
# builds, never with anything of hotfix: no preparation, no sanitizer.

EXAMPLES := checkout vault ledgerd prefork
include examples/flags.mk

EXAMPLE_PROGRAMS := $(foreach e,$(EXAMPLES) load,$(O)/examples/$(e)/$(e))

example_objects = $(patsubst %.c,$(O)/%.o,\
	$(filter-out %/fix.c,$(sort $(wildcard examples/$(1)/*.c))))

$(O)/examples/%.o: examples/%.c
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(EXAMPLE_CFLAGS) $(WARNINGS) -MMD -MP -c -o $@ $<

$(O)/examples/libcommon.a: $(call example_objects,common); $(archive)

define example_program
$(O)/examples/$(1)/$(1): $(call example_objects,$(1)) $(O)/examples/libcommon.a
	$$(call say,LD,$$@)
	$$(Q)$$(CC) $$(EXAMPLE_CFLAGS) -o $$@ $$^ $$(EXAMPLE_LDFLAGS)
endef
$(foreach e,$(EXAMPLES) load,$(eval $(call example_program,$(e))))

.PHONY: examples
examples: $(EXAMPLE_PROGRAMS)

# The live tests run the stories.
check-live check-all test: $(EXAMPLE_PROGRAMS)

# The checkout story, from a fresh clone.
demo: deps
	$(Q)$(MAKE) --no-print-directory all examples
	$(Q)$(CURDIR)/examples/checkout/run.sh
