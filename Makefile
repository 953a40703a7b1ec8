# Both commands set themselves up: they need make, python3 with venv, and a way to PyPI or a mirror of it.
#
#   make demo [ARGS="--clients 8"]   the multi-process acceptor on an embedded realm
#   make test [TESTS=tests/krb5]     linters, types and every test; as root on Debian the real peers are installed first
#   make bench [ARGS="--json"]        puregss against python-gssapi over MIT krb5, on the same work

PYTHON ?= python3
VENV := .venv
BENCH := .venv-bench
BIN := $(VENV)/bin
ARGS ?=
TESTS ?= tests
# Two processes suit two cores; more would fight with the servers that the tests start.
WORKERS ?= 2

PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check

.PHONY: demo test check peers bench clean

demo: $(VENV)/runtime.stamp
	$(BIN)/puregss demo $(ARGS)

test: check
	$(BIN)/python -m pytest -q -n $(WORKERS) --dist loadgroup $(TESTS)

check: $(VENV)/dev.stamp peers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(BENCH)/made.stamp
	$(BENCH)/bin/python -m bench.run $(ARGS)

peers: $(VENV)/dev.stamp
	@tools/peers.sh
	@$(BIN)/python -c 'import gssapi' 2>/dev/null || ! command -v krb5-config >/dev/null || \
	    $(PIP) install 'gssapi>=1.8' || echo "python-gssapi could not be built"

# A stamp is newer than what it was made from; a half-made environment has none and is made again.
$(VENV)/made.stamp:
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/runtime.stamp: pyproject.toml $(VENV)/made.stamp
	$(PIP) install --editable .
	@touch $@

$(VENV)/dev.stamp: pyproject.toml $(VENV)/made.stamp
	$(PIP) install --editable '.[dev]'
	@touch $@ $(VENV)/runtime.stamp

# The other side is Debian's C library, so Python is Debian's too where it will do: a benchmark compares what people run.
$(BENCH)/made.stamp: pyproject.toml
	@tools/peers.sh
	@[ "$(origin PYTHON)" = file ] && /usr/bin/python3 -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' && \
	    /usr/bin/python3 -m venv $(BENCH) || $(PYTHON) -m venv $(BENCH)
	$(BENCH)/bin/python -m pip --quiet --disable-pip-version-check install --editable '.[bench]' 'gssapi>=1.8'
	@touch $@

clean:
	rm -rf $(VENV) $(BENCH) .mypy_cache .pytest_cache .ruff_cache .hypothesis
