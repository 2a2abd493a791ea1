# `make run` and `make test` do all the set-up themselves. `make help` lists the rest.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
INTEROP := tests/interop/node/node_modules/.installed
export OPENBLAS_NUM_THREADS := 1
export OMP_NUM_THREADS := 1
export MPLBACKEND := Agg
export NO_MKDOCS_2_WARNING := 1

.PHONY: help run test test-long test-live lint types layers interop-packages unit soak notebooks docs bench bench-ocpp bench-stations bench-power-flow bench-money reference clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 20

$(STAMP): pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing into $(VENV) (once, about a minute)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e . $(shell $(PYTHON) tools/groups.py dev docs)
	@touch $@

run: $(STAMP) ## simulate the street on its feeder, without and with load management, and write the report
	@$(BIN)/twin run scenarios/10-street.yaml --out results/10-street --force
	@$(BIN)/twin run scenarios/11-street-managed.yaml --out results/11-street-managed --force
	@$(BIN)/twin compare results/10-street results/11-street-managed --out results/street-comparison.html

test: $(STAMP) lint types layers unit notebooks docs ## everything that must be green: lint, types, layers, tests, notebooks, docs

lint: $(STAMP) ## ruff and codespell
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/codespell twin docs scenarios README.md CHANGELOG.md CONTRIBUTING.md

types: $(STAMP) ## mypy --strict
	@$(BIN)/mypy

layers: $(STAMP) ## who may import whom
	@$(BIN)/lint-imports

interop-packages: $(INTEROP) ## OCPP by others for tests/interop: packages of npm, exact versions

$(INTEROP): tests/interop/node/package.json
	@command -v npm >/dev/null || { echo "npm is missing: install Node.js 18 or later"; exit 1; }
	@echo "installing packages of npm into tests/interop/node (once, seconds)"
	@npm install --prefix tests/interop/node --no-package-lock --no-audit --no-fund --loglevel=error >/dev/null
	@touch $@

unit: $(STAMP) $(INTEROP) ## the tests
	@$(BIN)/pytest -n 2 --dist loadfile -m "not slow"

test-long: $(STAMP) ## tests that take minutes: many seeds, long horizons
	@$(BIN)/pytest -m slow

test-live: $(STAMP) ## the adapter against Stripe in test mode: needs STRIPE_TEST_KEY, spends nothing
	@test -n "$$STRIPE_TEST_KEY" || { echo "STRIPE_TEST_KEY is not set: a secret test key of Stripe (sk_test_...)"; exit 1; }
	@$(BIN)/pytest tests/live

soak: $(STAMP) ## ten minutes of 200 virtual stations with random faults against our central system
	@$(BIN)/python -m tools.soak

notebooks: $(STAMP) ## pair and execute the notebooks
	@$(BIN)/python tools/notebooks.py

docs: $(STAMP) ## build the documentation, warnings are errors
	@$(BIN)/mkdocs build --strict --quiet

bench: $(STAMP) bench-power-flow bench-ocpp bench-stations bench-money ## print the speed tables of docs/benchmarks.md
	@$(BIN)/python tools/bench.py
	@$(BIN)/python tools/bench_lockstep.py

bench-power-flow: $(STAMP) ## print those of the power flow alone, a minute and a half
	@$(BIN)/python -m tools.bench_power_flow

bench-ocpp: $(STAMP) ## print that of OCPP alone: round trips over loopback, ours and the library's, a minute
	@$(BIN)/python tools/bench_ocpp.py

bench-money: $(STAMP) ## print that of money alone: prices, books, the simulated provider, the whole chain; five minutes
	@$(BIN)/python tools/bench_tariffs.py
	@$(BIN)/python tools/bench_ledger.py
	@$(BIN)/python tools/bench_payments.py
	@$(BIN)/python tools/bench_cashier.py

bench-stations: $(STAMP) ## a thousand stations against a central system, two processes: memory, latencies, restarts; 15 minutes
	@$(BIN)/python tools/bench_stations.py
	@$(BIN)/python tools/bench_stations.py --version 2.0.1 --tls

reference: $(STAMP) ## regenerate what is written by the code: schema.json, the pages of all keys and all names
	@$(BIN)/python -m twin.scenario.schema
	@$(BIN)/python tools/scenario_reference.py > docs/scenario-reference.md
	@$(BIN)/python -m twin.results.nomenclature > docs/nomenclature.md

clean: ## remove the environment and caches, keep results
	rm -rf $(VENV) tests/interop/node/node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis site
	find twin -name '*.nb[ic]*' -delete
