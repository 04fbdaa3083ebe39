# Two commands matter: `make demo` and `make test`. Both work on a machine that has only Python 3.11, git, make and a compiler.
PYTHON ?= python3
BIN := .venv/bin
UV := $(BIN)/uv
export UV_PYTHON_DOWNLOADS := never
# Without compiled files each of some thousand Python programs that the tests start would compile all it imports: 3 s instead of 0.4 s.
unexport PYTHONDONTWRITEBYTECODE
export UV_COMPILE_BYTECODE := 1
TEMPLATES := src/fairway/web/templates

.PHONY: help setup demo down test quick corpus explore durations check bench format translations migrations clean

help:
	@printf '%s\n' \
	  'make demo           start Fairway with demo data, deploy an example, print its live URL (Ctrl-C stops)' \
	  'make demo DETACH=1  the same, then return; make down stops it' \
	  'make test           install what the tests need (Debian, as root), start it, run everything' \
  'make test ARGS=…    the same for some tests: a file, -k words, anything pytest takes' \
  'make quick          the tests that a change can affect and that need no service: a minute at most' \
  'make corpus         the small applications of tests/corpus, those that take long, too' \
  'make explore        property tests with many new examples: as long as you like (TIMES=50)' \
  'make durations      everything, keeping how long each file took, which orders the next runs' \
	  'make check          ruff, djangofmt, mypy, import-linter, translations, migrations, docs links: no services' \
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

# Tests wait more than they compute, so there are more processes than cores. A few tests need none beside them.
PROCESSES ?= $(if $(ARGS),0,4)

test: .venv/.development
	@$(BIN)/python -m tests.machine
	@$(BIN)/pytest -n $(PROCESSES) --dist loadscope $(ARGS)

quick: .venv/.development
	@$(BIN)/python -m tests.quick

corpus: .venv/.development
	@FAIRWAY_CORPUS=all $(BIN)/pytest -n 0 tests/corpus $(ARGS)

explore: .venv/.development
	@FAIRWAY_EXPLORE=$(or $(TIMES),20) $(BIN)/pytest -n 2 --dist loadscope -m hypothesis $(ARGS)

durations: .venv/.development
	@$(BIN)/python -m tests.machine
	@FAIRWAY_KEEP_DURATIONS=1 $(BIN)/pytest -n $(PROCESSES) --dist loadscope

check: .venv/.development
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/djangofmt --quiet --check $(TEMPLATES) || { $(BIN)/djangofmt --check $(TEMPLATES); false; }
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/python -m tests.checks

bench: .venv/.development
	@$(BIN)/python -m benchmarks $(ARGS)

format: .venv/.development
	@$(BIN)/ruff check --fix --quiet . ; $(BIN)/ruff format --quiet . ; $(BIN)/djangofmt --quiet $(TEMPLATES)

migrations: .venv/.development
	@FAIRWAY_DATA=$$(mktemp -d) DJANGO_SETTINGS_MODULE=fairway.config.settings $(BIN)/python -m django makemigrations fairway

translations: .venv/.development
	@$(BIN)/python -m tests.checks --extract

clean:
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache artifacts
