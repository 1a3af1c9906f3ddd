# make help lists what there is. Everything is installed into $(VENV) once, and again when pyproject.toml changes.

PYTHON ?= python3
VENV ?= .venv
PORT ?= 8000
RATE ?= 5
JOBS ?= 2
PYTEST_ARGS ?=
SUITE_ARGS ?=

PY := $(VENV)/bin/python
PIP := $(PY) -m pip install -qq --disable-pip-version-check
CHECKSUM := $(shell cksum pyproject.toml | cut -d " " -f 1)
SITE := $(VENV)/.installed-site-$(CHECKSUM)
DEV := $(VENV)/.installed-dev-$(CHECKSUM)
BENCH := $(VENV)/bench/.installed-$(CHECKSUM)

.PHONY: help demo test lint bench load picture documents chromium programs install clean

help:
	@echo "make demo     the bookshop on http://127.0.0.1:$(PORT)/, its dashboard on /signals/ (PORT=8001, RATE=20)"
	@echo "make test     all tests, in a real browser too (PYTEST_ARGS=\"-k graph\", JOBS=0, PYTHON=python3.13)"
	@echo "make lint     ruff and mypy"
	@echo "make bench    what recording costs on this machine, and what other tools cost"
	@echo "make load     how much one process can record: 100,000 dispatches/s for a minute, then at full speed"
	@echo "make django-suite  Django's own tests, plain and recorded (SUITE_ARGS=\"--quick --jobs 2\")"
	@echo "make picture  docs/picture.png, taken from the demo"
	@echo "make documents  docs/demo-signals, the demo's own pages, with what its tests set off"
	@echo "make clean    remove $(VENV) and everything that the demo has written"

demo: $(SITE)
	@$(PY) -m dashboard.demo --port $(PORT) --rate $(RATE)

test: $(DEV) chromium programs
	@$(PY) -m pytest -n $(JOBS) --dist loadgroup --no-loadscope-reorder $(PYTEST_ARGS)

lint: $(DEV)
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy

bench: $(BENCH)
	@$(VENV)/bench/bin/python -m benchmarks

django-suite: $(DEV)
	@$(PY) -m benchmarks.django_suite $(SUITE_ARGS)

load: $(DEV)
	@$(PY) -m benchmarks.load

picture: $(DEV) chromium
	@$(PY) -m dashboard.picture "$$($(PY) tests/chromium.py)"

documents: $(DEV)
	@$(PY) -m dashboard.documents

chromium: $(DEV)
	@$(PY) tests/chromium.py >/dev/null

programs: $(DEV)
	@$(PY) tests/programs.py

install: $(DEV)

$(PY):
	@$(PYTHON) -c 'import sys; v = "%d.%d" % sys.version_info[:2]; \
	sys.exit(0 if sys.version_info >= (3, 11) else "$(PYTHON) is Python %s; 3.11 or newer is needed: make $(MAKECMDGOALS) PYTHON=python3.13" % v)'
	@echo "Making $(VENV)"
	@$(PYTHON) -m venv $(VENV)

$(SITE): | $(PY)
	@echo "Installing the demo into $(VENV)"
	@$(PIP) --editable ".[daphne]"
	@rm -f $(VENV)/.installed-site-* && touch $@

$(DEV): | $(PY)
	@echo "Installing the tests and their tools into $(VENV)"
	@$(PIP) --editable ".[dev]"
	@rm -f $(VENV)/.installed-* && touch $@ $(SITE)

# In an environment of its own: kolo hooks into Python's start and into pytest. What can't be had is left out of the rows.
$(BENCH): | $(DEV)
	@echo "Installing the tools to compare with into $(VENV)/bench"
	@$(PY) -m venv $(VENV)/bench
	@$(VENV)/bench/bin/python -m pip install -qq --disable-pip-version-check --editable . "django==$$($(PY) -m django --version)"
	@for tool in $$($(PY) -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["bench"])'); do \
		$(VENV)/bench/bin/python -m pip install -qq --disable-pip-version-check "$$tool" || echo "$$tool can't be had"; done
	@rm -f $(VENV)/bench/.installed-* && touch $@

clean:
	rm -rf $(VENV) var .signalgraph test-results .pytest_cache .mypy_cache .ruff_cache .hypothesis
