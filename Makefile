# Every target sets up what it needs, in .venv, on a machine that has Python 3.11 or later, git and make.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

export PREFECT_SERVER_ANALYTICS_ENABLED := false
export DVC_NO_ANALYTICS := true
export PATH := $(CURDIR)/$(BIN):$(PATH)

.DEFAULT_GOAL := help

.PHONY: help
help:  ## Show this list
	@echo "Regraft turns labelled text into the best classifier that you can afford to run."
	@echo
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## */\t/' | while IFS="$$(printf '\t')" read -r name what; do printf '  make %-12s %s\n' "$$name" "$$what"; done

# pip would keep an older, half-installed environment: a changed list of packages starts from the present one.
$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "Python 3.11 or later is needed, found: $$($(PYTHON) --version 2>&1). Give another one: make PYTHON=python3.12"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing into $(VENV) (a few minutes the first time)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]' --constraint constraints.txt
	@touch $@

.PHONY: setup
setup: $(READY)  ## Install everything into .venv and link what DVC must see
	@regraft links

.PHONY: run
run: $(READY)  ## Run the pipeline; ends with a selected model and a report
	@regraft run

.PHONY: demo-retrain
demo-retrain: $(READY)  ## Let the months of the sample data arrive one by one, and see what retraining decides
	@python -m flows.demo

.PHONY: test
test: $(READY)  ## Run all tests (offline, on CPU)
	@python -m pytest --numprocesses auto --dist loadfile --no-loadscope-reorder

.PHONY: check
check: $(READY)  ## Check style and types
	@ruff check .
	@ruff format --check .
	@mypy

.PHONY: fidelity
fidelity: $(READY)  ## Run the code of the selected model's card without Regraft, in an environment of its own
	@python -m tests.fidelity

.PHONY: bench
bench: $(READY)  ## Run the benchmarks (takes long; see benchmarks/README.md)
	@python -m benchmarks


.PHONY: clean
clean:  ## Remove caches of tools (not data, models or .venv)
	@rm -rf .pytest_cache .mypy_cache .ruff_cache build *.egg-info
	@find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +
