# SPDX-License-Identifier: Apache-2.0
# A thin front of meson. As root, packages that are missing are installed first, and everything that writes
# into the source tree runs as the tree's owner, so that a later `make` without root finds nothing in its way.

BUILD  ?= build
PREFIX ?= /usr/local
export BUILD

OWNER = scripts/as-owner

.PHONY: all run test bench check fuzz format install clean packages-build packages-test packages-bench packages-check

all: $(BUILD)/build.ninja
	@$(OWNER) ninja -C $(BUILD)

$(BUILD)/build.ninja: | packages-build
	@$(OWNER) meson setup --prefix $(PREFIX) $(BUILD)

packages-build packages-test packages-bench packages-check: packages-%:
	@scripts/install-packages $*

# hoy's own image, base: a shell in a container, or without a terminal a look at what surrounds it.
run: packages-build all
	@scripts/run-base $(BUILD)/src/cli/hoy

# Unit tests, the layer check, and (as root) the end-to-end tests. TESTS="test/run.bats …" picks files.
test: packages-build packages-test all
	@scripts/run-tests $(TESTS)

bench: packages-build packages-test packages-bench all
	@bench/bench $(BENCH)

check: packages-build packages-test packages-check all
	@scripts/check

# Readers of what strangers wrote. FUZZ="dns json" picks some, SECONDS_EACH says for how long each runs.
fuzz: packages-build packages-check
	@$(OWNER) scripts/fuzz $(FUZZ)

format: packages-check
	@$(OWNER) sh -c 'git ls-files "*.c" "*.h" | xargs clang-format -i'

# A PREFIX that is given holds, whatever the build directory was set up with.
install: packages-build $(BUILD)/build.ninja
	@$(if $(filter-out file,$(origin PREFIX)),$(OWNER) meson configure --prefix $(PREFIX) $(BUILD))
	@$(OWNER) ninja -C $(BUILD)
	@meson install -C $(BUILD) --no-rebuild

clean:
	@rm -rf $(BUILD) $(BUILD)-*
