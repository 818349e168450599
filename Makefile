# Every target works in a fresh clone: the first one builds its own environment from pyproject.toml.
PYTHON ?= python3
ENV := .venv
BIN := $(ENV)/bin
RUN := $(BIN)/vramledger
READY := $(ENV)/.ready

SECONDS ?= 300
FUZZED := formulas specs scenarios configs headers
FUZZ_READY := $(ENV)/.fuzz-ready

EXTRAS_READY := $(ENV)/.extras-ready

COUNTED ?= tests/data/counted.jsonl

.PHONY: demo test test-thorough test-extras lint bench bench-columns bench-rows bench-engines accuracy fuzz schemas clean

$(READY): pyproject.toml
	$(PYTHON) -m venv $(ENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $(READY)

demo: $(READY)
	@$(BIN)/python -m compileall -q engine
	@sh tests/demo.sh $(RUN)

test: $(READY)
	$(BIN)/python -m pytest -n auto --ignore=tests/extras -m "not thorough"

# what `make test` leaves out: the largest of hostile inputs, more damaged files, with many more random examples
test-thorough: $(READY)
	$(BIN)/python -m pytest -n auto --ignore=tests/extras -m thorough

$(EXTRAS_READY): $(READY)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[extras-tests]'
	@touch $(EXTRAS_READY)

# a local Ray, Spark (which needs Java), DuckDB, and the service's schema; what is not there is skipped, with its reason
test-extras: $(EXTRAS_READY)
	$(BIN)/python -m pytest tests/extras

lint: $(READY)
	$(BIN)/ruff check engine tests benchmarks
	$(BIN)/ruff format --check engine tests benchmarks
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(RUN) lint
	$(RUN) fmt --check specs examples

bench: $(READY)
	@$(BIN)/python -m compileall -q engine
	$(BIN)/python benchmarks/speed.py

# columns beside NumPy by hand, and other engines on the same formulas (those that are installed)
bench-columns: $(READY)
	@$(BIN)/python benchmarks/columns.py

# whole runs of many rows and files
bench-rows: $(READY)
	@$(BIN)/python benchmarks/rows.py $(or $(MILLIONS),100)

bench-engines: $(READY)
	@$(BIN)/python benchmarks/engines.py

# other records of the same form: make accuracy COUNTED=FILE.jsonl
accuracy: $(READY)
	@$(BIN)/python benchmarks/accuracy.py $(COUNTED)

$(FUZZ_READY): $(READY)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[fuzz]' || \
	  { echo 'atheris cannot be installed here: it has wheels for Linux and CPython 3.11 to 3.13' >&2; exit 1; }
	@touch $(FUZZ_READY)

# SECONDS are shared among the targets; what is found lies in .fuzz/TARGET/findings
fuzz: $(FUZZ_READY)
	@for target in $(FUZZED); do echo "fuzzing $$target"; \
	  PYTHONPATH=tests:tests/fuzz $(BIN)/python tests/fuzz/$$target.py \
	    -max_total_time=$$(( $(SECONDS) / $(words $(FUZZED)) )) || exit 1; done

schemas: $(READY)
	@$(RUN) schemas schemas

clean:
	rm -rf $(ENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis dist
