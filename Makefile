# One command each; `make` lists them. Everything is installed into .venv, nothing outside it.
#
# PYTHON=/path/to/python3.12   the Python to build .venv with (default: the first that will do)
# VENV=folder                  another place for .venv, to keep two Pythons side by side
# ARGUMENTS="..."              handed on by `make test`, `make test-image` and `make bench`
# BASE=image                   what the images are built on (default: debian:bookworm-slim)
# BUILD_OPTIONS="..."          handed on to `docker build`, such as --network host
# WORKLOADS=folder             what `make bench` trains on (default: made records, build/workloads)
# SECONDS=number               how long `make fuzz` feeds each target (default: 60)
# KILLS=number                 how often `make test-faults` kills a training (default: 200)
# PEER="python script"         a program that `make bench` measures in turn with this one

PYTHON ?=
VENV ?= .venv
ARGUMENTS ?=
BASE ?=
DOCKER ?= docker
BUILD_OPTIONS ?=
WORKLOADS ?= build/workloads
PEER ?=
KILLS ?= 200
SECONDS ?= 60

python := $(VENV)/bin/python
pip := $(python) -m pip --disable-pip-version-check --no-input install --quiet
locked := $(pip) --require-hashes --no-deps
uv_version := 0.13.9

requirements_stamp := $(VENV)/.requirements-installed
runtime_stamp := $(VENV)/.project-installed
test_stamp := $(VENV)/.test-requirements-installed
fuzz_stamp := $(VENV)/.fuzz-requirements-installed
# Neither SageMaker SDK can share an environment with the other, or with this project.
sdk_stamps := build/sagemaker2/.installed build/sagemaker3/.installed

# A PYTHON that is named and is another version than the one in .venv makes .venv anew.
ifneq ($(strip $(PYTHON)),)
version_of = $(shell '$1' -c 'import sys; print(sys.version_info[:3])' 2>/dev/null || echo none)
ifneq ($(call version_of,$(PYTHON)),$(call version_of,$(python)))
other_python := python-changed
endif
endif

.DEFAULT_GOAL := help
.PHONY: help install demo test test-faults fuzz lint format docs bench image-base image-cpu image-gpu sdks test-image lock \
	clean python-changed

help: ## list the commands
	@sed -n 's/^\([a-z-]*\):.*## /\1|/p' Makefile | while IFS='|' read -r name text; do \
		printf '  make %-12s%s\n' "$$name" "$$text"; done

install: $(runtime_stamp) ## make .venv with the programs train, serve and object2vec

demo: $(runtime_stamp) ## train the shipped example and show what it learnt
	@$(python) examples/mammals/demo.py

# Tests start this project's programs hundreds of times: each module is compiled once.
test test-faults test-image: export PYTHONDONTWRITEBYTECODE =

test: $(test_stamp) ## run the tests
	@$(python) -m pytest --numprocesses auto --dist worksteal $(ARGUMENTS)

test-faults: $(test_stamp) ## kill, fill up and starve the programs (KILLS=200 kills of train)
	@OBJECT2VEC_TEST_KILLS=$(KILLS) $(python) -m pytest -m faults --numprocesses auto \
		--dist worksteal $(ARGUMENTS)

fuzz: $(fuzz_stamp) ## feed every reader made-up bytes (SECONDS=60 for each)
	@$(python) tests/fuzz/campaign.py --seconds $(SECONDS) $(ARGUMENTS)

lint: $(test_stamp) ## check style, format and types
	@$(python) -m ruff check .
	@$(python) -m ruff format --check .
	@$(python) -m mypy

format: $(test_stamp) ## put the code in the format that lint asks for
	@$(python) -m ruff check --fix .
	@$(python) -m ruff format .

docs: $(runtime_stamp) ## write the references in docs that are made from tables
	@$(python) -m object2vec.documentation docs
	@$(python) -m object2vec_container.documentation docs

bench: $(runtime_stamp) ## measure the speed of training; see benchmarks/training.py
	@test -d $(WORKLOADS) || $(python) benchmarks/workloads.py $(WORKLOADS)
	@$(python) benchmarks/training.py $(WORKLOADS) build/bench --peer "$(PEER)" $(ARGUMENTS)

image-base: ## make a base image where no registry is at hand; then build with BASE=object2vec-base:bookworm
	@docker/make_base

image-cpu: ## build the image object2vec:cpu
	@$(call build_image,cpu)

image-gpu: ## build the image object2vec:gpu
	@$(call build_image,gpu)

build_image = $(DOCKER) build $(BUILD_OPTIONS) $(if $(BASE),--build-arg BASE=$(BASE)) \
	--file Dockerfile.$1 --tag object2vec:$1 . && \
	$(DOCKER) image inspect --format "object2vec:$1: {{.Size}} bytes" object2vec:$1

sdks: $(sdk_stamps) ## make environments with the SageMaker SDKs, for examples/sagemaker

test-image: $(test_stamp) $(sdk_stamps) ## test the images on a real Docker engine (build them first)
	@$(python) -m pytest tests/image $(ARGUMENTS)

lock: ## lock the requirements of pyproject.toml anew (LOCK_OPTIONS=--upgrade takes newer ones)
	@python=$$(docker/check_machine.sh '$(PYTHON)') || { echo "$$python"; exit 1; }; \
		"$$python" -m venv build/lock && build/lock/bin/python -m pip install --quiet uv==$(uv_version)
	@$(call lock_group,--group build,requirements-build)
	@$(call lock_group,-c docker/requirements-build.txt pyproject.toml,requirements)
	@$(call lock_group,-c docker/requirements.txt --group test,requirements-test)
	@$(call lock_group,--group fuzz,requirements-fuzz)
	@$(call lock_group,--group sbom,requirements-sbom)
	@$(call lock_group,-c docker/requirements.txt --no-emit-package mxnet pyproject.toml docker/gpu.in,requirements-gpu)
	@$(call lock_group,docker/sagemaker2.in,requirements-sagemaker2)
	@$(call lock_group,docker/sagemaker3.in,requirements-sagemaker3)

# --universal: one file for both Pythons. --no-config: the locks depend on no one's own settings.
lock_group = build/lock/bin/uv pip compile --quiet --no-config --universal --python-version 3.11 \
	--generate-hashes --custom-compile-command "make lock" $(LOCK_OPTIONS) $1 -o docker/$2.txt

clean: ## remove what the other commands made
	rm -rf $(VENV) build .pytest_cache .mypy_cache .ruff_cache .hypothesis src/*.egg-info
	find src container tests examples -name __pycache__ -type d -prune -exec rm -rf {} +

# The check's line goes through $(error), so that it is the only line that make prints.
define check_machine
$(eval found := $(shell docker/check_machine.sh '$(PYTHON)'))
$(if $(filter 0,$(.SHELLSTATUS)),,$(error $(found)))
endef

# GluonNLP is a source release: Cython and setuptools first, then a build with them (and not in a
# build environment of its own, which would take the newest of both). pip keeps the built wheel in
# its cache, so the next .venv on this machine gets it from there.
$(requirements_stamp): docker/requirements-build.txt docker/requirements.txt $(other_python)
	$(check_machine)
	@echo "installing into $(VENV) with $(found): about 110 MB to download, then a minute at most"
	@$(found) -m venv --clear $(VENV)
	@$(locked) -r docker/requirements-build.txt
	@$(locked) --no-build-isolation -r docker/requirements.txt
	@touch $@

# setuptools warns that an editable install is editable; that is what is wanted.
$(runtime_stamp): $(requirements_stamp) pyproject.toml src/object2vec/__init__.py
	@PYTHONWARNINGS=ignore $(pip) --no-deps --no-build-isolation --editable .
	@touch $@

$(test_stamp): $(runtime_stamp) docker/requirements-test.txt
	@$(locked) -r docker/requirements-test.txt
	@touch $@

$(fuzz_stamp): $(runtime_stamp) docker/requirements-fuzz.txt
	@$(locked) -r docker/requirements-fuzz.txt
	@touch $@

build/sagemaker%/.installed: docker/requirements-sagemaker%.txt | $(requirements_stamp)
	@echo "installing version $* of the SageMaker SDK into $(@D): up to 300 MB to download"
	@$(python) -m venv --clear $(@D)
	@$(@D)/bin/python -m pip --disable-pip-version-check --no-input install --quiet \
		--require-hashes --no-deps -r $<
	@touch $@
