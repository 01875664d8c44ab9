# Everything needs only Python 3.11 or newer; the first call sets up .venv.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed

.PHONY: help demo test check dev fix schema soak bench sbom clean

help:  ## what there is to do
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

$(STAMP): requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed: make PYTHON=python3.12 ..."; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: $(STAMP)  ## from nothing to a mailbox streamed, with no credentials and no network
	@$(BIN)/securecontext demo

test: $(STAMP)  ## all tests
	$(BIN)/python -m pytest -q -n 3 --dist worksteal

check: $(STAMP)  ## what else the gate runs: format, lint, types, imports, sizes, drift, secrets
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy src tests examples test_streaming.py scripts
	$(BIN)/lint-imports
	$(BIN)/python scripts/check_sizes.py
	$(BIN)/python scripts/check_drift.py
	$(BIN)/bandit --quiet --recursive -ll -ii src examples scripts test_streaming.py
	$(BIN)/python scripts/check_secrets.py

dev: $(STAMP)  ## server and sandbox in one process, until you stop it
	@SCP_SANDBOX=1 $(BIN)/securecontext serve

fix: $(STAMP)  ## format, and mend what can be mended
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

soak: $(STAMP)  ## many seeds of what the tests try a few of, and fuzzing; SEEDS=200 FUZZ=60; rewrites docs/soak.md
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/soak.txt
	$(BIN)/python scripts/soak.py --seeds $(or $(SEEDS),200) --fuzz $(or $(FUZZ),60)

bench: $(STAMP)  ## delivery measured against Node's socket.io and python-socketio; half an hour's quiet
	@$(BIN)/python bench/delivery/run.py

sbom: $(STAMP)  ## what a server installs, as CycloneDX: build/sbom.json
	$(BIN)/python scripts/sbom.py --output build/sbom.json

schema: $(STAMP)  ## rewrite schema/ and the generated pages of docs/
	$(BIN)/python scripts/check_drift.py --write

clean:  ## forget the virtual environment and the caches
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
