# Two commands matter: `make demo` and `make test`. Both work on a machine that has only Python 3.11, git, make and a compiler.
PYTHON ?= python3
BIN := .venv/bin
UV := $(BIN)/uv
export UV_PYTHON_DOWNLOADS := never

.PHONY: help setup demo down test check bench format translations migrations clean

help:
	@printf '%s\n' \
	  'make demo           start Fairway with demo data, deploy an example, print its live URL (Ctrl-C stops)' \
	  'make demo DETACH=1  the same, then return; make down stops it' \
	  'make test           install what the tests need (Debian, as root), start it, run everything' \
	  'make check          ruff, mypy, import-linter, translations, migrations, docs links: no services' \
	  'make bench          the figures of the design, as ratios against the floor'

.venv/bin/uv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Fairway needs Python 3.11 or newer; set PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv

.venv/.product: .venv/bin/uv pyproject.toml uv.lock
	@$(UV) sync --quiet --frozen --no-dev --inexact
	@touch $@

.venv/.development: .venv/bin/uv pyproject.toml uv.lock
	@$(UV) sync --quiet --frozen --inexact
	@touch $@ .venv/.product

setup: .venv/.development

demo: .venv/.product
	@$(BIN)/fairway demo --data .demo --example examples/flask $(if $(PORT),--port $(PORT)) $(if $(PROXY_PORT),--proxy-port $(PROXY_PORT)) $(if $(DETACH),--detach)

down: .venv/.product
	@$(BIN)/fairway down --data .demo

test: .venv/.development
	@$(BIN)/python -m tests.machine
	@$(BIN)/pytest -n 2 --dist loadscope $(ARGS)

check: .venv/.development
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/python -m tests.checks

bench: .venv/.development
	@$(BIN)/python -m benchmarks $(ARGS)

format: .venv/.development
	@$(BIN)/ruff check --fix --quiet . ; $(BIN)/ruff format --quiet .

migrations: .venv/.development
	@FAIRWAY_DATA=$$(mktemp -d) DJANGO_SETTINGS_MODULE=fairway.config.settings $(BIN)/python -m django makemigrations fairway

translations: .venv/.development
	@$(BIN)/python -m tests.checks --extract

clean:
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache artifacts
