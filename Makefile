# The commands of this repository. `make` alone prints them.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
WORKERS ?= 6
SECONDS ?= 60
BIN := .venv/bin
SERVES := .venv/.serves
MADE := .venv/.made
PEERS := .venv/.peers
FUZZ := .venv/.fuzz
SITE := .venv/.site
NODE := tests/journeys/node
JS := clients/js

# Compiled modules are kept: without them each process compiles all that it imports, and pytest all tests in each worker.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup demo test long hold pythons lowest audit check fix docs site fuzz bench autobahn grammar services node console asyncapi pages js

help: ## print these commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(MADE) ## make .venv, with walkwire and all that its tests need

demo: $(SERVES) ## serve the chat of examples/chat at port DEMO_PORT (8000); its database is in .demo/
	@mkdir -p .demo
	@exec $(BIN)/walkwire serve examples/chat --port $${DEMO_PORT:-8000} --database sqlite:///.demo/chat.db

test: $(MADE) ## run the tests in WORKERS (6) processes; ARGS="tests/wire -k hub" runs some of them
	$(BIN)/pytest -n $(WORKERS) --dist worksteal -m "not long" $(ARGS)

long: $(MADE) ## run the tests that kill and restart servers for minutes
	$(BIN)/pytest -n $(WORKERS) --dist worksteal -m long $(ARGS)

hold: $(MADE) ## measure for how long each input at its bound holds the event loop
	HOLD=1 $(BIN)/pytest tests/security/test_hold.py tests/security/test_hold_rest.py $(ARGS)

pythons: $(MADE) ## run the tests of what depends on the version of Python on the others that this machine has
	@.ci/pythons

lowest: $(MADE) ## run the fast part of the tests with the lowest versions of libraries that pyproject.toml allows
	@.ci/lowest

audit: $(MADE) ## compare dependencies with known advisories and licences; ONLINE=1 asks the service of PyPI, too
	@$(BIN)/python .ci/audit.py .venv/sbom.json
	@if [[ -n "$(ONLINE)" ]]; then .ci/audit-online; fi

check: $(MADE) ## lint, formatting, types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict

fix: $(MADE) ## mend what lint and formatting can mend by themselves
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: site ## build the documentation's site, run every example of README.md and docs/, and what a newcomer types
	$(BIN)/pytest tests/test_docs.py tests/test_troubleshooting.py tests/test_newcomer.py $(ARGS)

site: $(SITE) ## build the documentation's site into .site/html: any warning and any broken link is an error
	$(BIN)/python .ci/site.py

fuzz: $(FUZZ) ## fuzz every target for SECONDS (60), two at once; ARGS="frames jac" names some of them
	$(BIN)/python -m tests.fuzz $(ARGS) --seconds $(SECONDS)

bench: $(MADE) $(PEERS) bench/node_modules/.made ## measure, beside the peers; ARGS go to bench
	$(BIN)/python -m bench $(ARGS)

autobahn: $(MADE) ## run Autobahn|Testsuite (needs Python 2.7); ARGS="5.*" runs some of it
	$(BIN)/python -m tests.autobahn $(ARGS)

grammar: $(MADE) ## make the tables of Jac's grammar anew, from walkwire/jac/syntax/grammar.lark
	$(BIN)/python .ci/grammar.py

services: ## start PostgreSQL, Redis and NATS where they are not running
	@.ci/services

node: $(NODE)/node_modules/.made ## fetch what the tests need from npm

asyncapi: tests/asyncapi/node_modules/.made ## fetch the parser that validates /asyncapi.json in the tests

pages: $(MADE) ## fetch the scripts of /docs and /redoc from npm, in the versions that pages/docs.py names
	$(BIN)/python .ci/pages.py

console: console/node_modules/.made ## check the types of the console, and build it into walkwire/server/console/static
	cd console && npm run --silent types && npm run --silent build

js: $(JS)/node_modules/.made ## build clients/js and test it, check its size, its types and its package; copy it to the examples with a page
	cd $(JS) && npm run --silent build && npm run --silent test && npm run --silent size && npm run --silent lint
	@for kept in examples/*/*/walkwire.js; do sed '/^\/\/# sourceMappingURL/d' $(JS)/dist/index.js > $$kept; done

# The stamps make the second time quick: they are older than what they were made from only when that has changed.

$(SERVES): pyproject.toml
	@PYTHON=$(PYTHON) .ci/install --editable .
	@touch $@

$(MADE): pyproject.toml
	@PYTHON=$(PYTHON) .ci/install --editable '.[dev]' pip
	@touch $(SERVES) $@

$(FUZZ): $(MADE)
	@.ci/install --editable '.[fuzz]'
	@touch $@

$(SITE): $(MADE)
	@.ci/install --editable '.[docs]'
	@touch $@

$(NODE)/node_modules/.made: $(NODE)/package.json $(NODE)/package-lock.json
	cd $(NODE) && npm ci --no-audit --no-fund --omit-lockfile-registry-resolved=true
	@touch $@

tests/asyncapi/node_modules/.made: tests/asyncapi/package.json tests/asyncapi/package-lock.json
	cd tests/asyncapi && npm ci --ignore-scripts --no-audit --no-fund --omit-lockfile-registry-resolved=true
	@touch $@

console/node_modules/.made: console/package.json console/package-lock.json
	cd console && npm ci --no-audit --no-fund --omit-lockfile-registry-resolved=true
	@touch $@

$(JS)/node_modules/.made: $(JS)/package.json $(JS)/package-lock.json
	cd $(JS) && npm ci --no-audit --no-fund --omit-lockfile-registry-resolved=true
	@touch $@

# A peer that cannot be had is no reason not to measure the others: it is told of, and tried again the next time.

$(PEERS): $(MADE) bench/requirements.txt
	@touch $@; grep -v '^#' bench/requirements.txt | while read -r peer; do \
	    .ci/install "$$peer" \
	        || { echo "warning: $$peer cannot be installed, and will not be measured" >&2; rm -f $@; }; \
	done

bench/node_modules/.made: bench/package.json bench/package-lock.json
	@if (cd bench && npm ci --no-audit --no-fund --omit-lockfile-registry-resolved=true); then touch $@; \
	    else echo "warning: npm's peer cannot be installed, and will not be measured" >&2; fi
