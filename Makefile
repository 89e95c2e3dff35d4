# One door: `make grade` grades a sample class, `make test` proves the kit, `make lab` opens the assignments.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ASSIGNMENT ?= A02-backprop-by-hand
SAMPLE := build/sample
export OMP_NUM_THREADS ?= 1

.PHONY: help attacks grade test test-slow torture lint lab build bench mutants clean system torch
.DEFAULT_GOAL := help

help:
	@echo "make grade      set up, build $(ASSIGNMENT), grade a sample class"
	@echo "make test       set up and run the tests; make test-slow: whole notebooks, browsers, servers"
	@echo "make lab        open JupyterLab on a working copy of the assignments (work/)"
	@echo "make build      rebuild the students' release from solutions/"
	@echo "make lint       style, types, lines per package"
	@echo "make bench      figures beside those of other tools;  make mutants: every known mistake, named"
	@echo "make attacks    every hostile submission, and what it gains;  make torture: the grader killed 100 times"
	@echo "make clean      remove what was built; .venv and your work/ stay"

# A stamp for each set of extras: installed again only when pyproject.toml changes.
$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { echo "Python 3.10 or newer is needed; give one with make PYTHON=/path/to/python3."; exit 3; }
	@$(PYTHON) -m venv $(VENV) || { echo "The virtual environment could not be made (Debian: apt-get install python3-venv)."; exit 3; }

$(VENV)/installed-%: pyproject.toml | $(BIN)/python
	$(BIN)/pip install --quiet --disable-pip-version-check --editable ".[$*]"
	@touch $@

# bubblewrap, where we may install it; elsewhere a sentence says how, and only our own sample is graded without it
system:
	@if ! command -v bwrap >/dev/null && [ ! -x $(BIN)/bwrap ]; then \
	  if command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then (apt-get install -y -q bubblewrap || (apt-get update -q && apt-get install -y -q bubblewrap)) >/dev/null; \
	  elif command -v apt-get >/dev/null && sudo -n true 2>/dev/null; then (sudo apt-get install -y -q bubblewrap || (sudo apt-get update -q && sudo apt-get install -y -q bubblewrap)) >/dev/null; fi; fi; \
	command -v bwrap >/dev/null || [ -x $(BIN)/bwrap ] || echo "bubblewrap is not here: submissions of students can be graded only with it (Debian: apt-get install bubblewrap; conda: conda install -c conda-forge bubblewrap)."

grade: $(VENV)/installed-grade system
	@$(BIN)/autograder build $(ASSIGNMENT)
	@$(BIN)/autograder sample $(SAMPLE) $(ASSIGNMENT)
	@sandbox=bwrap; bwrap --unshare-all --ro-bind / / true 2>/dev/null || { sandbox=none; \
	  echo "No sandbox here: graded with --sandbox none, because these submissions are our own."; }; \
	$(BIN)/autograder grade $(ASSIGNMENT) --course-dir $(SAMPLE) --sandbox $$sandbox --json $(SAMPLE)/result.json; \
	code=$$?; [ $$code -le 1 ] || exit $$code

test: $(VENV)/installed-grade,dev system
	$(BIN)/python -m pytest -n auto -m "not slow"

test-slow: $(VENV)/installed-grade,lab,dev,cluster,postgres system
	$(BIN)/python -m pytest -n auto --dist loadgroup -m slow

torch: $(VENV)/installed-grade,dev
	$(BIN)/pip install --quiet --disable-pip-version-check "torch==2.13.0"

torture: $(VENV)/installed-grade,dev system
	KILLS=100 $(BIN)/python -m pytest -q tests/grading/test_pipeline.py -k killing_the_grader -m slow

lint: $(VENV)/installed-grade,dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	@for p in course autograder tests; do printf '%6d lines of Python in %s\n' $$(find $$p -name '*.py' | xargs cat | wc -l) $$p; done

build: $(VENV)/installed-grade
	$(BIN)/autograder build

lab: $(VENV)/installed-grade,lab
	@mkdir -p work
	@for n in notebooks/A*/*.ipynb; do [ -e "work/$$(basename $$n)" ] || cp "$$n" work/; done
	$(BIN)/jupyter lab --notebook-dir work $$([ "$$(id -u)" = 0 ] && echo --allow-root)

bench: $(VENV)/installed-grade,dev,bench
	$(BIN)/python -m tests.bench

attacks: $(VENV)/installed-grade,dev system
	$(BIN)/python -m tests.attacks

mutants: $(VENV)/installed-grade,dev
	$(BIN)/python -m tests.mutants

clean:
	rm -rf build results reports autograded feedback .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
