# Two commands do everything on a fresh machine with Python 3.11: `make demo` and `make test`.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
HOME_DIR := .doorward

.PHONY: demo test lint types unit bench docs weights clean
.DEFAULT_GOAL := help

help:  ## What there is to make.
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 10

$(BIN)/.ready: pyproject.toml
	@$(PYTHON) -c 'import sys; assert sys.version_info >= (3, 11), "Doorward needs Python 3.11 or newer: set PYTHON=..."'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	@touch $@

weights: $(BIN)/.ready  ## Fetch the pretrained networks, checked by hash.
	$(BIN)/doorward --home $(HOME_DIR) weights fetch

# Without a terminal nobody is watching: then the demo runs headless and ends with a summary.
demo: weights  ## Enrol people who do not exist, let them and strangers come to the door, watch it in the browser.
	@if [ -t 1 ]; then $(BIN)/doorward --home $(HOME_DIR) demo $(DEMO); \
	else $(BIN)/doorward --home $(HOME_DIR) demo --headless $(DEMO); fi

lint: $(BIN)/.ready  ## Format, lint, and the contracts of who may import whom.
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports

types: $(BIN)/.ready  ## mypy --strict.
	$(BIN)/mypy

unit: weights  ## The tests, with branch coverage.
	$(BIN)/python -m pytest -n $(or $(WORKERS),2) --dist loadgroup --cov --cov-report= $(PYTEST)
	$(BIN)/coverage report --fail-under=85
	$(BIN)/coverage report --fail-under=100 --include='models/domain.py,access/decision.py,access/limits.py'

test: lint types unit  ## Everything that must hold before a commit.

bench: weights  ## What is fast, what is small, against what: benchmarks/README.md.
	$(BIN)/python -m benchmarks.encoders
	$(BIN)/python -m benchmarks.kiosk
	$(BIN)/python -m benchmarks.gallery

docs: $(BIN)/.ready  ## The documentation as a site in build/docs, with every link checked.
	$(BIN)/mkdocs build --strict --quiet --site-dir build/docs

clean:  ## Remove what the targets made.
	rm -rf $(VENV) $(HOME_DIR) build
