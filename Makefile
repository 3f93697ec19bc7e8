# One-line verbs. `make run` and `make test` install what they need: Python packages into .venv from hashed locks, system
# packages through apt when root.
.DELETE_ON_ERROR:
.PHONY: run test test-all lab bench lint docs revision lock clean help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMPS := .make
ARGS ?=

help:
	@sed -n 's/^## //p' $(MAKEFILE_LIST)

## make run       the server with this machine's connections; ARGS="--port 9000" for options
run: $(STAMPS)/runtime
	@tools/need nft:nftables
	@exec $(BIN)/meshtrail up $(ARGS)

## make test      the tests, within 15 minutes
test: $(STAMPS)/dev
	@tools/need nft:nftables ip:iproute2 tcpdump:tcpdump chromium:chromium postgres:postgresql
	@tools/need_npm tests/e2e/oidc build/oidc
	@$(BIN)/python tools/run_tests.py -m "not slow" $(ARGS)

## make test-all  the slow tests too
test-all: $(STAMPS)/dev
	@tools/need nft:nftables ip:iproute2 tcpdump:tcpdump chromium:chromium postgres:postgresql
	@tools/need_npm tests/e2e/oidc build/oidc
	@$(BIN)/python tools/run_tests.py $(ARGS)

## make lab       a private network of namespaces with agents, policies and traffic, and the dashboard over it; ARGS=--once
lab: $(STAMPS)/runtime
	@tools/need nft:nftables ip:iproute2 tcpdump:tcpdump
	@exec $(BIN)/python -m lab $(ARGS)

## make bench     the benchmarks; ONLY=name for one line
bench: $(STAMPS)/dev
	@tools/need nft:nftables ip:iproute2 conntrack:conntrack chromium:chromium
	@$(BIN)/python -m bench $(if $(ONLY),--only $(ONLY))

## make lint      format, lint, types
lint: $(STAMPS)/dev
	@$(BIN)/ruff format --check src tests bench lab tools
	@$(BIN)/ruff check src tests bench lab tools
	@$(BIN)/mypy

## make docs      write the generated reference pages
docs: $(STAMPS)/dev
	@$(BIN)/python tools/write_reference.py

## make revision  the next revision of the control store's tables; NAME="peers have colours"
revision: $(STAMPS)/dev
	@$(BIN)/python tools/new_revision.py "$(NAME)"

lock:
	@for name in runtime dev; do $(BIN)/pip-compile -q --generate-hashes --strip-extras --allow-unsafe --no-emit-index-url \
	  --no-emit-trusted-host --no-emit-find-links --no-header --no-annotate requirements/$$name.in -o requirements/$$name.txt; done

clean:
	rm -rf $(VENV) $(STAMPS) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis bench/results

$(BIN)/python:
	@tools/need_python $(PYTHON)
	@$(PYTHON) -m venv $(VENV)

$(STAMPS)/runtime: requirements/runtime.txt pyproject.toml | $(BIN)/python
	@echo "installing Python packages …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/runtime.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/dev: requirements/dev.txt $(STAMPS)/runtime
	@echo "installing Python packages for tests …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@touch $@
