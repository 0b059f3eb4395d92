# `make help` lists the targets. Everything runs in .venv, which `setup` makes with nothing but venv and pip.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin

# Tests that start whole services.
SERVICE_TESTS := $(wildcard tests/e2e tests/docs tests/chaos)
# Of the others, those of which `test` leaves something to `chaos`.
THINNED := hypothesis or sqlite_will_do or postgresql_will_do or thinned or thorough
# Most tests wait for something most of the time, so that more of them than cores may run at once.
# With bytecode, also where the environment says otherwise: each of a thousand processes would compile the source anew.
PYTEST := PYTHONDONTWRITEBYTECODE= OMP_NUM_THREADS=1 $(BIN)/pytest --durations=15

# The page's modules and their tests. Nothing is downloaded: both tools are wheels with all that they need in them.
PAGE := api/pages/static tests/pages
DENO := DENO_NO_UPDATE_CHECK=1 DENO_DIR=.deno $(BIN)/deno

.DEFAULT_GOAL := help
.PHONY: help setup demo test-fast test test-mutations chaos soak check docs bench bench-lecture bench-overhead bench-tokenising load clean types

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-17s %s\n", $$1, $$2}' Makefile

setup: .venv/.installed  ## make .venv with everything in it

.venv/.installed: pyproject.toml
	@'$(PYTHON)' -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo 'Python 3.11 or newer is needed: make setup PYTHON=/path/to/python3.11' >&2; exit 1; }
	@echo 'Installing into .venv: some minutes and 2 GB or more, most of it PyTorch. pip says nothing until it is done.'
	'$(PYTHON)' -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[api,worker,local,dev]'
	@touch $@

demo: setup  ## train the lecture's GPT on a real text and watch it learn
	$(BIN)/pretrain demo

test-fast: setup  ## the tests for daily work: no services, no PostgreSQL, short sweeps, float32 (less than 2 minutes)
	$(PYTEST) -n 3 --dist worksteal --fast $(SERVICE_TESTS:%=--ignore=%)

# Each part runs, whatever has failed before it: one run names all that fails.
test: setup  ## run every test (about 40 minutes on two cores)
	failed=; \
	$(PYTEST) -n 4 --dist worksteal $(SERVICE_TESTS:%=--ignore=%) || failed=1; \
	$(PYTEST) -n 2 --dist loadfile -m 'not alone' $(SERVICE_TESTS) || failed=1; \
	$(PYTEST) -m alone $(SERVICE_TESTS) || failed=1; \
	test -z "$$failed"

test-mutations: setup  ## write twenty faults into copies of the source, each of which the tests must find
	$(BIN)/python -m tests.mutations

chaos: setup  ## every fault, as often as promised, and a table (needs root, strace, faketime; about 40 minutes)
	$(PYTEST) tests/chaos --thorough --hangs-after=3600 -o faulthandler_timeout=3590
	$(PYTEST) -n 4 --dist worksteal --thorough -m '$(THINNED)' $(SERVICE_TESTS:%=--ignore=%)
	$(PYTEST) -n 2 --dist loadfile --thorough -m '$(THINNED)' $(filter-out tests/chaos,$(SERVICE_TESTS))

soak: setup  ## 60 jobs in 10 minutes of killed workers and a broker that comes and goes
	$(BIN)/python -m tests.chaos.soak

types: setup  ## write the types of records, for the page and for the client, from the API's description
	$(BIN)/python -m docs.generator api/pages/static/types/records.d.ts client/records.py

docs: setup  ## write what follows from the code: the reference in docs/reference, and the types of records
	$(BIN)/python -m docs.generator

check: setup  ## style, types, import contracts, no pickle; the page's style, types and unit tests
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/ruff check --quiet --ignore-noqa --select TID251
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m docs.generator --check
	$(BIN)/oxlint --quiet $(PAGE)
	$(DENO) check --quiet --no-remote --no-npm $(PAGE)
	$(DENO) test --quiet --no-remote --no-npm tests/pages

bench: setup  ## how fast it is beside its goals, whole jobs computed from their parts (13 to 25 minutes)
	$(BIN)/python -m benchmarks.table usual

bench-quick: setup  ## the same with one look at each (less than 3 minutes)
	$(BIN)/python -m benchmarks.table quick

bench-full: setup  ## the same with whole jobs and a text of 1 GB (more than an hour)
	$(BIN)/python -m benchmarks.table full

bench-lecture: setup  ## the lecture's job in every numerical mode, against the printed figures (about 20 minutes)
	$(BIN)/python -m benchmarks.lecture

bench-curves: setup  ## whether bfloat16 learns as float32 does: three seeds of both (about 20 minutes)
	$(BIN)/python -m benchmarks.curves

bench-growth: setup  ## how the time of a step grows with the model and the batch (2 minutes)
	$(BIN)/python -m benchmarks.growth

bench-gpu: setup  ## training on a GPU, against the rate of its matrix products
	$(BIN)/python -m benchmarks.gpu

bench-busy: setup  ## what training keeps of its speed beside other work, and its musts (about 20 minutes)
	$(BIN)/python -m benchmarks.busy

bench-overhead: setup  ## what the service and its checkpoints cost around the loop (about 10 minutes)
	$(BIN)/python -m benchmarks.overhead

bench-estimate: setup  ## what jobs are estimated to take, against what they take (10 minutes)
	$(BIN)/python -m benchmarks.estimate --time

bench-limits: setup  ## whether jobs that fit a limit of memory train within it, and others need it (root; 15 minutes)
	$(BIN)/python -m benchmarks.memory_limits

bench-front-door: setup  ## whether light requests are answered at once while a crowd keeps the service busy (4 minutes)
	$(BIN)/python -m benchmarks.front_door

load: setup  ## reads, posts, losses of a long job and event streams under load, on both databases (about 10 minutes)
	$(BIN)/python -m benchmarks.load

bench-streams: setup  ## how soon an event is with 300 streams, and what they cost (1 minute)
	$(BIN)/python -m benchmarks.streams

bench-page: setup  ## the page with 200 jobs and 100,000 points, in chromium, while events stream in (6 minutes)
	$(BIN)/python -m benchmarks.page

bench-tokenising: setup  ## a large text made ready, against one tiktoken call on the whole (a few minutes)
	$(BIN)/python -m benchmarks.tokenising

bench-corpus: setup  ## 2 GB of documents uploaded and prepared beside a job, trained on, deleted (about 20 minutes)
	$(BIN)/python -m benchmarks.corpus

bench-start: setup  ## from the POST of a tiny job to its first evaluation, on a warm service (about 1 minute)
	$(BIN)/python -m benchmarks.start

clean:  ## remove .venv and everything that tools left behind
	rm -rf .venv build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .deno
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
