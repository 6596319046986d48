# Each target sets up what it needs in $(VENV), pinned by constraints.txt; a fresh machine needs Python 3.11 and make.
VENV ?= .venv
PYTHON ?= $(shell command -v python3.11 || command -v python3)
DEMO = .gameday-demo
SCENARIO = payment-functions-stop
PY = $(VENV)/bin/python
INSTALL = $(PY) -m pip install -q -c constraints.txt
CODE = gameday tests benchmarks docs examples hatch_build.py

.PHONY: run test check format bench docs build nightly torture test-aws judge constraints clean

run: $(VENV)/run.ready  ## a real game day on the embedded rehearsal, and its report
	@rm -rf $(DEMO)
	@$(VENV)/bin/gameday init $(DEMO)
	@(cd $(DEMO) && $(abspath $(VENV))/bin/gameday run $(SCENARIO) --unattended); code=$$?; \
	for report in $(DEMO)/.gameday/runs/*/report.md; do echo; echo "$$report"; echo; cat "$$report" || code=1; done; \
	exit $$code

test: $(VENV)/ready  ## install what tests need, and run them
	$(PY) -m pytest -q

check: $(VENV)/ready  ## lint, format, types, layers
	$(PY) -m ruff check $(CODE)
	$(PY) -m ruff format --check $(CODE)
	$(PY) -m mypy
	$(VENV)/bin/lint-imports --no-cache

format: $(VENV)/ready
	$(PY) -m ruff check --fix $(CODE)
	$(PY) -m ruff format $(CODE)

bench: $(VENV)/ready  ## how fast the command starts and a fault is stopped, beside peers
	$(PY) benchmarks/help.py --table
	$(PY) benchmarks/abort.py
	$(PY) benchmarks/schedules.py

docs: $(VENV)/ready  ## write docs/reference/*.md again, from the code
	$(PY) docs/generate.py

build: $(VENV)/ready  ## dist/: wheel and sdist
	$(PY) -m build --no-isolation --outdir dist

nightly: $(VENV)/ready  ## what is too long for each change
	$(PY) -m pytest -q -m nightly

torture: $(VENV)/ready  ## kill the conductor at every boundary, and at 40 moments of real rehearsals; prints what is left
	$(PY) -m pytest -q -s -m torture tests/torture

test-aws: $(VENV)/ready  ## opt in: calls the account that AWS_PROFILE names
	@test -n "$(AWS_PROFILE)" || { echo "name the account to call: make test-aws AWS_PROFILE=..." >&2; exit 2; }
	AWS_PROFILE=$(AWS_PROFILE) $(PY) -m pytest -q -m aws

judge: $(VENV)/run.ready  ## judge the example incident in tests/data/judge
	$(VENV)/bin/gameday judge tests/data/judge/within.csv --tolerance tests/data/judge/tolerance.yaml

constraints:  ## resolve everything anew, and pin it
	.ci/venv $(PYTHON) $(VENV)-constraints
	$(VENV)-constraints/bin/python -m pip install -q ".[all,dev]"
	$(VENV)-constraints/bin/python -m pip freeze --exclude gameday | grep == | LC_ALL=C sort -f > constraints.txt
	rm -rf $(VENV)-constraints

clean:
	rm -rf $(VENV) $(VENV)-constraints $(DEMO) dist

$(VENV)/bin/python:
	.ci/venv $(PYTHON) $(VENV)

$(VENV)/run.ready: $(VENV)/bin/python pyproject.toml constraints.txt
	$(INSTALL) -e ".[rehearsal]"
	@touch $@

$(VENV)/ready: $(VENV)/bin/python pyproject.toml constraints.txt
	$(INSTALL) -e ".[all,dev]"
	@touch $@ $(VENV)/run.ready
