# Everything runs in .venv, which is made on first use and renewed when a dependency or the C code
# changes. Needed: Python 3.11 or newer, make, a C compiler; the network for pip, once.

PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
READY := .venv/.ready
SUITES ?=
TESTS ?= tests

.DEFAULT_GOAL := help
.PHONY: help bench quick server both test lint types layers format clean

help:  ## what can be made
	@sed -n 's/^\([a-z]*\):.*  ## /\1\t/p' Makefile | expand -t 10

bench: $(READY)  ## measure a live server with a real client and print the table (SUITES="tables latency" for some)
	$(BIN)/harness run $(SUITES)

quick: $(READY)  ## the same in under 30 seconds, with wider intervals
	$(BIN)/harness run --quick $(SUITES)

server: $(READY)  ## build a real server into the user's cache, with cargo: 17 minutes, once
	$(BIN)/harness server install 1.2.0

both: $(READY)  ## measure the embedded server and that real one side by side
	$(BIN)/harness run --target embedded --target standalone:1.2.0 $(SUITES)

# A worker for each core, up to four; a file's tests stay together, for what they share. In order: the
# slow files come early, and none is waited for at the end.
test: lint types layers  ## everything that CI checks (TESTS=tests/wire for some)
	$(BIN)/python -m pytest -n logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder $(TESTS)

lint: $(READY)  ## style
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY)  ## mypy, strict
	$(BIN)/mypy

layers: $(READY)  ## imports point downwards only
	$(BIN)/lint-imports --no-logo

format: $(READY)  ## rewrite the code in the house style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:  ## remove what was made here; stored results stay
	rm -rf .venv build *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	rm -f harness/*/_*.so

# A stamp, so that a half-made environment is made again. One pip call resolves everything together.
$(READY): pyproject.toml setup.py $(wildcard harness/*/*.c)
	@test -n "$(PYTHON)" && $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Python 3.11 or newer is needed; found $$($(or $(PYTHON),python3) --version 2>&1)." \
			"Install it, or name it: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		rm -rf .venv; $(PYTHON) -m venv .venv || { \
		echo "The venv module does not work; on Debian and Ubuntu: apt-get install python3-venv" >&2; \
		exit 1; }; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test,asv,reports]'
	@$(BIN)/python -c 'import harness.wire._bsatn, harness.protocol._outbox, harness.client._answer, harness.client._frames, harness.stats._search' 2>/dev/null || echo \
		"Note: the C extensions did not build (is there a C compiler?); slower Python is used." >&2
	@touch $@
