# make demo   set up what is missing and run the demo case on 2 MPI ranks, or go on with it
# make test   set up what is missing and run ruff, mypy and the tests
# make help   the other targets

# The environment of every mpirun. Root is what containers are; one thread per rank;
# h5py's MPI build also for one rank.
export OMPI_ALLOW_RUN_AS_ROOT := 1
export OMPI_ALLOW_RUN_AS_ROOT_CONFIRM := 1
export OMP_NUM_THREADS := 1
export H5PY_ALWAYS_USE_MPI := 1
# ranks that wait for each other leave the processor to what computes, if others are at work on the machine
export OMPI_MCA_mpi_yield_when_idle := 1
# when mpirun is ended (Ctrl-C) the ranks hear of it after so many s, and have as many for a checkpoint
export OMPI_MCA_odls_base_sigkill_timeout := 10
# more ranks than cores are allowed; without binding, several mpiruns do not share core 0
export MPIRUN ?= mpirun --oversubscribe --bind-to none

RANKS ?= 2
PYTHON := .venv/bin/python
# for example: make test PYTEST="-k environment"
PYTEST ?=
# processes that run tests; those of a file stay together, because they share what they have made
WORKERS ?= 2

.PHONY: help demo test lint long benchmark setup clean

help:
	@echo "make demo        run cases/demo.toml on $(RANKS) MPI ranks (RANKS=n for others), or what is left of it"
	@echo "make test        ruff, mypy and the tests (PYTEST='-k word' for some of them)"
	@echo "make lint        ruff and mypy"
	@echo "make long        the long tests, ParaView's pvbatch included"
	@echo "make benchmark   time per step beside FiPy"
	@echo "make setup       set up only, without the tools for tests"
	@echo "make clean       remove results and caches; .venv stays"

setup:
	@tools/setup.sh

demo: setup
	$(MPIRUN) -n $(RANKS) .venv/bin/lifront run cases/demo.toml --output results/demo --restart auto
	@echo "curves: results/demo/curves.png   ParaView: results/demo/fields.xdmf"

test: lint
	$(PYTHON) -m pytest -n $(WORKERS) --dist loadfile $(PYTEST)

lint:
	@tools/setup.sh tests pictures peers sweeps
	$(PYTHON) -m ruff check .
	$(PYTHON) -m mypy

long:
	@tools/setup.sh tests pictures peers paraview
	$(PYTHON) -m pytest -m long $(PYTEST)

benchmark:
	@tools/setup.sh peers
	$(PYTHON) benchmarks/peer_fipy.py

clean:
	rm -rf results build .mypy_cache .pytest_cache .ruff_cache ./*.egg-info
	find solver postprocess tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true
