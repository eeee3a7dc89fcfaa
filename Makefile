# A fresh machine needs Python 3.11 or newer and make; set-up runs once and needs a package registry.
#
#   make demo    the whole story on the embedded example        make check  format, lint, types, layers, docs
#   make test    the tests                                      make docs   renew the generated pages in docs/
#   make bench   the benchmarks                                 make clean  remove everything that make has made
#   make accuracy  renew the figures in docs/accuracy.md; accuracy-check compares them with what is measured
#   make bench-train   the trainer beside TRL, which it installs in an environment of its own, .venv-trl
#   make interop   exports and recipes read by Axolotl, LLaMA-Factory and SkyPilot, in environments of their own
#
# The demo, the tests and the benchmarks install torch, which is hundreds of megabytes, and gigabytes where pip chooses a
# build for CUDA: make test TORCH_INDEX=https://download.pytorch.org/whl/cpu takes the build for processors.

.DEFAULT_GOAL := help
.PHONY: help setup demo test check docs accuracy accuracy-check bench bench-train interop clean

# The first interpreter that is new enough; `make PYTHON=/path/to/python` overrides it.
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11 python; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo $$python && break; done)
BIN := .venv/bin
STAMP := .venv/.set-up
TRAINING := .venv/.set-up-training
TORCH_INDEX ?=

help:
	@sed -n 's/^#   //p' Makefile

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $(STAMP)

# torch first and by itself: pinned, an unpinned one moves to whatever build is newest.
$(TRAINING): $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) \
		"$$(grep '^torch==' constraints.txt)"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt \
		-e '.[dev,train,openai,energy,search,tensorboard,interop]'
	@touch $(TRAINING)

# What the example is judged to be (PASS, FAIL or undecided: 0, 1, 3) is its story, and no failure of the demo.
demo: $(TRAINING)
	@$(BIN)/audit demo audit-demo || { code=$$?; test $$code -eq 1 || test $$code -eq 3; }

test: $(TRAINING)
	$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

check: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python docs/generate.py --check

docs: $(STAMP)
	$(BIN)/python docs/generate.py

accuracy: $(STAMP)
	$(BIN)/python -m benchmarks.accuracy

accuracy-check: $(STAMP)
	$(BIN)/python -m benchmarks.accuracy --check

bench: $(TRAINING)
	$(BIN)/python -m benchmarks

bench-train: $(TRAINING)
	$(BIN)/python -m benchmarks.training

# torch first, so that no build for CUDA is taken; the packages themselves without what they want for GPUs, and then what
# their parsers need. The files name the versions that the exports were read with.
.venv-%/.set-up: tests/interop/%.txt
	test -x .venv-$*/bin/python || $(PYTHON) -m venv .venv-$*
	if grep -q '^torch==' $<; then .venv-$*/bin/python -m pip install --quiet --disable-pip-version-check \
		$(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) "$$(grep '^torch==' $<)"; fi
	.venv-$*/bin/python -m pip install --quiet --disable-pip-version-check --no-deps "$$(sed -n 's/^# package: //p' $<)"
	.venv-$*/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

interop: $(TRAINING) .venv-axolotl/.set-up .venv-llama-factory/.set-up .venv-skypilot/.set-up
	AUDIT_AXOLOTL_PYTHON=.venv-axolotl/bin/python AUDIT_LLAMA_FACTORY_PYTHON=.venv-llama-factory/bin/python \
		AUDIT_SKYPILOT_PYTHON=.venv-skypilot/bin/python \
		$(BIN)/python -m pytest tests/train/test_exporting_trainers.py tests/test_cloud_examples.py -rs

clean:
	rm -rf .venv .venv-trl .venv-axolotl .venv-llama-factory .venv-skypilot build dist audit-demo .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache *.egg-info
	rm -rf .coverage htmlcov
	find audit rules reports train tests docs examples benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
