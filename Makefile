# Every verb sets up what it needs: `make demo`, `make test`. `make help` says what ARGS are to each.
PYTHON ?= python3
ARGS ?=

BIN := .venv/bin
READY := .venv/.ready
CONSTRAINTS := $(wildcard constraints.txt)
CODE := schemas models agents infra streams

.DEFAULT_GOAL := help
.PHONY: help demo test faults lint format bench docs

help:
	@echo "make demo     the whole platform on this machine, live"
	@echo "make test     all tests, on real services, with coverage"
	@echo "make faults   kills, rebalances and outages, on both hosts and both kinds of Redis"
	@echo "make lint     ruff, mypy, import-linter, bandit"
	@echo "make format   sort imports, fix and format"
	@echo "make bench    measurements, printed as ratios"
	@echo "make docs     the generated pages of docs/"
	@echo
	@echo 'ARGS go to every verb but docs: options to demo and bench, tests and options of pytest to test and faults,'
	@echo 'paths that ruff is to look at to lint and format; for example make demo ARGS="--exit --json out.json"'

demo: $(READY)
	@$(BIN)/weir demo $(ARGS)

# Hundreds of processes start: none compiles again what another one has compiled, whatever the shell around says.
test faults: export PYTHONDONTWRITEBYTECODE :=

# Three processes, each with a stack of its own, keep two cores busy while tests wait for what they observe.
# The coverage gate is for the whole suite: ARGS that choose tests run without it, in one process.
test: $(READY)
	@rm -f .coverage .coverage.*
	@$(BIN)/python -m pytest $(if $(ARGS),$(ARGS),-n 3 --dist loadfile --no-loadscope-reorder --cov --cov-report=term:skip-covered --cov-fail-under=88)

LONG := tests/faults tests/streams/test_hosts.py tests/models/drift/test_rates.py tests/streams/gateway/test_fuzzed.py
faults: $(READY)
	@$(BIN)/python -m pytest $(LONG) -m "" -s $(ARGS)

lint: $(READY)
	$(BIN)/ruff check $(or $(ARGS),.)
	$(BIN)/ruff format --check $(or $(ARGS),.)
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/bandit --quiet --recursive -ll -ii $(CODE)

format: $(READY)
	$(BIN)/ruff check --fix $(or $(ARGS),.)
	$(BIN)/ruff format $(or $(ARGS),.)

bench: $(READY)
	@$(BIN)/python -m tests.bench $(ARGS)

docs: $(READY)
	@$(BIN)/python docs/build.py

$(READY): pyproject.toml $(CONSTRAINTS)
	@python=; for candidate in "$(PYTHON)" python3.13 python3.12 python3.11; do \
	    if "$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	        python="$$candidate"; break; fi; done; \
	if [ -z "$$python" ]; then \
	    echo "Weir needs Python 3.11 or newer: install it, or name one with make PYTHON=..." >&2; exit 1; fi; \
	if ! $(BIN)/python -m pip --version >/dev/null 2>&1; then \
	    echo "making .venv with $$python"; "$$python" -m venv --clear .venv; fi
	@echo "installing packages into .venv (once, some minutes)"
	@$(BIN)/python -m pip install --quiet --editable ".[dev]" $(CONSTRAINTS:%=--constraint %)
	@touch $@
