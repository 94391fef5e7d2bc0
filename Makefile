# Cairn: `make demo` brings up a site, `make test` runs the tests. Both prepare what they need.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 8000
export PORT
STAMPS := $(VENV)/.stamps

.DEFAULT_GOAL := help
.PHONY: help setup workers demo test test-slow test-faults test-leaks journeys lint types check bench bench-slow catalogues clean

help: ## what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

setup: $(STAMPS)/packages $(STAMPS)/catalogues $(STAMPS)/frontend ## environment, packages, bundle and database
	@$(BIN)/python manage.py prepare_site

$(VENV)/bin/python:
	@command -v $(PYTHON) >/dev/null || { echo "Python is missing: install it with “apt-get install python3 python3-venv”, then run make again."; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Cairn needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) -V). Say which to use: make PYTHON=python3.11 …"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "Python’s venv module is missing: install it with “apt-get install python3-venv”, then run make again."; exit 1; }
	@$(PYTHON) -m venv $(VENV)

INSTALL := scripts/install_packages.sh
DECLARED := pyproject.toml constraints.txt

$(STAMPS)/packages: $(DECLARED) $(INSTALL) | $(VENV)/bin/python
	@mkdir -p $(STAMPS)
	@echo "Installing Python packages (a minute or two the first time)…"
	@$(INSTALL) $(STAMPS)/pip.log postgresql,redis
	@touch $@

# What developers need beside: tests, types, style.
$(STAMPS)/dev: $(STAMPS)/packages
	@echo "Installing what tests and checks need…"
	@$(INSTALL) $(STAMPS)/pip-dev.log dev
	@touch $@

workers: $(STAMPS)/workers ## what the reconstruction needs (numbers, pictures, Open3D: 350 MB to fetch)

$(STAMPS)/workers: $(STAMPS)/packages
	@echo "Installing the packages of the reconstruction workers: about 350 MB to fetch, 1.2 GB on the disk…"
	@$(INSTALL) $(STAMPS)/pip-workers.log workers --progress
	@touch $@

$(STAMPS)/catalogues: $(STAMPS)/packages $(wildcard locale/*/LC_MESSAGES/*.po)
	@if compgen -G 'locale/*/LC_MESSAGES/django.po' >/dev/null; then $(BIN)/python scripts/compile_catalogues.py; fi
	@touch $@

FRONTEND := $(shell find frontend package.json package-lock.json -type f 2>/dev/null)
$(STAMPS)/frontend: $(STAMPS)/packages $(FRONTEND) scripts/build_frontend.py
	@$(BIN)/python scripts/build_frontend.py
	@touch $@

demo: $(STAMPS)/packages $(STAMPS)/catalogues $(STAMPS)/frontend ## a running site with sample content on http://localhost:8000 (PORT= chooses the port)
	@CAIRN_MODE=demo $(BIN)/python manage.py demo

test: $(STAMPS)/dev $(STAMPS)/catalogues $(STAMPS)/frontend lint types ## the default suite; what needs a server runs when it is there
	$(BIN)/python manage.py makemigrations --check --dry-run
	$(BIN)/python manage.py check
	$(BIN)/pytest -n 2 --dist loadgroup -m 'not slow and not journey' $(ARGS)
	$(BIN)/pytest -n 2 -m 'journey and not slow' $(ARGS) || [ $$? -eq 5 ]

journeys: $(STAMPS)/dev $(STAMPS)/frontend ## only the browser journeys (Debian's Chromium)
	$(BIN)/pytest -m journey $(ARGS)

test-leaks: $(STAMPS)/dev $(STAMPS)/frontend ## only the leak matrix
	$(BIN)/pytest tests/leak_matrix $(ARGS)

test-slow: $(STAMPS)/dev $(STAMPS)/catalogues $(STAMPS)/frontend ## what takes minutes: kills, faults, whole editions
	$(BIN)/pytest -m 'slow and not faults' $(ARGS)

test-faults: $(STAMPS)/dev $(STAMPS)/workers $(STAMPS)/frontend ## every fault in every stage of the reconstruction
	$(BIN)/pytest -n 2 -m faults $(ARGS)

lint: $(STAMPS)/dev
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .

types: $(STAMPS)/dev
	@$(BIN)/mypy .

bench: $(STAMPS)/packages $(STAMPS)/frontend ## the benchmarks, one line of JSON a figure
	@$(BIN)/python -m bench

bench-slow: $(STAMPS)/workers ## the long benchmarks of the reconstruction
	@$(BIN)/python -m bench.reconstruction
	@$(BIN)/python -m bench.reconstruction_scenes

catalogues: $(STAMPS)/dev ## bring the message catalogues up to date with the source
	@$(BIN)/python scripts/update_catalogues.py

clean: ## remove what make made, but no instance
	rm -rf $(VENV) node_modules static/bundles .mypy_cache .ruff_cache .pytest_cache
