# One command for each habit; `make` alone lists them. Every target does its own set-up, and only what is out of date.
PYTHON ?= python3
BIN := .venv/bin
RUN := .venv/ready-to-run
DEV := .venv/ready-to-test
NODE := node_modules/ready
ASSETS := static/vendor/manifest.json

MAKEFLAGS += --no-print-directory
.PHONY: help run test e2e model soak bench setup assets lint vectors fuzz mutants
.DEFAULT_GOAL := help

help: ## this list
	@echo "ClawChat. What make can do here:"
	@sed -n 's/^\([a-z0-9]*\):.*## \(.*\)/  make \1|\2/p' Makefile | while IFS='|' read -r name text; do printf '%-16s %s\n' "$$name" "$$text"; done

run: $(RUN) $(ASSETS) ## set up what is missing, then start the server; Ctrl-C stops it
	@exec $(BIN)/python manage.py runclawchat --welcome

test: $(DEV) $(ASSETS) lint ## lint, units, vectors, properties, house rules, JavaScript, two browsers
	@scripts/test_tools.sh chromium libnss3-tools
	@echo "== JavaScript tests"
	@NODE_NO_WARNINGS=1 node --test --test-concurrency=4 --test-reporter=./scripts/test_reporter.mjs $$(find tests/js -name '*.test.js')
	@echo "== Python tests"
	@$(BIN)/pytest -q -n auto --dist loadfile -m "not e2e"

e2e: $(DEV) $(ASSETS) ## the tests that need browsers, Redis, PostgreSQL or a network of their own
	@scripts/test_tools.sh chromium redis-server postgresql iproute2 nftables miniupnpd nmap libnss3-tools openssl faketime spin gcc
	@$(BIN)/pytest -q -n 3 --dist loadfile -m "e2e and not paired and not alone"
	@$(BIN)/pytest -q -n 2 --dist loadfile -m "e2e and paired"
	@$(BIN)/pytest -q -m "e2e and alone"

soak: $(DEV) $(ASSETS) ## 100 Python clients and two browsers through 50 moves, with ports taken and SIGKILLs; a day and a gigabyte through one session (11 minutes)
	@scripts/test_tools.sh chromium
	@$(BIN)/python -m tests.soak
	@$(BIN)/python -m tests.soak.session

bench: $(DEV) $(ASSETS) ## what sessions, moving, rooms, publishing, finding, a first visit and the console cost on this machine, and what our timing tells (14 minutes)
	@scripts/test_tools.sh chromium
	@$(BIN)/python -m tests.bench

model: $(DEV) ## the model of the moving port, searched by spin, and mistakes in it that must be found
	@scripts/test_tools.sh spin gcc
	@$(BIN)/python -m tests.model.check

setup: $(DEV) $(ASSETS) ## prepare everything that running and testing need
	@scripts/test_tools.sh chromium redis-server postgresql iproute2 nftables miniupnpd nmap libnss3-tools openssl faketime spin gcc
	@echo "Ready: make run, make test."

assets: $(ASSETS) ## pack the browser libraries into static/vendor/
	@:

lint: $(DEV) ## ruff (rules and format) and mypy
	@echo "== Lint"
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check . || { echo "Some files are not in the house format; write it with: $(BIN)/ruff format ."; exit 1; }
	@$(BIN)/mypy

vectors: $(RUN) $(ASSETS) ## run a vector file in Python and in JavaScript: make vectors FILE=path
	@scripts/vectors.sh "$(FILE)"

fuzz: $(DEV) ## feed every parser with what finds new paths in it: make fuzz SECONDS=60 (600 seconds, all parsers together)
	@nice -n 15 $(BIN)/python -m tests.protocol.fuzz $(or $(SECONDS),600)

mutants: $(DEV) ## break mls or protocol on purpose, list what their tests let pass: make mutants PACKAGE=protocol FILE=frame (all: an hour)
	@ulimit -v 4194304; MLS_VECTORS="$${MLS_VECTORS:-$(abspath ../shared/vectors/mls)}" \
		nice -n 15 $(BIN)/python scripts/mutants.py "$(or $(PACKAGE),mls)" "$(or $(FILE),*)"
	@$(BIN)/mutmut results | grep "clawchat.$(or $(PACKAGE),mls)\." | grep -v "not checked" || echo "No mutant lives."

$(RUN): requirements.txt scripts/venv.sh
	@PYTHON="$(PYTHON)" scripts/venv.sh requirements.txt
	@touch $@

$(DEV): $(RUN) requirements-dev.txt
	@PYTHON="$(PYTHON)" scripts/venv.sh requirements-dev.txt
	@touch $@

$(NODE): package.json package-lock.json scripts/npm.sh
	@scripts/npm.sh
	@touch $@

$(ASSETS): $(NODE) scripts/assets.mjs
	@echo "Packing the browser libraries."
	@node scripts/assets.mjs > /dev/null
