# Everything runs in ./.venv; a machine needs only Python 3.11+, make and git.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed

# Images for containers set it. Then each of the hundreds of processes that the tests start compiles the sources of all
# that it imports once more: more than half of the CPU time of the commands' tests.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help install hooks demo test test-dates test-pythons mutants check sim faults bench soak lock wheels clean

help:            ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/\t/'

install: $(STAMP) ## create .venv with the locked dependencies and both packages, editable

$(STAMP): requirements/bootstrap.lock requirements/dev.lock pyproject.toml shadow/pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else f"Python 3.11 or newer is needed, this is {sys.version.split()[0]}; set PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bootstrap.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements/dev.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e ./shadow -e .
	@mkdir -p $(VENV)/namespace/shadowroute # what mypy and editors read: the folders under their import names
	@ln -sfn $(CURDIR)/collector $(CURDIR)/analysis $(CURDIR)/app $(VENV)/namespace/shadowroute/
	@touch $@

hooks: $(STAMP)  ## run the fast checks before each commit (.pre-commit-config.yaml)
	$(BIN)/pre-commit install

demo: $(STAMP)   ## a simulated week, measured beside its known truth; then the review app (DEMO_ARGS=--exit ends after the summary)
	$(BIN)/shadowroute demo $(DEMO_ARGS)

# Most tests wait for processes, sockets and disks, so there are more of them than cores; each process keeps an engine
# open, a gigabyte at most. Tests of one file stay together until a process runs out of work and takes some of another's.
test: $(STAMP)   ## all tests, in two processes per core and eight at most (WORKERS=1: one after another; SHUFFLE=7: in a random order)
	$(BIN)/pytest -n $(or $(WORKERS),$(shell $(PYTHON) -c 'import os; print(min(8, 2 * (os.cpu_count() or 1)))')) --dist worksteal $(if $(SHUFFLE),--shuffle $(SHUFFLE))

test-dates: $(STAMP) ## tests marked `dates` in 40 days, in 500 days and on a leap day, the engine's clock included (WHOLE=1: all that touches stores)
	$(BIN)/python -m tests.checks.dates $(if $(WHOLE),whole)

test-pythons: $(STAMP) ## the SDK's tests under each supported Python that is installed (PYTHONS="3.12 /path/to/python")
	$(BIN)/python -m tests.checks.pythons $(PYTHONS)

check: $(STAMP)  ## ruff, mypy strict, import layers, SQL lint, wheel contents
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tests/checks/sql_lint.py
	$(BIN)/python tests/checks/wheel_contents.py

sim: $(STAMP)    ## how often the intervals hold the truth, at 2,000 draws, as a table (DRAWS=100 is what the tests do)
	SHADOWROUTE_DRAWS=$(or $(DRAWS),2000) $(BIN)/pytest tests/simulations tests/analysis/test_truth.py -q -n auto --maxprocesses 4 --timeout 3600

faults: $(STAMP) ## faults of providers and processes, in their long form (make test runs the short one)
	SHADOWROUTE_FAULTS=full $(BIN)/pytest tests/faults -q -n auto --maxprocesses 4 --timeout 3600

mutants: $(STAMP) ## how many small mistakes in what decides on safety the tests notice: 85 % of each module (ONLY="breaker guarded")
	$(BIN)/python -m tests.checks.mutants $(ONLY)

bench: $(STAMP)  ## measurements; they print figures and never fail on a time
	$(BIN)/python -m tests.benchmarks

soak: $(STAMP)   ## the gateway for ten minutes at half of what it can: errors, memory, every record exactly once (MINUTES=10)
	$(BIN)/python -m tests.benchmarks.soak $(or $(MINUTES),10)

lock: $(STAMP)   ## resolve the newest allowed versions into requirements/*.lock
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-package shadowroute --no-header \
	  --group dev --extra gateway --extra jsonschema pyproject.toml shadow/pyproject.toml -o requirements/dev.lock --upgrade
	echo uv | $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header - -o requirements/bootstrap.lock --upgrade

wheels: $(STAMP) ## build both wheels of the last commit into dist/ (RELEASING.md)
	rm -rf dist build && mkdir -p build/source && git archive HEAD | tar -x -C build/source
	for project in build/source/shadow build/source; do \
	  $(BIN)/uv build --quiet --wheel --no-build-isolation --python $(BIN)/python --out-dir dist $$project || exit 1; done

clean:           ## remove the virtual environment and everything that was generated
	rm -rf $(VENV) .shadowroute build dist *.egg-info shadow/*.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
