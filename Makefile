# make demo    a small study on generated images
# make study   the real study. DATA=path/or/address: a copy of CIFAR-10; CONFIG=file.yaml: settings
#              laid over config.yaml; GPUS=n: n runs train at the same time; TARGET=bands, probe,
#              mechanism, network, figures, bench, report or report_page: only this
# make bench   how fast this machine trains, and what measuring costs; DATA, CONFIG as above
# make recover after a kill -9 or a power cut: unlocks the folder, then make study with the same
#              settings (AGAIN=demo: make demo)
# make adopt   after copying results from elsewhere: checks data and runs by content without training
#              them again, then make study with the same settings (AGAIN=demo: make demo)
# make release-results   packs a finished study, CONFIG as above, into TO (default: release.tar.gz)
# make figures FROM=release.tar.gz   redraws its figures and report without training
# make image   the study and its environment as a container; ENGINE=podman or buildah, DEVICE=cpu
# make test    all fast tests        make lint    what the code must satisfy to be merged
# make cluster-test    the study on a Slurm on this machine; as root, installed with apt
# make image-test  builds that image without Docker and runs a study in it; as root, with apt
# make docs-test  every command in README and docs, run as written
# make protocols  each measure where the answer is known, on real images too
# make faults  kills, full disks, damaged files: none may lose anything; and all other tests that are
#              too slow for make test
# make mutants one-line faults in the package that its tests must detect; takes hours.
#              MUTANTS="--sample 30 --seed $$(git rev-parse HEAD)" tries a few
# make soak    kills a study repeatedly; SOAK=seconds
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
READY := $(VENV)/.ready
SNAKEMAKE := $(VENV)/bin/snakemake
# A bar for each rule on a terminal, plain lines elsewhere.
CONSOLE := $(shell if [ -t 2 ] && [ "$$TERM" != dumb ]; then echo --logger rich; fi)
CORES ?= all
GPUS ?= 1
TARGET ?= all
AGAIN ?= study
SOAK ?= 900
TO ?= release.tar.gz
ENGINE ?= docker
DEVICE ?= cuda
TORCH_INDEX ?=
# Typed values reach the shell through its environment, so quotes in them are harmless.
export CONFIG DATA FROM TO
FROM_PARQUET = data={source: parquet, path: '$${DATA//$$quote/$$quote$$quote}'}

.PHONY: docs-test protocols mutants demo study recover adopt release-results figures bench image image-test test faults soak cluster-test lint format pins clean
.DEFAULT_GOAL := demo

demo: $(READY)
	$(SNAKEMAKE) $(CONSOLE) --cores 2 --resources gpu=2 --configfile studies/demo.yaml

study: $(READY)
	quote="'"; $(SNAKEMAKE) $(CONSOLE) --cores $(CORES) --resources gpu=$(GPUS) \
	  $(if $(CONFIG),--configfile "$$CONFIG") $(if $(DATA),--config "$(FROM_PARQUET)") -- $(TARGET)
	@echo "Done: $(TARGET)"

recover: $(READY)
	$(SNAKEMAKE) --unlock
	$(MAKE) $(AGAIN)

adopt: $(READY)
	quote="'"; $(SNAKEMAKE) --touch --until dataset train train_probe \
	  --configfile $(if $(filter demo,$(AGAIN)),studies/demo.yaml,$(if $(CONFIG),"$$CONFIG",config.yaml)) \
	  $(if $(DATA),--config "$(FROM_PARQUET)")
	$(MAKE) $(AGAIN)

release-results: $(READY)
	$(VENV)/bin/python -m landscape release "$$TO" $(if $(CONFIG),--config "$$CONFIG")

figures: $(READY)
	$(VENV)/bin/python -m landscape rebuild "$$FROM"

bench: $(READY)
	$(MAKE) study TARGET=bench GPUS=1
	@echo "The table: bench/speed.md in the results folder."

image:
	$(ENGINE) build --build-arg DEVICE=$(DEVICE) --build-arg TORCH_INDEX=$(TORCH_INDEX) --tag landscape .

image-test: $(READY)
	if [ "$$(id -u)" = 0 ] && command -v apt-get > /dev/null && ! command -v buildah > /dev/null; then \
	  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
	    apt-get install -qq -y --no-install-recommends buildah debootstrap runc; } > /dev/null || \
	    echo "buildah could not be installed; tests that need it are skipped."; \
	fi
	$(VENV)/bin/python -m pytest tests/container

test: $(READY)
	$(VENV)/bin/python -m pytest -n 2 --dist worksteal -m "not slow"

docs-test: $(READY)
	$(VENV)/bin/python -m pytest tests/docs -n 2 --dist loadfile

protocols: $(READY)
	$(VENV)/bin/python -m pytest tests/protocols -n 2 --dist loadfile

faults: $(READY)
	$(VENV)/bin/python -m pytest tests/faults -n 2 --dist loadgroup
	$(VENV)/bin/python -m pytest tests/unit tests/oracle tests/cuda tests/workflow -m slow -n 2 \
	  --dist loadgroup

mutants: $(READY)
	PYTHONPATH=workflow:tests nice $(VENV)/bin/python tests/mutants/drive.py $(MUTANTS)

soak: $(READY)
	PYTHONPATH=workflow:tests $(VENV)/bin/python tests/faults/soak.py $(SOAK)

cluster-test: $(READY)
	if [ "$$(id -u)" = 0 ] && command -v apt-get > /dev/null && ! command -v slurmctld > /dev/null; then \
	  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
	    apt-get install -qq -y --no-install-recommends slurm-wlm munge; } > /dev/null || \
	    echo "Slurm could not be installed; tests that need it are skipped."; \
	fi
	$(VENV)/bin/python -m pytest tests/cluster

lint: $(READY)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/snakefmt --check Snakefile workflow
	$(SNAKEMAKE) --lint

format: $(READY)
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .
	$(VENV)/bin/snakefmt Snakefile workflow

# Compiled once here; otherwise, on a read-only machine, every job would compile torch again. Every file
# is checked against envs/hashes.txt before it is unpacked.
$(READY): envs/hashes.txt pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and \
	  "Python 3.11 or newer is needed: make PYTHON=python3.12")'
	if command -v uv > /dev/null; then \
	  uv venv --quiet --clear --no-python-downloads --python $(PYTHON) $(VENV) && \
	  uv pip install --quiet --compile-bytecode --python $(VENV)/bin/python \
	    --require-hashes -r $< && \
	  uv pip install --quiet --python $(VENV)/bin/python --no-deps --no-build-isolation -e .; \
	else \
	  $(PYTHON) -m venv --clear $(VENV) && \
	  $(VENV)/bin/python -m pip install --quiet --require-hashes -r $< && \
	  $(VENV)/bin/python -m pip install --quiet --no-deps --no-build-isolation -e .; \
	fi
	touch $@

# After a change of the dependencies: resolves exact versions and checksums again.
PINS = uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 \
  --no-header --no-annotate --quiet
pins:
	$(PINS) -c envs/constraints.txt -o envs/requirements.txt
	$(PINS) -c envs/requirements.txt --generate-hashes -o envs/hashes.txt
	sed -i '/^      - /d' envs/environment.yaml
	sed "s/.*/      - \"&\"/" envs/requirements.txt >> envs/environment.yaml

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache
