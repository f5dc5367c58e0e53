# The few commands people type. Everything else is meson's: see build/ after `make build`.
BUILD ?= build
PREFIX ?= /usr/local
DESTDIR ?=
export DESTDIR

.PHONY: help demo build test bench install deb clean

help:
	@echo "make demo     install what is missing, build, get debian:12, run git in a guest"
	@echo "make build    build into $(BUILD)/"
	@echo "make test     install what the tests need and run them all"
	@echo "make bench    measure, and write the figures to bench/results/"
	@echo "make install  install under PREFIX=$(PREFIX) (DESTDIR is honoured)"
	@echo "make deb      build Debian packages into build/deb/"

demo:
	@scripts/setup build run
	@$(MAKE) --no-print-directory build
	$(BUILD)/pyro env pull debian:12 >/dev/null
	$(BUILD)/pyro run debian:12 -- git --version

build: $(BUILD)/build.ninja
	@ninja -C $(BUILD) $(NINJAFLAGS)

$(BUILD)/build.ninja:
	@meson setup "--prefix=$(PREFIX)" $(BUILD) >$(BUILD)-setup.log 2>&1 || { cat $(BUILD)-setup.log; exit 1; }
	@mv $(BUILD)-setup.log $(BUILD)/setup.log

test:
	@scripts/setup build run test deb
	@python3 tests/run.py

bench:
	@scripts/setup build run bench
	@$(MAKE) --no-print-directory build
	@python3 bench/cold.py
	@python3 bench/instant.py
	@python3 bench/workspace.py
	@python3 bench/session.py
	@python3 bench/mcp.py
	@python3 bench/warm_up.py
	@python3 bench/busy_boots.py
	@python3 bench/python.py

install: $(BUILD)/build.ninja
	@meson configure $(BUILD) "-Dprefix=$(PREFIX)"
	@$(MAKE) --no-print-directory build
	@DESTDIR="$${DESTDIR:+$$(realpath -m "$$DESTDIR")}" meson install -C $(BUILD) --no-rebuild --quiet

deb:
	@scripts/setup build deb
	@scripts/deb

clean:
	@rm -rf $(BUILD)
