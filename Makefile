# Everything from a fresh clone. Each target sets up what it needs; nothing outside this folder is changed, except that
# `make test` as root on Debian installs what its tests need when it is missing (Chromium, nginx, memcached, RabbitMQ,
# Node, iproute2, gcc), and says so.
#
#   make demo     set up, load the sample `single`, and say what limits it
#   make test     set up, lint, types, every test
#   make lint     ruff and mypy
#   make clean    remove all that was made here, except recordings in runs/

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.stamp
# An activated environment of the developer's is neither used nor touched.
unexport VIRTUAL_ENV PYTHONHOME
export UV_PYTHON_DOWNLOADS := never
# Compiled tests are kept: without them every run spends half of its start on compiling.
unexport PYTHONDONTWRITEBYTECODE
# As pip does: where the machine has its own list of authorities, a company's proxy may be on it.
ifneq ($(wildcard /etc/ssl/certs/ca-certificates.crt),)
export UV_SYSTEM_CERTS := true
endif

.PHONY: demo test lint unit real system clean

demo: $(STAMP)
	$(BIN)/loadlab run single

test: lint unit real

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/mypy

# Unit tests share the cores, each worker those of one half of the files until it has none; what measures or starts
# servers has the machine to itself.
unit: $(STAMP)
	$(BIN)/pytest -q -n 2 --dist worksteal -m "not real and not e2e and not browser"

real: $(STAMP) system
	$(BIN)/pytest -q -m "real or e2e or browser"

$(STAMP): pyproject.toml constraints.txt hatch_build.py $(wildcard package.json package-lock.json loadlab/report/js/*)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "loadlab needs Python 3.11 or newer; name one with: make PYTHON=/path/to/python3.11 ..."; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "this Python cannot make virtual environments; on Debian: apt-get install python3-venv"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	test -x $(BIN)/uv || $(BIN)/python -m pip install -q -c constraints.txt uv
	$(BIN)/uv pip install -q --python $(BIN)/python --compile-bytecode -c constraints.txt -e '.[test,services,export,native]'
	@touch $@

# What the last tests need from the system. In CI a test that is skipped fails (tests/conftest.py).
system:
	@missing=""; \
	for tool in chromium nginx memcached; do command -v $$tool >/dev/null || missing="$$missing $$tool"; done; \
	command -v gcc >/dev/null && test -e /usr/include/pthread.h || missing="$$missing gcc libc6-dev"; \
	test -x /usr/lib/rabbitmq/bin/rabbitmq-server || missing="$$missing rabbitmq-server"; \
	command -v node >/dev/null || missing="$$missing nodejs"; \
	command -v npm >/dev/null || missing="$$missing npm"; \
	PATH="$$PATH:/usr/sbin:/sbin" command -v ip >/dev/null || missing="$$missing iproute2"; \
	if [ -z "$$missing" ]; then exit 0; fi; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  echo "the tests need$$missing: installing with apt-get"; \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing; \
	else \
	  echo "not on this machine:$$missing. Tests that need them are skipped (as root on Debian they are installed);"; \
	  echo "to have them: sudo apt-get install --no-install-recommends$$missing"; \
	  [ -z "$$CI" ] || { echo "in CI every test has to run"; exit 1; }; \
	fi

clean:
	rm -rf $(VENV) build dist node_modules loadlab/report/_js *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis test-results
	find loadlab tests locustfiles sample_apps benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
