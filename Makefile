VENV ?= .venv
PY = $(VENV)/bin/python

.PHONY: check test format
$(VENV)/ready: pyproject.toml
	python3 -m venv $(VENV)
	$(PY) -m pip install -q -e ".[dev]"
	touch $@

check: $(VENV)/ready
	$(PY) -m ruff check gameday tests
	$(PY) -m mypy

format: $(VENV)/ready
	$(PY) -m ruff format gameday tests

test: $(VENV)/ready
	$(PY) -m pytest -q
