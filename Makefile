# Two commands for a newcomer: `make run` and `make test`. Everything else is for people who change the code.
PY ?= python3
V := .venv
WORKERS ?= 3  # most tests wait for something; more than this and those with deadlines wait for a processor

.DEFAULT_GOAL := help
.PHONY: help run test check lint fmt openapi bench clean

help:  ## show this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

$(V)/.run: requirements-run.lock
	@$(PY) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Common Ground needs Python 3.11 or newer; '$(PY)' is older. Set PY=python3.12, say."; exit 1; }
	@$(PY) -c 'import venv, ensurepip' 2>/dev/null || { echo "Python's venv module is missing. On Debian or Ubuntu: apt install python3-venv"; exit 1; }
	$(PY) -m venv $(V)
	$(V)/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements-run.lock
	@echo "$(CURDIR)" > "$$($(V)/bin/python -c 'import sysconfig;print(sysconfig.get_path("purelib"))')/_commonground.pth"
	@printf '#!%s\nimport sys\nfrom services.cli import main\nsys.exit(main())\n' "$(CURDIR)/$(V)/bin/python" > $(V)/bin/commonground
	@chmod +x $(V)/bin/commonground
	@touch $@

$(V)/.ok: $(V)/.run requirements.lock
	@# --no-compile: of the tools for tests Python compiles what it imports; all of them would take ten seconds more
	$(V)/bin/python -m pip install -q --disable-pip-version-check --no-compile --require-hashes -r requirements.lock
	@touch $@

run: $(V)/.run  ## set up, start everything, prove it, stay up (ONCE=1: stop after the proof)
	@exec $(V)/bin/python -m services.cli up $(if $(ONCE),--once) $(ARGS)

test: $(V)/.ok  ## the whole test suite on a throw-away PostgreSQL (ARGS="tests/unit -x": a part of it)
	$(V)/bin/python -m pytest -q -n $(WORKERS) $(ARGS)

check: $(V)/.ok  ## what CI runs
	.ci/run

lint: $(V)/.ok  ## ruff, mypy, import-linter
	$(V)/bin/ruff check .
	$(V)/bin/ruff format --check .
	$(V)/bin/mypy --strict
	$(V)/bin/lint-imports

fmt: $(V)/.ok  ## format, and mend what ruff can mend
	$(V)/bin/ruff check --fix-only -q .
	$(V)/bin/ruff format -q .

openapi: $(V)/.ok  ## write the OpenAPI files, to be committed
	$(V)/bin/python -m services.cli openapi

bench: $(V)/.ok  ## chains per second beside a floor of bare commits
	$(V)/bin/python -m tests.bench.chain $(ARGS)

clean:  ## remove what was built and stored here, the trial database included
	rm -rf $(V) .commonground .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
