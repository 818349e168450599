# Every target works in a fresh clone: the first one builds its own environment from pyproject.toml.
PYTHON ?= python3
ENV := .venv
BIN := $(ENV)/bin
RUN := $(BIN)/vramledger
READY := $(ENV)/.ready

.PHONY: demo test lint bench schemas clean

$(READY): pyproject.toml
	$(PYTHON) -m venv $(ENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $(READY)

demo: $(READY)
	@$(BIN)/python -m compileall -q engine
	@sh tests/demo.sh $(RUN)

test: $(READY)
	$(BIN)/python -m pytest -n auto

lint: $(READY)
	$(BIN)/ruff check engine tests benchmarks
	$(BIN)/ruff format --check engine tests benchmarks
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(RUN) lint

bench: $(READY)
	@$(BIN)/python -m compileall -q engine
	$(BIN)/python benchmarks/speed.py

schemas: $(READY)
	@$(RUN) schemas schemas

clean:
	rm -rf $(ENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis dist
