# `make` lists the targets. `##` is for users, `#:` for maintainers; tests/test_house.py reads both.
SHELL := /bin/bash
PYTHON ?= python3
ARGS ?=
VENV := .venv/bin
export PYTHON

.DEFAULT_GOAL := help
.PHONY: help setup tools demo test full bench lock clean

help: ## list the targets
	@grep -hE '^[a-z]+:.*(##|#:) ' Makefile | sed -E 's/^([a-z]+):.*(##|#:) /\1\t/' | while IFS=$$'\t' read -r name text; do printf '  make %-8s %s\n' "$$name" "$$text"; done

setup: ## make .venv with `ssmd` in it, when it is absent or older than the lock
	@scripts/setup.sh

tools: ## install the programs that tests drive: Debian's `prometheus` and `chromium`; without them they are skipped
	@scripts/tools.sh

demo: setup ## see everything work on this machine, faults included (ARGS="--seconds 60 --json")
	@$(VENV)/ssmd demo $(ARGS)

test: setup ## everything the gate runs: format, lint, types, contracts, dead code, secrets, tests
	@$(VENV)/python scripts/gate.py $(ARGS)

full: setup ## the long forms of the tests, in pieces; run it again to go on where it stopped
	@$(VENV)/python scripts/full.py $(ARGS)

bench: setup #: measure the hot paths, in CPU microseconds per message
	@set -e; for each in benchmarks/[a-z]*.py; do $(VENV)/python "$$each" $(ARGS); done

lock: setup #: remake requirements/*.txt from pyproject.toml
	@scripts/lock.sh

clean: #: remove .venv, caches and test state; recorded data is not touched
	@rm -rf .venv .state .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis dist
	@find src tests scripts benchmarks -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true
