VENV ?= .venv
PY = $(VENV)/bin/python

.PHONY: check test format judge
$(VENV)/ready: pyproject.toml
	python3 -m venv $(VENV)
	$(PY) -m pip install -q -e ".[dev]"
	touch $@

check: $(VENV)/ready
	$(PY) -m ruff check gameday tests
	$(PY) -m mypy
	$(VENV)/bin/lint-imports

format: $(VENV)/ready
	$(PY) -m ruff format gameday tests

test: $(VENV)/ready
	$(PY) -m pytest -q

judge: $(VENV)/ready
	$(VENV)/bin/gameday judge tests/data/judge/within.csv --tolerance tests/data/judge/tolerance.yaml
