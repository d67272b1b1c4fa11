# Dropmill's build. GNU make, pkg-config, objects and programs under $(BUILD), nothing else in the tree
# but public/vendor/ and node_modules/. A new .c file is found by itself:
#
#   core/*.c       libcore.a, linked into every program
#   fcgi/*.c       dropmill-web         (libfcgi appears here and nowhere else)
#   processor/*.c  dropmill-processor
#   cli/*.c        dropmill; cli/supervise.c alone is dropmill-supervise
#   tools/NAME.c   dropmill-NAME each, with tools/lib/*.c; they draw from libcore.a only what they use
#   t/unit/NAME.c  $(BUILD)/t/NAME      unit tests; t/fuzz/NAME.c: fuzz targets; bench/NAME.c: benchmarks
#   t/helper/NAME.c  $(BUILD)/helper/NAME  programs that tests in Perl run; nothing of ours is linked in
#
# `make help` lists the targets. Variables: BUILD, CC, CFLAGS, SANITIZE=address,undefined, WERROR=1, V=1,
# PORT and STATE for `make run`, T for `make fuzz`, TEST="t/80-run.t" for `make test`.

BUILD    ?= build
# Below this directory it is named from here, however it was given: another name would be other flags,
# and everything would be made again.
override BUILD := $(patsubst $(CURDIR)/%,%,$(abspath $(BUILD)))
PREFIX   ?= /usr/local
DESTDIR  ?=
CC       := $(if $(filter default,$(origin CC)),cc,$(CC))
AR       := $(if $(filter default,$(origin AR)),ar,$(AR))
SANITIZE ?=
WERROR   ?=
V        ?=
T        ?= 60
TEST     ?=
CPUS     := $(shell nproc 2>/dev/null || echo 2)
# One test more than cores: they wait about as long as they compute.
JOBS     ?= $(shell expr $(CPUS) + 1)

MAKEFLAGS += --no-builtin-rules --no-print-directory
ifeq ($(MAKELEVEL)$(filter -j% --jobs%,$(MAKEFLAGS)),0)
MAKEFLAGS += -j$(CPUS)
endif
.SUFFIXES:
.DELETE_ON_ERROR:
.DEFAULT_GOAL := build

Q   := $(if $(V),,@)
say = $(if $(V),@:,@printf '  %-6s %s\n' $(1) $(2))

# ---- flags ---------------------------------------------------------------------------------------
# pkg-config is asked on first use, not when this file is read: `make run` on a fresh machine reads it
# before scripts/deps has installed anything.
PKGS := sqlite3 jansson libsodium libsystemd libseccomp libmagic zlib libcrypto libarchive
once  = $(eval $(1) := $(shell $(2)))$($(1))
PKG_CFLAGS = $(call once,PKG_CFLAGS,pkg-config --cflags $(PKGS))
PKG_LIBS   = $(call once,PKG_LIBS,pkg-config --libs $(PKGS))
CURL_LIBS  = $(call once,CURL_LIBS,pkg-config --libs libcurl)
FCGI_LIBS  = $(call once,FCGI_LIBS,pkg-config --libs fcgi)
CMOCKA_LIBS = $(call once,CMOCKA_LIBS,pkg-config --libs cmocka)

OPT    := $(if $(SANITIZE),-O1 -fno-omit-frame-pointer,-O2 -D_FORTIFY_SOURCE=2)
CFLAGS ?=
WARN   := -Wall -Wextra -Wshadow -Wformat=2 -Wstrict-prototypes -Wmissing-prototypes -Wvla
ALL_CFLAGS = -std=gnu17 $(OPT) -g $(WARN) $(if $(WERROR),-Werror) -D_GNU_SOURCE -I. -I$(BUILD)/gen \
	-fPIE -fstack-protector-strong -fstack-clash-protection -fno-strict-aliasing -pthread \
	-DDROPMILL_PREFIX='"$(PREFIX)"' \
	$(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-sanitize-recover=undefined) $(PKG_CFLAGS) $(CFLAGS)
ALL_LDFLAGS = -pie -pthread -Wl,-z,relro,-z,now -Wl,-z,noexecstack -Wl,--as-needed \
	$(if $(SANITIZE),-fsanitize=$(SANITIZE)) $(LDFLAGS)
ALL_LIBS = $(PKG_LIBS) -lm $(LDLIBS)

# ---- what there is ---------------------------------------------------------------------------------
obj = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))

CORE_C  := $(wildcard core/*.c)
FCGI_C  := $(wildcard fcgi/*.c)
PROC_C  := $(wildcard processor/*.c)
CLI_C   := $(wildcard cli/*.c)
TOOLS_C := $(wildcard tools/*.c)
TLIB_C  := $(wildcard tools/lib/*.c)
UNIT_C  := $(wildcard t/unit/*.c)
FUZZ_C  := $(filter-out t/fuzz/replay_main.c,$(wildcard t/fuzz/*.c))
HELPER_C := $(wildcard t/helper/*.c)
BENCH_C := $(wildcard bench/*.c)
SCHEMA  := $(sort $(wildcard core/schema/*.sql))

# Generated sources; migrations only once somebody declares what they look like.
GEN_C   := $(BUILD)/gen/assets.c $(if $(wildcard core/migrate.h),$(BUILD)/gen/migrations.c)
GEN_O   := $(patsubst $(BUILD)/gen/%.c,$(BUILD)/obj/gen/%.o,$(GEN_C))

CORE_O  := $(call obj,$(CORE_C)) $(GEN_O)
FCGI_O  := $(call obj,$(filter-out fcgi/main.c,$(FCGI_C)))
PROC_O  := $(call obj,$(filter-out processor/main.c,$(PROC_C)))
CLI_O   := $(call obj,$(filter-out cli/supervise.c,$(CLI_C)))
TLIB_O  := $(call obj,$(TLIB_C))

CORE_A := $(BUILD)/libcore.a
FCGI_A := $(BUILD)/libfcgi_app.a
PROC_A := $(BUILD)/libproc.a
TOOL_A := $(BUILD)/libtools.a

TOOLS    := $(patsubst tools/%.c,$(BUILD)/dropmill-%,$(TOOLS_C))
PROGRAMS := $(if $(wildcard fcgi/main.c),$(BUILD)/dropmill-web) \
	$(if $(wildcard processor/main.c),$(BUILD)/dropmill-processor) \
	$(if $(wildcard cli/main.c),$(BUILD)/dropmill) $(BUILD)/dropmill-supervise $(TOOLS)
UNITS    := $(patsubst t/unit/%.c,$(BUILD)/t/%,$(UNIT_C))
REPLAYS  := $(patsubst t/fuzz/%.c,$(BUILD)/t/replay-%,$(FUZZ_C))
FUZZERS  := $(patsubst t/fuzz/%.c,$(BUILD)/fuzz/%,$(FUZZ_C))
HELPERS  := $(patsubst t/helper/%.c,$(BUILD)/helper/%,$(HELPER_C))
BENCHES  := $(patsubst bench/%.c,$(BUILD)/bench/%,$(BENCH_C))

.PHONY: build programs units benches help FORCE
build:
	$(Q)scripts/deps run
	$(Q)$(MAKE) programs
programs: $(CORE_A) $(FCGI_A) $(PROC_A) $(PROGRAMS)
units: $(UNITS) $(REPLAYS) $(HELPERS)
benches: $(BENCHES)

help:
	@echo 'run test build up stop clean check bench soak fuzz asan install'

# ---- compile and link --------------------------------------------------------------------------------
# A text kept in $(BUILD)/gen/NAME that changes only when its content does: what depends on it is made
# again when flags, the version or the list of objects of an archive change, and not otherwise.
keep = @mkdir -p $(@D); printf '%s\n' $(1) >$@.new; if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi

$(BUILD)/gen/flags: FORCE
	$(call keep,'$(subst ','\'',$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS))')
$(BUILD)/gen/version: FORCE
	$(call keep,"$$(scripts/version)")
$(BUILD)/gen/list.core: FORCE
	$(call keep,'$(CORE_O)')
$(BUILD)/gen/list.fcgi: FORCE
	$(call keep,'$(FCGI_O)')
$(BUILD)/gen/list.proc: FORCE
	$(call keep,'$(PROC_O)')
$(BUILD)/gen/list.tools: FORCE
	$(call keep,'$(TLIB_O)')

$(BUILD)/obj/%.o: %.c $(BUILD)/gen/flags
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) $(EXTRA) -MMD -MP -c -o $@ $<

# The page of a report is part of the program that writes it (.incbin, which -MMD does not see).
$(BUILD)/obj/tools/lib/report_html.o: templates/tools/profile.mustache

$(BUILD)/obj/gen/%.o: $(BUILD)/gen/%.c $(BUILD)/gen/flags
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# Only this object knows the version, so that a commit does not rebuild the rest.
$(BUILD)/obj/core/version.o: $(BUILD)/gen/version
$(BUILD)/obj/core/version.o: EXTRA = -DDROPMILL_VERSION='"$(shell cat $(BUILD)/gen/version)"'

$(BUILD)/gen/migrations.c: scripts/embed-migrations $(SCHEMA) $(BUILD)/gen/list.schema
	$(call say,GEN,$@)
	$(Q)scripts/embed-migrations $(SCHEMA) >$@
$(BUILD)/gen/list.schema: FORCE
	$(call keep,'$(SCHEMA)')

# public/ is completed (vendor files, gzip) and hashed each time: 0.1 s; one object changes if it changed.
$(BUILD)/gen/asset_id: FORCE
	$(call keep,"$$(scripts/assets)")
$(BUILD)/gen/assets.c: $(BUILD)/gen/asset_id
	$(Q)printf '#include "core/assets.h"\n\nconst char asset_id[] = "%s";\n' "$$(cat $<)" >$@

archive = $(Q)rm -f $@; $(AR) rcs $@ $(filter %.o,$^)
$(CORE_A): $(CORE_O) $(BUILD)/gen/list.core
	$(call say,AR,$@)
	$(archive)
$(FCGI_A): $(FCGI_O) $(BUILD)/gen/list.fcgi
	$(call say,AR,$@)
	$(archive)
$(PROC_A): $(PROC_O) $(BUILD)/gen/list.proc
	$(call say,AR,$@)
	$(archive)
$(TOOL_A): $(TLIB_O) $(BUILD)/gen/list.tools
	$(call say,AR,$@)
	$(archive)

# A program is put in place when it is whole: tests may be running the old one.
link = $(Q)mkdir -p $(@D); $(CC) $(ALL_LDFLAGS) -o $@.new $(filter %.o,$^) \
	-Wl,--start-group $(filter %.a,$^) -Wl,--end-group
put = $(Q)mv -f $@.new $@
$(BUILD)/dropmill-web: $(BUILD)/obj/fcgi/main.o $(FCGI_A) $(CORE_A)
	$(call say,LINK,$@)
	$(link) $(FCGI_LIBS) $(ALL_LIBS)
	$(put)
$(BUILD)/dropmill-processor: $(BUILD)/obj/processor/main.o $(PROC_A) $(CORE_A)
	$(call say,LINK,$@)
	$(link) $(ALL_LIBS)
	$(put)
$(BUILD)/dropmill: $(CLI_O) $(CORE_A)
	$(call say,LINK,$@)
	$(link) $(CURL_LIBS) $(ALL_LIBS)
	$(put)
$(BUILD)/dropmill-supervise: $(BUILD)/obj/cli/supervise.o $(CORE_A)
	$(call say,LINK,$@)
	$(link) $(ALL_LIBS)
	$(put)
$(TOOLS): $(BUILD)/dropmill-%: $(BUILD)/obj/tools/%.o $(TOOL_A) $(CORE_A)
	$(call say,LINK,$@)
	$(link) $(ALL_LIBS)
	$(put)
$(UNITS): $(BUILD)/t/%: $(BUILD)/obj/t/unit/%.o $(FCGI_A) $(PROC_A) $(TOOL_A) $(CORE_A)
	$(call say,LINK,$@)
	$(link) $(CMOCKA_LIBS) $(FCGI_LIBS) $(ALL_LIBS)
	$(put)
$(REPLAYS): $(BUILD)/t/replay-%: $(BUILD)/obj/t/fuzz/%.o $(BUILD)/obj/t/fuzz/replay_main.o \
		$(FCGI_A) $(PROC_A) $(TOOL_A) $(CORE_A)
	$(call say,LINK,$@)
	$(link) $(FCGI_LIBS) $(ALL_LIBS)
	$(put)
# Never with sanitizers: helpers run inside the sandbox, which denies those their memory and ptrace.
$(HELPERS) $(call obj,$(HELPER_C)): private override SANITIZE :=
$(HELPERS): $(BUILD)/helper/%: $(BUILD)/obj/t/helper/%.o
	$(call say,LINK,$@)
	$(link)
	$(put)
$(BENCHES): $(BUILD)/bench/%: $(BUILD)/obj/bench/%.o $(FCGI_A) $(PROC_A) $(TOOL_A) $(CORE_A)
	$(call say,LINK,$@)
	$(link) $(FCGI_LIBS) $(ALL_LIBS)
	$(put)

.SECONDARY:
-include $(patsubst %.o,%.d,$(CORE_O) $(FCGI_O) $(PROC_O) $(CLI_O) $(TLIB_O) \
	$(call obj,fcgi/main.c processor/main.c cli/supervise.c $(TOOLS_C) $(UNIT_C) $(FUZZ_C) $(HELPER_C) $(BENCH_C)))

# ---- tests -----------------------------------------------------------------------------------------
.PHONY: test asan clean
# The high numbers first: they take longest, and none of them should be left to run alone in the end.
TESTS = $(shell printf '%s\n' t/*.t | sort -r) $(sort $(UNITS))
test:
	$(Q)scripts/deps test
	$(Q)$(MAKE) programs units
	$(Q)CMOCKA_MESSAGE_OUTPUT=TAP BUILD='$(BUILD)' prove -j$(JOBS) $(or $(TEST),$(TESTS))

asan:
	$(Q)$(MAKE) BUILD=build-asan SANITIZE=address,undefined test

# ---- fuzzing ---------------------------------------------------------------------------------------
# The targets are compiled a second time, by clang and into a directory of their own.
.PHONY: fuzz fuzzers
fuzz:
	$(Q)scripts/deps fuzz
	$(Q)$(MAKE) $(if $(FUZZ_C),fuzz-build)
	$(Q)for f in $(notdir $(FUZZERS)); do \
		mkdir -p $(BUILD)/fuzz/corpus/$$f t/fuzz/corpus/$$f; echo "fuzz $$f for $(T) s"; \
		$(BUILD)/fuzz/$$f -max_total_time=$(T) -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
			-artifact_prefix=$(BUILD)/fuzz/$$f- $(BUILD)/fuzz/corpus/$$f t/fuzz/corpus/$$f || exit 1; \
	done
.PHONY: fuzz-build
fuzz-build:
	$(Q)$(MAKE) BUILD=$(BUILD)/fuzz/clang CC=clang SANITIZE=fuzzer-no-link,address,undefined \
		FUZZDIR=$(BUILD)/fuzz fuzzers
FUZZDIR ?= $(BUILD)/fuzz
fuzzers: $(patsubst t/fuzz/%.c,$(FUZZDIR)/%,$(FUZZ_C))
$(FUZZDIR)/%: $(BUILD)/obj/t/fuzz/%.o $(FCGI_A) $(PROC_A) $(TOOL_A) $(CORE_A)
	$(call say,LINK,$@)
	$(link) -fsanitize=fuzzer $(FCGI_LIBS) $(ALL_LIBS)
	$(put)

# ---- run -------------------------------------------------------------------------------------------
# scripts/run becomes the supervisor, so that it is this make's own child and gets its signals.
.PHONY: run up reload stop
export PORT STATE LISTEN BUILD
run:
	$(Q)scripts/deps run
	$(Q)$(MAKE) programs
	$(Q)exec scripts/run
up:
	$(Q)scripts/deps run
	$(Q)$(MAKE) programs
	$(Q)scripts/run --detach
reload:
	$(Q)scripts/run --reload
stop:
	$(Q)scripts/run --stop

clean:
	$(Q)scripts/run --clean
	rm -rf build build-* public/vendor
	$(Q)if [ -d public ]; then find public -name '*.gz' -delete; fi

# ---- check, bench, soak ----------------------------------------------------------------------------
.PHONY: check bench soak
check:
	$(Q)scripts/deps check
	$(Q)$(MAKE) BUILD=build-check WERROR=1 programs units benches
	$(Q)BUILD=build-check scripts/check
bench:
	$(Q)scripts/deps bench
	$(Q)$(MAKE) programs benches
	$(Q)bench/run
soak:
	$(Q)scripts/deps test
	$(Q)$(MAKE) programs units
	$(Q)DROPMILL_SOAK=1 CMOCKA_MESSAGE_OUTPUT=TAP prove -v $(or $(TEST),$(sort $(wildcard t/[5-8]*.t)))

# ---- install ---------------------------------------------------------------------------------------
# Programs, templates, static files and the sample configuration; an existing configuration is kept.
.PHONY: install
SYSCONF ?= $(if $(filter /usr /usr/local,$(PREFIX)),/etc,$(PREFIX)/etc)/dropmill
install: build
	$(Q)DESTDIR='$(DESTDIR)' PREFIX='$(PREFIX)' SYSCONF='$(SYSCONF)' BUILD='$(BUILD)' scripts/install
