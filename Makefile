# Two commands on a fresh machine:
#   make demo   a virtual environment, the quickstart on the bundled model, where its report is
#   make test   the same environment, the tests
# PYTHON names the interpreter (3.11 to 3.13), VENV the folder of the environment.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# On Linux the pinned torch is a CUDA build unless pip is given the CPU index:
#   make demo PIP_ARGS="--extra-index-url https://download.pytorch.org/whl/cpu"
PIP_ARGS ?=

export OMP_NUM_THREADS ?= 1
export TOKENIZERS_PARALLELISM = false

.PHONY: demo test test-full lint venv selftest benchmarks clean

demo: venv
	$(BIN)/evalharness run demo
	@echo "Open the report named above in a browser."

test: venv
	$(BIN)/pytest -q -m "not full" -n auto --dist loadfile $(PYTEST_ARGS)

test-full: venv
	$(BIN)/pytest -q -m full $(PYTEST_ARGS)

lint: venv
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

selftest: venv
	$(BIN)/evalharness selftest

# A quick size; benchmarks/README.md has the real ones.
benchmarks: venv
	$(BIN)/python benchmarks/startup.py
	$(BIN)/python benchmarks/engine.py --samples 2000
	$(BIN)/python benchmarks/remote.py --samples 2000 --faults
	$(BIN)/python benchmarks/remote.py --samples 2000 --kill
	$(BIN)/python benchmarks/remote.py --scaling --sizes 1000 5000
	$(BIN)/python benchmarks/remote.py --memory 50000
	$(BIN)/python benchmarks/compare.py --runs 4 --samples 20000 --rank
	$(BIN)/python benchmarks/library.py --runs 8 --samples 20000

venv: $(VENV)/.installed

# Every Eval Ever's own validator lies in a folder of its own: as a dependency it would ask for Python
# 3.12 and an older huggingface_hub. It runs on ours as it is, and tests give it our exports.
$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(PIP_ARGS) -c constraints.txt -e '.[dev]'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(PIP_ARGS) --no-deps \
	  --ignore-requires-python --upgrade --target $(VENV)/receivers every-eval-ever==0.3.0
	@touch $@

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
