# Everything a contributor runs. CI runs `make test` and nothing else.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
MAKEFLAGS += --no-print-directory

# The first interpreter that starts and is new enough; `make PYTHON=/path/to/python` overrules it.
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do \
	if "$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then echo "$$p"; break; fi; \
	done 2>/dev/null)

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
STEP := @printf '==> %s\n'

# Acceptance tests load the model and use every core, so they run alone.
ALONE := $(wildcard tests/acceptance)
TYPED := $(wildcard ragflow pipelines)
CHECKED := $(wildcard tests/unit tests/contracts tests/test_*.py)
PARALLEL := $(BIN)/pytest -q -n 2
SERIAL := $(BIN)/pytest -q
FAST := not slow and not network
ALL := not network

# What the user typed, to the letter: `override … :=` keeps make from reading `$` in it, and it
# reaches the shell through the environment, so spaces and quotes need no care.
override FOLDER := $(value FOLDER)
override QUESTION := $(value QUESTION)
export FOLDER QUESTION

.PHONY: help setup system-parts demo test check test-long crash simulate lint format types imports fast-tests bench-scifact bench-edits bench-embed bench-stream bench-ingest bench-noop bench-ocr bench-pdf bench-scheduler bench-state clean schedules-long

help:
	@echo 'make demo           set up, index a folder and ask it a question (FOLDER=… QUESTION=…)'
	@echo 'make test           set up and run every check but the slow tests, then the demo'
	@echo 'make check          the checks to run before every commit, in under three minutes'
	@echo 'make test-long      make test, and the slow tests'
	@echo 'make simulate       the scheduler through a million seeds of everything that may go wrong'
	@echo 'make crash          a kill at every point that a run reaches, each time it does'
	@echo 'make schedules-long  every time zone against its clocks, minute by minute for three years'
	@echo 'make setup          the environment in $(VENV); nothing to do when it is up to date'
	@echo 'make lint           style, formatting, types and architecture'
	@echo 'make format         rewrite the code in the house format'
	@echo 'make bench-scifact  retrieval quality on BEIR SciFact, beside the published figure'
	@echo 'make bench-edits    chunks embedded again after an edit, beside other splitters'
	@echo 'make bench-embed    texts a second beside sentence-transformers, and the share of the peak'
	@echo 'make bench-stream   memory while a million short texts are embedded'
	@echo 'make bench-ingest   from files to an index, beside embedding alone and four other pipelines'
	@echo 'make bench-noop     what a refresh costs that finds nothing to do, beside CocoIndex'
	@echo 'make bench-pdf      pages a second with elements and boxes, beside pypdfium2 and pypdf'
	@echo 'make bench-ocr      pages recognized a minute, a worker for each beside one at a time'
	@echo 'make bench-scheduler  what an item and a step cost, beside another durable scheduler'
	@echo 'make bench-state    what a home remembers of 100,000 chunks, beside vectors and text'
	@echo 'make clean          remove what tests, tools and the demo left; keeps $(VENV)'

# --- Setting up -------------------------------------------------------------------------------

setup: system-parts $(READY)

system-parts:
	@sh .ci/system_parts

# Some packages carry templates that are not Python; they cannot be compiled and need not be.
$(READY): pyproject.toml constraints.txt
	@test -n '$(PYTHON)' || { echo 'error: no Python 3.11 or newer found; name one: make PYTHON=/path/to/python' >&2; exit 1; }
	@test -x $(BIN)/pip || { printf '==> %s\n' 'creating $(VENV)'; $(PYTHON) -m venv $(VENV); }
	$(STEP) 'installing ragflow and its tools (a few minutes the first time)'
	@$(PIP) install --no-compile -c constraints.txt -e '.[dev,notebook]'
	$(STEP) 'installing the vocabularies that tests use'
	@$(PIP) install --no-compile --no-deps -c constraints.txt llama-index-core
	$(STEP) 'compiling to bytecode'
	@$(BIN)/python -m compileall -qq -j 0 $(VENV)/lib $(TYPED) || true
	@touch $@

# --- Running ----------------------------------------------------------------------------------

demo: setup
	$(STEP) 'demo'
	@$(BIN)/python tests/acceptance/demo.py $${FOLDER:+"--folder=$$FOLDER"} $${QUESTION:+"--question=$$QUESTION"}

bench-scifact: setup
	$(STEP) 'retrieval quality on BEIR SciFact'
	@HF_HUB_OFFLINE=1 PYTHONPATH=. $(BIN)/python tests/benchmarks/scifact_pipeline.py

bench-ocr: setup
	$(STEP) 'pages recognized a minute'
	@PYTHONPATH=. $(BIN)/python tests/benchmarks/ocr_pages.py

bench-state: setup
	$(STEP) 'state on disk of 100,000 chunks'
	@PYTHONPATH=. $(BIN)/python tests/benchmarks/state_size.py

bench-pdf: setup
	$(STEP) 'reading PDFs beside plain extraction by pypdfium2 and pypdf'
	@PYTHONPATH=. $(BIN)/python tests/benchmarks/pdf_reading.py

# The reference lives in an environment of its own: it brings other versions of what we use.
REFERENCE := .venv-reference
$(REFERENCE)/.ready:
	@test -n '$(PYTHON)' || { echo 'error: no Python 3.11 or newer found; name one: make PYTHON=/path/to/python' >&2; exit 1; }
	@$(PYTHON) -m venv $(REFERENCE)
	@$(REFERENCE)/bin/python -m pip --disable-pip-version-check --quiet install 'dbos==3.4.0'
	@touch $@

bench-embed: setup
	$(STEP) 'texts a second beside sentence-transformers, and the share of the peak'
	@PYTHONPATH=. $(BIN)/python tests/benchmarks/embedding.py --busy

bench-stream: setup
	$(STEP) 'a million short texts'
	@HF_HUB_OFFLINE=1 PYTHONPATH=. $(BIN)/python tests/benchmarks/embedding_stream.py

bench-scheduler: setup $(REFERENCE)/.ready
	$(STEP) 'what an item and a step cost, beside DBOS Transact on SQLite'
	@PYTHONPATH=. $(BIN)/python tests/benchmarks/scheduler.py --reference $(REFERENCE)/bin/python

# Likewise: they bring half a hundred packages.
SPLITTERS := .venv-splitters
$(SPLITTERS)/.ready:
	@test -n '$(PYTHON)' || { echo 'error: no Python 3.11 or newer found; name one: make PYTHON=/path/to/python' >&2; exit 1; }
	@$(PYTHON) -m venv $(SPLITTERS)
	@$(SPLITTERS)/bin/python -m pip --disable-pip-version-check --quiet install \
		'langchain-text-splitters==1.1.3' 'llama-index-core==0.14.25' 'cocoindex==1.0.26'
	@touch $@

bench-edits: setup $(SPLITTERS)/.ready
	$(STEP) 'chunks embedded again after a small edit, beside other splitters'
	@HF_HUB_OFFLINE=1 PYTHONPATH=. $(BIN)/python tests/benchmarks/edit_stability.py --reference $(SPLITTERS)/bin/python
	$(STEP) 'and whether retrieval pays for it'
	@HF_HUB_OFFLINE=1 PYTHONPATH=. $(BIN)/python tests/benchmarks/scifact_long.py

# CocoIndex writes vectors to SQLite by an extension, which not every Python is built to load.
EXTENSIBLE = $(shell for p in '$(PYTHON)' python3 /usr/bin/python3 python3.13 python3.12 python3.11; do \
	if "$$p" -c 'import sqlite3, sys; sys.exit(sys.version_info < (3, 11) or not hasattr(sqlite3.Connection, "enable_load_extension"))'; then echo "$$p"; break; fi; \
	done 2>/dev/null)
COCOINDEX := .venv-cocoindex
$(COCOINDEX)/.ready:
	@python='$(EXTENSIBLE)'; test -n "$$python" || { echo 'error: no Python 3.11 or newer found that loads extensions of SQLite; name one: make EXTENSIBLE=/path/to/python' >&2; exit 1; }; \
	"$$python" -m venv --without-pip $(COCOINDEX)
	@$(PIP) --python $(COCOINDEX)/bin/python install 'cocoindex==1.0.26' 'sqlite-vec==0.1.9'
	@touch $@

bench-noop: setup $(COCOINDEX)/.ready
	$(STEP) 'a refresh that finds nothing to do, beside CocoIndex'
	@PYTHONPATH=. $(BIN)/python tests/benchmarks/noop.py --reference $(COCOINDEX)/bin/python

# Likewise; every version is pinned, of what they bring too. Whole processes are measured with their
# imports, so all of it is compiled.
INGEST := .venv-ingest
PINNED := tests/benchmarks/ingest_peers/requirements.txt
$(INGEST)/.ready: $(PINNED)
	@python='$(EXTENSIBLE)'; test -n "$$python" || { echo 'error: no Python 3.11 or newer found that loads extensions of SQLite; name one: make EXTENSIBLE=/path/to/python' >&2; exit 1; }; \
	test -x $(INGEST)/bin/python || "$$python" -m venv --without-pip $(INGEST)
	$(STEP) 'installing four other pipelines (2 GB)'
	@$(PIP) --python $(INGEST)/bin/python install --no-compile -r $(PINNED)
	@$(INGEST)/bin/python -m compileall -qq -j 0 $(INGEST)/lib || true
	@touch $@

bench-ingest: setup $(INGEST)/.ready
	$(STEP) 'from files to a searchable index'
	@PYTHONPATH=. $(BIN)/python tests/benchmarks/ingest.py --reference $(INGEST)/bin/python

# --- Checking ---------------------------------------------------------------------------------

check: setup lint fast-tests

lint: setup
	$(STEP) 'style'
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check . || { echo 'error: not in the house format; run: make format' >&2; exit 1; }
	$(STEP) 'types'
	@$(BIN)/mypy --no-error-summary $(TYPED)
	$(STEP) 'architecture'
	@found=$$($(BIN)/lint-imports --no-logo 2>&1) || { printf '%s\n' "$$found" >&2; exit 1; }

fast-tests: export HF_HUB_OFFLINE := 1
fast-tests: setup
	$(STEP) 'unit tests and contracts'
	@$(PARALLEL) -m '$(FAST)' $(CHECKED)

# pytest exits with 5 when a filter leaves no test; that is no failure of the second pass.
define run_tests
@$(PARALLEL) -m '$(1)' $(ALONE:%=--ignore=%) tests
@test -z '$(ALONE)' || $(SERIAL) -m '$(1)' $(ALONE) || test $$? -eq 5
endef

test: export HF_HUB_OFFLINE := 1
test: setup lint
	$(STEP) 'every test but the slow ones'
	$(call run_tests,$(FAST))
	@$(MAKE) demo

test-long: export HF_HUB_OFFLINE := 1
test-long: setup lint
	$(STEP) 'every test'
	$(call run_tests,$(ALL))
	@$(MAKE) demo

crash: export HF_HUB_OFFLINE := 1
crash: setup
	$(STEP) 'a kill at every point that a run reaches'
	@$(PARALLEL) -m slow tests/crashes

schedules-long: setup
	$(STEP) 'every time zone, minute by minute for three years'
	@$(PARALLEL) -m slow tests/unit/scheduling/test_cron.py

simulate: setup
	$(STEP) 'a million seeds'
	@PYTHONPATH=. $(BIN)/python -m tests.simulation --seeds 1000000 --first 0

format: setup
	@$(BIN)/ruff check --quiet --fix . || true
	@$(BIN)/ruff format --quiet .

clean:
	@rm -rf .demo .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache build dist
	@find . -path ./$(VENV) -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +
