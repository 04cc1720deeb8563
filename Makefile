# Two commands do everything on a fresh machine with Python 3.11: `make demo` and `make test`.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
HOME_DIR := .doorward
# setuptools warns of every editable installation; these packages are meant to be edited.
PIP := PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: help demo test quick lint types unit bench docs weights clean
.DEFAULT_GOAL := help

help:  ## What there is to make.
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 10

$(BIN)/python:
	@$(PYTHON) -c 'import sys; assert sys.version_info >= (3, 11), "Doorward needs Python 3.11 or newer: set PYTHON=..."'
	@$(PYTHON) -m venv $(VENV) || { echo "venv is missing: on Debian run sudo apt install python3.11-venv"; exit 1; }

# What runs a door and its page: about 0.7 GB, no torch.
$(BIN)/.ready-demo: pyproject.toml | $(BIN)/python
	@echo "Installing what the door needs into $(VENV) ..."
	@$(PIP) --no-compile --editable '.[admin]'
	@$(BIN)/python -c 'import cv2' || { echo "OpenCV misses libraries of the system: on Debian run sudo apt install libgl1 libglib2.0-0"; exit 1; }
	@touch $@

# What develops it: torch, test tools, the documentation's theme.
$(BIN)/.ready: pyproject.toml | $(BIN)/python
	@echo "Installing what the tests need into $(VENV) (2.3 GB with torch) ..."
	@$(PIP) --editable '.[dev]'
	@$(BIN)/python -c 'import cv2' || { echo "OpenCV misses libraries of the system: on Debian run sudo apt install libgl1 libglib2.0-0"; exit 1; }
	@touch $@ $(BIN)/.ready-demo

weights: $(BIN)/.ready-demo  ## Fetch the pretrained networks, checked by hash.
	@$(BIN)/doorward --home $(HOME_DIR) weights fetch

# Without a terminal nobody is watching: then the demo runs headless and ends with a summary.
demo: weights  ## Enrol synthetic people, let them and strangers come to the door, watch it in the browser.
	@if [ -t 1 ]; then $(BIN)/doorward --home $(HOME_DIR) demo $(DEMO); \
	else $(BIN)/doorward --home $(HOME_DIR) demo --headless $(DEMO); fi

lint: $(BIN)/.ready  ## Format, lint, and the contracts of who may import whom.
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports

types: $(BIN)/.ready  ## mypy --strict.
	$(BIN)/mypy

# PYTEST names tests (`make unit PYTEST=tests/contracts`); then coverage is not measured.
unit: $(BIN)/.ready weights  ## The tests, with branch coverage; some of them with PYTEST=PATH.
ifdef PYTEST
	$(BIN)/python -m pytest -n $(or $(WORKERS),2) --dist loadgroup --no-cov $(PYTEST)
else
	$(BIN)/python -m pytest -n $(or $(WORKERS),2) --dist loadgroup --cov --cov-report=
	$(BIN)/coverage report --fail-under=85
	$(BIN)/coverage report --fail-under=100 --include='models/domain.py,models/events.py,access/decision.py,access/limits.py'
endif

test: lint types unit  ## Everything that must hold before a commit.

quick: lint types weights  ## In some four minutes: lint, types, and the tests that take no network and no training.
	$(BIN)/python -m pytest -q -n $(or $(WORKERS),2) --dist loadgroup --no-cov -m "not slow and not browser and not shared"

bench: $(BIN)/.ready weights  ## What is fast, what is small, against what: benchmarks/README.md.
	$(BIN)/python -m benchmarks.encoders
	$(BIN)/python -m benchmarks.kiosk
	$(BIN)/python -m benchmarks.gallery

docs: $(BIN)/.ready  ## The documentation as a site in build/docs, with every link checked.
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet --site-dir build/docs

clean:  ## Remove what the targets made.
	rm -rf $(VENV) $(HOME_DIR) build
