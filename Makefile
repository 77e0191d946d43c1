# `make demo` and `make test` need python3 (3.11 or newer) and make, nothing else.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help env demo test test-slow test-databricks check format bench report schedules schedule status clean

help:  ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "%-18s%s\n", $$1, $$2}' $(MAKEFILE_LIST)

env: $(READY)  ## make .venv from the lock

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@

demo: env  ## build the whole pipeline offline on synthetic sessions (under 3 minutes)
	$(BIN)/snakemake --profile profiles/demo
	@$(BIN)/python scripts/show_built.py data/demo

test: env  ## run all tests but the slow ones (under 8 minutes)
	$(BIN)/pytest -n auto -m "not slow and not databricks"

test-slow: env  ## run the slow tests
	$(BIN)/pytest -n auto -m slow

test-databricks: env  ## run the whole pipeline on the workspace that DATABRICKS_HOST names
	$(BIN)/pytest -m databricks -rs

check: env  ## what the formatters and linters say
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check .
	$(BIN)/sqlfmt --check dbt
	$(BIN)/snakemake --lint

format: env  ## format Python, rules and SQL
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/snakefmt .
	$(BIN)/sqlfmt dbt

bench: env  ## seconds and memory per layer, as tables
	$(BIN)/python tests/bench.py

report: env  ## reports/f1_pipeline.html of what the last run built
	$(BIN)/snakemake --cores 2 report $(CONFIG)
	@mkdir -p reports
	$(BIN)/snakemake report --report reports/f1_pipeline.html $(CONFIG)

schedules: env  ## list what runs by itself, and when
	@$(BIN)/python scripts/schedules.py

schedule: env  ## switch a schedule on or off: make schedule ON=<name>, OFF=<name>
	@$(BIN)/python scripts/schedules.py $(if $(ON),on $(ON),$(if $(OFF),off $(OFF),help))

status: env  ## the state of every asset; writes reports/status.html
	@$(BIN)/python scripts/status.py $(or $(DATA),data)

clean:  ## remove what demo, tests and reports made; data/ of live runs stays
	rm -rf data/demo reports $(VENV) .pytest_cache .ruff_cache .hypothesis
