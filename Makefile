# `make` alone lists the commands. On first use they install everything they need inside this folder.
# Variables (PORT_OFFSET, PLAID_*, WEBHOOK_URL, DEMO_*) are explained in docs/commands.md.

.DEFAULT_GOAL := help
.PHONY: help setup setup-web setup-tests types demo dev plaid test test-fast simulate soak check audit bench train-detector deploy destroy status ops adopt trace docs lock clean

# The setup runs under any Python 3.9 or newer and finds a supported one itself. Every folder of the PATH counts, because
# the first python3 can be a shim of pyenv whose version is not installed. The first use of the variable looks for it.
SYSTEM_PYTHON = $(eval SYSTEM_PYTHON := $(shell IFS=:; for folder in $$PATH; do for name in python3 python3.13 python3.12 python3.11 python; do \
	"$$folder/$$name" -c 'import sys; sys.exit(sys.version_info < (3, 9))' 2>/dev/null && echo "$$folder/$$name" && exit; done; done))$(SYSTEM_PYTHON)
SETUP = $(if $(SYSTEM_PYTHON),"$(SYSTEM_PYTHON)" -m emulators.setup,echo "setup: install Python 3.13: https://www.python.org" >&2; exit 1;)
PYTHON := venv/bin/python
# pytest recompiles every test in every worker unless it can keep the compiled files.
PYTEST := PYTHONDONTWRITEBYTECODE= $(PYTHON) -m pytest
# One list of pins for all supported Python versions, of which 3.11 is the oldest. Dependabot repeats the command that
# uv writes into the header.
UV := UV_CACHE_DIR=.local/cache/uv venv/bin/uv pip compile -q --generate-hashes --universal --fork-strategy=fewest --python-version=3.11

# The tools of `make audit` have an environment of their own, so that nothing else needs their packages.
AUDIT := .local/audit

# The maximum length of Python files in these folders, so that a reader can read each file as a whole.
SMALL_FILES := main.py shared functions operations deploy
MAX_LINES := 300

# npm and its tools write to the home folder by default; these variables redirect them.
INSIDE := npm_config_cache="$(CURDIR)/.local/cache/npm" npm_config_update_notifier=false XDG_CACHE_HOME="$(CURDIR)/.local/cache"

help: ## list the commands
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | while IFS='	' read -r name what; do printf '  make %-14s %s\n' "$$name" "$$what"; done

setup:
	@$(SETUP)

setup-web:
	@$(SETUP) --web

setup-tests:
	@$(SETUP) --tests

demo: setup ## connect a bank on the local stack and show its data
	@$(PYTHON) -m emulators.demo

dev: setup-web ## run the local stack with the web app, until Ctrl-C
	@$(PYTHON) -m emulators.dev

plaid: setup ## run only the Plaid simulator, until Ctrl-C
	@$(PYTHON) -m emulators.dev --only-plaid

test: setup-tests ## run every test
	@$(PYTEST) -n 3 --durations 20

test-fast: setup-tests ## run every test that needs no emulator
	@$(PYTEST) -n 3 -m "not emulator"

simulate: setup-tests ## simulate years of use: YEARS=<n> SEED=<s>, or SCENARIO=<file> to replay one
	@$(PYTHON) -m tests.simulation $(if $(SCENARIO),--scenario "$(SCENARIO)",--years $(or $(YEARS),20) --seed $(or $(SEED),1))

check: setup-web ## packages, lint, format, complexity, file sizes, strict types, architecture rules, prose
	@$(PYTHON) -m pip check
	@venv/bin/ruff check .
	@venv/bin/ruff format --check .
	@find $(SMALL_FILES) -name '*.py' -exec wc -l {} + | awk '$$2 != "total" && $$1 > $(MAX_LINES) { \
		print $$2 ": " $$1 " lines, at most $(MAX_LINES) are allowed: split it by subject"; bad = 1 } END { exit bad }'
	@venv/bin/mypy
	@$(PYTHON) -m web.generate_types --check
	@$(INSIDE) npm --prefix web run --silent check
	@$(PYTHON) -m docs.prose
	@if grep -q '^\[tool.importlinter\]' pyproject.toml; then venv/bin/lint-imports; fi

audit: setup-web ## list what is deployed (.local/sbom), and known vulnerabilities in it
	@venv/bin/uv venv -q --clear $(AUDIT)
	@VIRTUAL_ENV=$(AUDIT) UV_CACHE_DIR=.local/cache/uv venv/bin/uv pip sync -q --require-hashes requirements-audit.txt
	@mkdir -p .local/sbom
	@$(AUDIT)/bin/cyclonedx-py requirements --pyproject pyproject.toml -o .local/sbom/functions.cdx.json requirements.txt
	@$(INSIDE) npm --prefix web sbom --omit dev --sbom-format cyclonedx > .local/sbom/web.cdx.json
	@$(AUDIT)/bin/pip-audit --strict --progress-spinner off --disable-pip --require-hashes -r requirements.txt; found=$$?; \
		$(INSIDE) npm --prefix web audit --audit=true --omit dev; exit $$((found || $$?))

soak: setup-tests ## run the long test campaigns in full
	@SOAK=1 $(PYTEST) tests/soak tests/functions/test_fuzz.py \
		tests/web/test_large_history.py tests/web/test_screens.py --timeout 7200 \
		--ignore tests/soak/test_restore.py
	@SOAK=1 $(PYTEST) tests/soak/test_restore.py --timeout 600
	@SOAK=1 $(PYTEST) tests/adopted --timeout 600
	@$(MAKE) --no-print-directory simulate YEARS=1000 SEED=$(or $(SEED),$$($(PYTHON) -c 'import secrets; print(10_000 + secrets.randbelow(10**8))'))
	@$(PYTHON) -m tests.simulation.mutations

bench: setup ## compare the cost with simpler implementations; BENCH="--quick" or "--rows a,b"
	@$(PYTHON) -m benchmarks $(BENCH)

train-detector: setup ## train the learned outage detector: SEED=<s>
	@$(PYTHON) -m benchmarks.train_detector --seed $(or $(SEED),1)

deploy: setup-web ## deploy to a project: make deploy PROJECT=<id>; DRY_RUN=1 only prints the commands
	@$(PYTHON) -m deploy up --project "$(PROJECT)"$(if $(APP), --app "$(APP)")

destroy: setup ## remove the backend from PROJECT=<id>; asks for confirmation
	@$(PYTHON) -m deploy destroy --project "$(PROJECT)"

status: setup ## show the health of all connections: of PROJECT=<id>, or locally with LOCAL=1
	@$(if $(LOCAL),,GOOGLE_CLOUD_PROJECT="$(PROJECT)") $(PYTHON) -m operations $(if $(LOCAL),--local )status

ops: setup ## run an operator command: make ops ARGS="--local rotate --all"; ARGS=--help lists them
	@$(PYTHON) -m operations $(ARGS)

docs: setup ## generate the error, event and API reference in docs/
	@$(PYTHON) -m docs.errors
	@$(PYTHON) -m docs.events
	@$(PYTHON) -m docs.openapi

adopt: setup ## add this backend to an app: make adopt APP=<folder>; PROJECT=<id> adds its settings
	@$(PYTHON) -m deploy.adopt --app "$(APP)"$(if $(PROJECT), --project "$(PROJECT)")

trace: setup ## show the log of a call: make trace ID=<X-Request-Id or other id>; PROJECT=<id> reads Cloud Logging
	@$(if $(PROJECT),GOOGLE_CLOUD_PROJECT="$(PROJECT)" )$(PYTHON) -m operations.trace $(if $(PROJECT),,--local) "$(ID)"

types: setup ## generate the web app's types from the models
	@$(PYTHON) -m web.generate_types

lock: setup ## update the pinned dependencies
	@$(UV) -o requirements.txt requirements.in
	@$(UV) -o requirements-dev.txt requirements-dev.in
	@$(UV) -o requirements-audit.txt requirements-audit.in

clean: ## remove everything that the setup created
	@rm -rf venv emulators/node_modules tests/js/node_modules web/node_modules web/dist .local .secret.local .env.local firebase.*.local.json
