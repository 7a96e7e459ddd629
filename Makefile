# dynamodb_sessions: build, demo, tests and checks. `make help` lists the targets.
#
# `make` builds the extension and installs nothing. `make demo`, `make shell`, `make test` and
# `make check` first call tests/setup/install, which brings what is missing on a fresh Debian or
# Ubuntu machine, and then build: on a bare machine there is no pkg-config to ask before that,
# so these targets build through a second make.
#
# Overridable: CC, CFLAGS, LDFLAGS, PKG_CONFIG, PREFIX, DESTDIR, SQLITE3 (the shell), V=1 (show
# commands), FUZZ_SECONDS, BENCH_ROUNDS. FLAVOUR chooses the kind of build; all but `release` stay
# below .build/.

.DEFAULT_GOAL := all
.SUFFIXES:
.DELETE_ON_ERROR:

NAME := dynamodb_sessions
FLAVOUR ?= release
PREFIX ?= /usr/local
PKG_CONFIG ?= pkg-config
SQLITE3 ?= sqlite3
FUZZ_SECONDS ?= 20
BENCH_ROUNDS ?= 5
SYSTEM := $(shell uname -s)
OUT := .build/$(FLAVOUR)

ifeq ($(origin CC),default)
CC := cc
endif
CFLAGS ?= -O2 -Wall -Wextra

# ---- kinds of build ---------------------------------------------------------------------------

STRICT := -O2 -Wall -Wextra -Werror -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
  -Wold-style-definition -Wpointer-arith -Wcast-qual -Wundef -Wvla -Wformat=2 -Wwrite-strings \
  -Wconversion

ifeq ($(FLAVOUR),gcc)
override CC := gcc
override CFLAGS := $(STRICT) -Wlogical-op -Wduplicated-cond
else ifeq ($(FLAVOUR),clang)
override CC := clang
override CFLAGS := $(STRICT)
else ifeq ($(FLAVOUR),asan)
override CC := gcc
override CFLAGS := -O1 -g -Wall -Wextra -fno-omit-frame-pointer
# float-cast-overflow is not part of `undefined`, and in C it is undefined all the same.
FLAVOUR_FLAGS := -fsanitize=address,undefined,float-cast-overflow \
  -fno-sanitize-recover=undefined,float-cast-overflow
else ifeq ($(FLAVOUR),coverage)
override CC := gcc
override CFLAGS := -O0 -g -Wall -Wextra
FLAVOUR_FLAGS := --coverage
else ifeq ($(FLAVOUR),fuzz)
override CC := clang
override CFLAGS := -O1 -g -Wall -Wextra -fno-omit-frame-pointer
FLAVOUR_FLAGS := -fsanitize=fuzzer-no-link,address,undefined,float-cast-overflow \
  -fno-sanitize-recover=undefined,float-cast-overflow
FUZZ_ENGINE := -fsanitize=fuzzer
else ifneq ($(FLAVOUR),release)
$(error FLAVOUR=$(FLAVOUR) is unknown; there are release, gcc, clang, asan, coverage and fuzz)
endif

ifeq ($(SYSTEM),Darwin)
LIBRARY_NAME := $(NAME).dylib
SHARED := -dynamiclib -undefined dynamic_lookup
PLATFORM_FLAGS := -D_DARWIN_C_SOURCE
else
LIBRARY_NAME := $(NAME).so
# nodelete: SQLite unmaps a library whose load failed half-way, but libcurl, OpenSSL and what their
# threads run at their end may be in use by then and must not be unmapped with it.
SHARED := -shared -Wl,-z,relro -Wl,-z,nodelete
endif
LIBRARY := $(if $(filter release,$(FLAVOUR)),$(LIBRARY_NAME),$(OUT)/$(LIBRARY_NAME))

# ---- what there is to build -------------------------------------------------------------------

SOURCES := $(sort $(wildcard src/*.c src/*/*.c))
OBJECTS := $(SOURCES:%.c=$(OUT)/%.o)
ARCHIVE := $(OUT)/lib$(NAME).a

UNIT_MAINS := $(sort $(wildcard tests/unit/test_*.c))
UNIT_HELPERS := $(sort $(filter-out $(UNIT_MAINS),$(wildcard tests/unit/*.c)))
UNIT_PROGRAMS := $(UNIT_MAINS:tests/unit/%.c=$(OUT)/unit/%)
FAULT_MAINS := $(sort $(wildcard tests/faults/test_*.c))
FAULT_HELPERS := $(sort $(filter-out $(FAULT_MAINS),$(wildcard tests/faults/*.c)))
FAULT_PROGRAMS := $(FAULT_MAINS:tests/faults/%.c=$(OUT)/faults/%)
FUZZ_MAINS := $(sort $(wildcard tests/fuzz/fuzz_*.c))
FUZZ_HELPERS := $(if $(FUZZ_ENGINE),,tests/fuzz/mutate.c)
FUZZ_PROGRAMS := $(FUZZ_MAINS:tests/fuzz/fuzz_%.c=$(OUT)/fuzz/%)
BENCH_PROGRAMS := $(addprefix $(OUT)/bench/,endpoint run_extension floor)
BENCH_HELPERS := $(patsubst %,tests/bench/%.c,canned_answer canned_table measure)

C_FILES := $(sort $(wildcard src/*.[ch] src/*/*.[ch] tests/*/*.[ch]))

# ---- libraries: asked for by the goals that compile, and by them alone ------------------------

OUTER_GOALS := demo shell test check lint format asan model planner coverage fuzz bench \
  instructions clean help
PROGRAM_GOALS := programs benchmarks

ifneq ($(filter-out $(OUTER_GOALS),$(or $(MAKECMDGOALS),all)),)

ifeq ($(shell command -v $(PKG_CONFIG) 2>/dev/null),)
$(error $(PKG_CONFIG) is missing: it finds the libraries. Run `tests/setup/install build`, \
or install it yourself (Debian, Ubuntu: pkg-config; macOS: brew install pkgconf))
endif

# $(call need,what pkg-config is asked,Debian's package,Homebrew's formula)
need = $(if $(shell $(PKG_CONFIG) --exists '$(1)' 2>/dev/null && echo found),,$(error \
  $(1) is missing$(if $(shell $(PKG_CONFIG) --modversion $(firstword $(1)) 2>/dev/null), (found: \
  $(shell $(PKG_CONFIG) --modversion $(firstword $(1)))),): run `tests/setup/install build`, \
  or install it yourself (Debian, Ubuntu: $(2); macOS: brew install $(3))))

$(call need,sqlite3 >= 3.38,libsqlite3-dev,sqlite)
$(call need,libcurl,libcurl4-openssl-dev,curl)
$(call need,libcrypto,libssl-dev,openssl)
$(call need,libcjson,libcjson-dev,cjson)

LIB_CFLAGS := $(shell $(PKG_CONFIG) --cflags sqlite3 libcurl libcrypto libcjson)
# Without sqlite3: an extension calls the SQLite that loads it.
EXTENSION_LIBS := $(shell $(PKG_CONFIG) --libs libcurl libcrypto libcjson)
SQLITE_LIBS := $(shell $(PKG_CONFIG) --libs sqlite3)

ifneq ($(filter $(PROGRAM_GOALS) $(OUT)/unit/% $(OUT)/bench/%,$(MAKECMDGOALS)),)
$(call need,cmocka,libcmocka-dev,cmocka)
CMOCKA_CFLAGS := $(shell $(PKG_CONFIG) --cflags cmocka)
CMOCKA_LIBS := $(shell $(PKG_CONFIG) --libs cmocka)
$(call need,libssl,libssl-dev,openssl)
TLS_LIBS := $(shell $(PKG_CONFIG) --libs libssl)
endif

endif

# ---- compiling --------------------------------------------------------------------------------

Q := $(if $(V),,@)
# -pthread: curl is initialised by pthread_once, since a process may load from several threads.
COMPILE = $(CC) -std=c11 -D_POSIX_C_SOURCE=200809L $(PLATFORM_FLAGS) -pthread -fPIC \
  -fvisibility=hidden -Isrc $(LIB_CFLAGS) $(CFLAGS) $(CPPFLAGS) $(FLAVOUR_FLAGS)
LINK = $(CC) -pthread $(CFLAGS) $(FLAVOUR_FLAGS) $(LDFLAGS)

.PHONY: all programs fuzzers benchmarks install FORCE $(OUTER_GOALS)

all: $(LIBRARY)

programs: $(LIBRARY) $(UNIT_PROGRAMS) $(FAULT_PROGRAMS) $(FUZZ_PROGRAMS) benchmarks

benchmarks: $(LIBRARY) $(BENCH_PROGRAMS)

fuzzers: $(FUZZ_PROGRAMS)

# Changed flags or a removed source rebuild: the command line and the list stand in files.
$(OUT)/command: FORCE
	@mkdir -p $(@D)
	@echo '$(COMPILE)' | cmp -s - $@ || echo '$(COMPILE)' > $@
$(OUT)/sources: FORCE
	@mkdir -p $(@D)
	@echo '$(SOURCES)' | cmp -s - $@ || echo '$(SOURCES)' > $@

$(OUT)/%.o: %.c $(OUT)/command
	@mkdir -p $(@D)
	$(if $(V),,@echo '  CC    $<')
	$(Q)$(COMPILE) $(if $(filter tests/%,$<),-Itests/unit $(CMOCKA_CFLAGS)) -MMD -MP -c -o $@ $<

$(LIBRARY): $(OBJECTS) $(OUT)/sources
	$(if $(V),,@echo '  LINK  $@')
	$(Q)$(LINK) $(SHARED) -o $@.new $(OBJECTS) $(EXTENSION_LIBS) && mv -f $@.new $@

# A static library, so that a unit test takes only the files whose functions it calls.
$(ARCHIVE): $(OBJECTS) $(OUT)/sources
	@rm -f $@
	$(Q)$(AR) rcs $@ $(OBJECTS)

$(OUT)/unit/%: $(OUT)/tests/unit/%.o $(UNIT_HELPERS:%.c=$(OUT)/%.o) $(ARCHIVE)
	@mkdir -p $(@D)
	$(if $(V),,@echo '  LINK  $@')
	$(Q)$(LINK) -o $@ $(filter %.o,$^) $(ARCHIVE) $(CMOCKA_LIBS) $(EXTENSION_LIBS) $(SQLITE_LIBS) -lm

# A host of its own: it loads the extension as others do.
$(OUT)/faults/%: $(OUT)/tests/faults/%.o $(FAULT_HELPERS:%.c=$(OUT)/%.o)
	@mkdir -p $(@D)
	$(if $(V),,@echo '  LINK  $@')
	$(Q)$(LINK) -o $@ $(filter %.o,$^) $(SQLITE_LIBS) -ldl

# With libFuzzer in the flavour that is for it, else with a generator of its own.
$(OUT)/fuzz/%: $(OUT)/tests/fuzz/fuzz_%.o $(FUZZ_HELPERS:%.c=$(OUT)/%.o) $(ARCHIVE)
	@mkdir -p $(@D)
	$(if $(V),,@echo '  LINK  $@')
	$(Q)$(LINK) $(FUZZ_ENGINE) -o $@ $(filter %.o,$^) $(ARCHIVE) $(EXTENSION_LIBS) -lm

# The endpoint has TLS; what is measured loads the extension, or calls libcurl, as others do.
$(OUT)/bench/%: $(OUT)/tests/bench/%.o $(BENCH_HELPERS:%.c=$(OUT)/%.o) $(ARCHIVE)
	@mkdir -p $(@D)
	$(if $(V),,@echo '  LINK  $@')
	$(Q)$(LINK) -o $@ $(filter %.o,$^) $(ARCHIVE) $(EXTENSION_LIBS) $(SQLITE_LIBS) $(TLS_LIBS) -lm -ldl

.SECONDARY:

-include $(wildcard $(OUT)/src/*.d $(OUT)/src/*/*.d $(OUT)/tests/*/*.d)

install: $(LIBRARY)
	install -d '$(DESTDIR)$(PREFIX)/lib'
	install -m 755 $(LIBRARY) '$(DESTDIR)$(PREFIX)/lib/$(LIBRARY_NAME)'

# ---- running, testing, checking ---------------------------------------------------------------

SETUP := @tests/setup/install
BUILD := @+$(MAKE) --no-print-directory
VENV := .deps/venv/bin

# -init: a ~/.sqliterc of the user's must not change what the demo shows.
demo:
	$(SETUP) demo
	$(BUILD) all
	@tests/tools/dynamodb-local run -- $(SQLITE3) -batch -bail -init /dev/null :memory: < sql/demo.sql

shell:
	$(SETUP) demo
	$(BUILD) all
	@tests/tools/dynamodb-local run -- tests/tools/sqlite-prompt $(SQLITE3)

test:
	$(SETUP) test
	$(BUILD) programs
	@tests/tools/run-tests release

lint:
	$(SETUP) check
	@$(VENV)/python tests/tools/lint

format:
	$(SETUP) check
	@$(VENV)/clang-format -i $(C_FILES)

asan:
	$(SETUP) check
	$(BUILD) FLAVOUR=asan programs
	@tests/tools/run-tests asan

# Until it finds something, or Ctrl-C.
model:
	$(SETUP) test
	$(BUILD) programs
	@while tests/tools/run-tests release -q -k random_transactions; do :; done; false

# Fifty thousand queries on seven releases of SQLite; `make test` runs some of them.
planner:
	$(SETUP) test
	$(BUILD) programs
	@DDS_QUERIES=7200 tests/tools/run-tests release -rP -k generated_queries

coverage:
	$(SETUP) check
	$(BUILD) FLAVOUR=coverage programs
	@find .build/coverage -name '*.gcda' -delete
	@tests/tools/run-tests coverage
	@$(VENV)/gcovr --root . --filter src/ .build/coverage

fuzz:
	$(SETUP) check
	$(BUILD) FLAVOUR=fuzz fuzzers
	@tests/tools/run-fuzz $(FUZZ_SECONDS)

bench:
	$(SETUP) bench
	$(BUILD) benchmarks
	@$(VENV)/python tests/bench/bench.py --rounds $(BENCH_ROUNDS)

instructions:
	$(SETUP) bench
	$(BUILD) benchmarks
	@$(VENV)/python tests/bench/instructions.py

check:
	$(SETUP) check
	@$(VENV)/clang-format --dry-run -Werror $(C_FILES)
	@$(VENV)/python tests/tools/lint
	$(BUILD) FLAVOUR=gcc programs
	$(BUILD) FLAVOUR=clang programs
	@tests/tools/run-tidy
	$(BUILD) programs
	@tests/tools/run-tests release
	$(BUILD) FLAVOUR=asan programs
	@tests/tools/run-tests asan
	@echo 'make check: all passed'

clean:
	rm -rf .build $(NAME).so $(NAME).dylib

help:
	@echo 'make            the extension, $(LIBRARY_NAME) (the same as make all); installs nothing'
	@echo 'make all        the extension'
	@echo 'make demo       set-up, build, and a tour of SQL on DynamoDB Local'
	@echo 'make shell      the same with a sqlite3 prompt in place of the tour'
	@echo 'make test       set-up, build, and all tests'
	@echo 'make check      formatting, lint, -Werror under gcc and clang, clang-tidy, tests, asan'
	@echo 'make lint       the rules of the source tree alone'
	@echo 'make format     format the C files'
	@echo 'make asan       the tests under AddressSanitizer and UndefinedBehaviorSanitizer'
	@echo 'make model      random transactions beside ordinary SQLite tables, until something differs'
	@echo 'make planner    50,000 generated queries beside ordinary tables, on each release of SQLite'
	@echo 'make coverage   the tests, and a table of the lines that they reach'
	@echo 'make fuzz       libFuzzer on everything that parses, FUZZ_SECONDS=20 each'
	@echo 'make bench      its speed beside libcurl, Node, boto3 and the AWS CLI, BENCH_ROUNDS=5'
	@echo 'make instructions  what a GetItem and a row cost in instructions, under callgrind'
	@echo 'make install    copy the extension to $$(DESTDIR)$$(PREFIX)/lib ($(DESTDIR)$(PREFIX)/lib)'
	@echo 'make clean      remove what was built (.deps, what the set-up brought, stays)'
	@echo 'make help       this list'
