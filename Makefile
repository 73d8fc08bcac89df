# `make` alone lists the commands. Everything they need is installed inside this folder, on first use.
# Variables (PORT_OFFSET, PLAID_*, WEBHOOK_URL, DEMO_*) are explained in README.md.

.DEFAULT_GOAL := help
.PHONY: help setup setup-web setup-tests types demo dev plaid test test-fast soak check bench deploy destroy status ops adopt trace docs lock clean

# The set-up runs under any python3 and looks for 3.11 itself; a python3.11 that is only a shim may not start.
SYSTEM_PYTHON := $(shell for p in python3.11 python3 python; do $$p -c 'import sys; sys.exit(sys.version_info < (3, 9))' 2>/dev/null && echo $$p && break; done)
PYTHON := venv/bin/python
# pytest compiles every test in every worker, unless the compiled files may be kept.
PYTEST := PYTHONDONTWRITEBYTECODE= $(PYTHON) -m pytest
UV := UV_CACHE_DIR=.local/cache/uv venv/bin/uv pip compile -q --generate-hashes --python-version 3.11 --no-header

# In these folders no Python file is longer: a reader finds a file by its name, and reads it whole.
SMALL_FILES := main.py shared functions operations deploy
MAX_LINES := 300

# npm and its tools write into the home folder, unless they are told where else.
INSIDE := npm_config_cache="$(CURDIR)/.local/cache/npm" npm_config_update_notifier=false XDG_CACHE_HOME="$(CURDIR)/.local/cache"

help: ## list the commands
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | while IFS='	' read -r name what; do printf '  make %-9s %s\n' "$$name" "$$what"; done

setup:
	@if [ -z "$(SYSTEM_PYTHON)" ]; then echo "set-up: Python 3.11 is needed; install it from https://www.python.org." >&2; exit 1; fi
	@$(SYSTEM_PYTHON) emulators/setup.py

setup-web:
	@if [ -z "$(SYSTEM_PYTHON)" ]; then echo "set-up: Python 3.11 is needed; install it from https://www.python.org." >&2; exit 1; fi
	@$(SYSTEM_PYTHON) emulators/setup.py --web

setup-tests:
	@if [ -z "$(SYSTEM_PYTHON)" ]; then echo "set-up: Python 3.11 is needed; install it from https://www.python.org." >&2; exit 1; fi
	@$(SYSTEM_PYTHON) emulators/setup.py --tests

demo: setup ## connect a bank on the local stack and show what arrives
	@$(PYTHON) -m emulators.demo

dev: setup-web ## the local stack with the web app, until Ctrl-C
	@$(PYTHON) -m emulators.dev

plaid: setup ## the Plaid simulator alone until Ctrl-C
	@$(PYTHON) -m emulators.dev --only-plaid

test: setup-tests ## every test
	@$(PYTEST) -n 4 --durations 20

test-fast: setup-tests ## every test that needs no emulator
	@$(PYTEST) -n 3 -m "not emulator"

check: setup-web ## lint, format, complexity, file sizes, strict types, architecture rules, prose
	@venv/bin/ruff check .
	@venv/bin/ruff format --check .
	@find $(SMALL_FILES) -name '*.py' -exec wc -l {} + | awk '$$2 != "total" && $$1 > $(MAX_LINES) { \
		print $$2 ": " $$1 " lines, at most $(MAX_LINES) are allowed: split it by subject"; bad = 1 } END { exit bad }'
	@venv/bin/mypy
	@$(PYTHON) -m web.generate_types --check
	@$(INSIDE) npm --prefix web run --silent check
	@$(PYTHON) -m docs.prose
	@if grep -q '^\[tool.importlinter\]' pyproject.toml; then venv/bin/lint-imports; fi

soak: setup-tests ## the long campaigns in full
	@SOAK=1 $(PYTEST) tests/soak tests/functions/test_fuzz.py tests/usecases/test_any_history.py \
		tests/web/test_large_history.py --timeout 7200 \
		--ignore tests/soak/test_restore.py
	@SOAK=1 $(PYTEST) tests/soak/test_restore.py --timeout 600
	@SOAK=1 $(PYTEST) tests/adopted --timeout 600

bench: setup ## what it costs beside what people would write instead; BENCH="--quick", "--rows a,b"
	@$(PYTHON) -m benchmarks $(BENCH)

deploy: setup-web ## to a real project: make deploy PROJECT=<id>; with DRY_RUN=1 it shows everything and calls nothing
	@$(PYTHON) -m deploy up --project "$(PROJECT)"$(if $(APP), --app "$(APP)")

destroy: setup ## take it out of a real project again; asks first
	@$(PYTHON) -m deploy destroy --project "$(PROJECT)"

status: setup ## how all connections are: of PROJECT=<id>, or with LOCAL=1 of the running local stack
	@$(if $(LOCAL),,GOOGLE_CLOUD_PROJECT="$(PROJECT)") $(PYTHON) -m operations $(if $(LOCAL),--local )status

ops: setup ## an operator's command: make ops ARGS="--local rotate --all"; ARGS=--help lists them
	@$(PYTHON) -m operations $(ARGS)

docs: setup ## write what is generated in docs/
	@$(PYTHON) -m docs.errors
	@$(PYTHON) -m docs.events
	@$(PYTHON) -m docs.openapi

adopt: setup ## add this backend to an app: make adopt APP=<folder>; with PROJECT=<id> its settings, too; docs/adopt.md
	@$(PYTHON) -m deploy.adopt --app "$(APP)"$(if $(PROJECT), --project "$(PROJECT)")

trace: setup ## the whole story of a call: make trace ID=<X-Request-Id, or any id>; with PROJECT=<id>, in Cloud Logging
	@$(if $(PROJECT),GOOGLE_CLOUD_PROJECT="$(PROJECT)" )$(PYTHON) -m operations.trace $(if $(PROJECT),,--local) "$(ID)"

types: setup ## the web app's types, from the models
	@$(PYTHON) -m web.generate_types

lock: setup ## pin the dependencies anew
	@$(UV) -o requirements.txt requirements.in
	@$(UV) -o requirements-dev.txt requirements-dev.in

clean: ## remove everything the set-up made
	@rm -rf venv emulators/node_modules tests/js/node_modules web/node_modules web/dist .local .secret.local .env.local firebase.*.local.json
