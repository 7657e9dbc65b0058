# All that a developer starts. `make` alone lists it.
SHELL := /bin/bash
CACHE := $(HOME)/.cache/mediamesh
# make test UV_PYTHON=3.13 uses an environment of its own
export UV_PYTHON ?= 3.11
export UV_PYTHON_DOWNLOADS := never
VENV := $(CURDIR)/.venv$(if $(filter 3.11,$(UV_PYTHON)),,-$(notdir $(UV_PYTHON)))
export UV_PROJECT_ENVIRONMENT := $(VENV)
export PATH := $(VENV)/bin:$(PATH)
# hundreds of processes would each compile all that they import
unexport PYTHONDONTWRITEBYTECODE

SYNCED := $(VENV)/.synced
INPUTS := pyproject.toml uv.lock $(wildcard */pyproject.toml) \
          $(shell find cython_ext/meson.build cython_ext/src -type f -not -name '*.pyc')
CHECKS := check-format check-lint check-types check-stubs check-imports check-generated
ONLY ?=
LONG ?= $(MEDIAMESH_LONG)
ARGS ?=
BACKEND ?= local
# end-to-end tests wait more than they work; files are given out in the order of their names
TWO_CLUSTERS := -n 2 --dist loadfile --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: help demo test e2e images check bench asan generate format setup clean $(CHECKS)

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' Makefile

demo: $(SYNCED) ## real video to five sinks, in the browser too; CHECK=1: headless, 10 s, fails if a frame is lost
	@python -m mediamesh_agent.demo $(if $(CHECK),--check)

test: $(SYNCED) ## all tests; ARGS="sdk/tests -k pool": only these; LONG=1: crowds, storms and hand-overs in full
	@.ci/apt dpdk-dev librte-net-memif23 chromium ffmpeg || true
	@MEDIAMESH_LONG=$(LONG) python -m pytest -q $(or $(ARGS),-n 3 --dist loadfile)
	@$(if $(ARGS),,$(MAKE) --no-print-directory asan)

check: $(SYNCED) ## format, lint, types, stubs, imports, generated files
	@$(MAKE) --no-print-directory -k -j2 -Oline $(CHECKS)

bench: $(SYNCED) ## all benchmarks in one table; ONLY=name: one of them
	@python -m bench $(ONLY)

e2e: $(SYNCED) ## the scenarios on a real Kubernetes of this machine's own; as root. BACKEND=kind, existing; ARGS="-k token"
	@$(if $(filter local,$(BACKEND)),python -m mediamesh_e2e.cluster build)
	@BACKEND=$(BACKEND) MEDIAMESH_LONG=$(LONG) python -m pytest -q --timeout=600 -o testpaths=e2e/tests $(or $(ARGS),$(if $(filter local,$(BACKEND)),$(TWO_CLUSTERS)))

images: ## the images that the chart names. REGISTRY=, TAG=, ENGINE=docker, podman, buildah, OPTIONS= of its build
	@REGISTRY="$(REGISTRY)" TAG="$(TAG)" ENGINE="$(ENGINE)" OPTIONS="$(OPTIONS)" .ci/images

asan: $(SYNCED) ## the native tests under AddressSanitizer
	@.ci/step asan .ci/asan

generate: $(SYNCED) ## message classes and reference pages, from what they tell of
	@.ci/generate

format: $(SYNCED) ## format the code and mend what ruff can
	@ruff check -q --fix-only . && ruff format -q .

setup: $(SYNCED) ## the virtual environment; everything above does it by itself

clean: ## remove all that make has made
	@rm -rf .venv .venv-* build dist bench/results cython_ext/build $(CACHE)
	@find . -name __pycache__ -prune -exec rm -rf {} +

$(SYNCED): $(INPUTS)
	@.ci/setup
	@touch $@

check-format:
	@.ci/step format ruff format -q --check .
check-lint:
	@.ci/step lint ruff check -q .
check-types:
	@.ci/step types .ci/types
check-stubs:
	@.ci/step stubs .ci/stubs
check-imports:
	@.ci/step imports lint-imports --no-logo --cache-dir $(CACHE)/import-linter
check-generated:
	@.ci/step generated .ci/generate --check
