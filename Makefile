# `make demo` and `make test` need only Python and make. Everything else is installed into .venv.

PYTHON ?= python3
PORT ?= 8000
VENV ?= .venv
BIN := $(VENV)/bin
MANAGE := $(BIN)/python test_app/manage.py

.PHONY: demo demo-prepare demo-reset test test-rest essential soak bench live docs pictures messages countries lint clean

demo: $(VENV)/.demo-installed
	@$(MANAGE) demo --port $(PORT)

demo-prepare: $(VENV)/.demo-installed
	@$(MANAGE) demo --prepare

demo-reset:
	@rm -f test_app/demo.sqlite3
	@$(MAKE) --no-print-directory demo-prepare
	@echo "The demo is as new. Next: make demo"

# On every core. ARGS goes to pytest: make test ARGS="-k wizard -x"; ARGS="-n 0" is one process. Without ARGS, each
# test runs with one of its parameters, and slow tests are left out. CASES=all runs everything.
CASES ?= $(if $(ARGS),all,1)
PYTEST := $(BIN)/python -m pytest -n auto --dist loadgroup --no-loadscope-reorder
# Compile modules once, also for the processes that tests start.
export PYTHONDONTWRITEBYTECODE :=
QUICK := not browser and not packaging and not served and not node
test: $(VENV)/.test-installed
	TWILIO_2FA_CASES="$(CASES)" $(PYTEST) -m "$(QUICK)$(if $(filter all,$(CASES)),, and not slow)" $(ARGS)
	@echo "Left out: tests in Chromium and Node.js, and tests that start servers or install packages. make test-rest runs them."
ifneq ($(CASES),all)
	@echo "Tests with many parameters ran with $(CASES) of them, and slow tests did not run. make test CASES=all runs all."
endif

test-rest: $(VENV)/.test-installed
	$(PYTEST) -m "browser or packaging or served or node" $(ARGS)

# Write the list of tests that cover nearly everything that all tests cover. The gate runs them on the lowest versions.
essential: $(VENV)/.test-installed
	$(BIN)/python test_app/essential_tests.py -n auto --dist loadgroup --no-loadscope-reorder -m "$(QUICK)" $(ARGS)

# Very slow tests: a million rows, two servers, killed processes, 20,000 examples of each property, and every order of
# requests with more switches. Needs PostgreSQL.
SOAK := $(addprefix process/,test_scale.py test_two_servers.py test_crashes.py test_races.py) attacks
SWITCHES ?= 4
FUZZ := attacks pages/test_next.py test_tokens.py contacts sandbox
soak: $(VENV)/.test-installed
	TWILIO_2FA_TEST_REQUIRE=server_database,redis TWILIO_2FA_ROWS=1000000 TWILIO_2FA_ROUNDS=30 \
		$(BIN)/python -m pytest --durations=15 $(ARGS) $(addprefix test_app/tests/,$(SOAK))
	TWILIO_2FA_TEST_REQUIRE=postgresql TWILIO_2FA_SWITCHES=$(SWITCHES) TWILIO_2FA_EVERY_WRITE=1 \
		$(BIN)/python -m pytest -n 2 --durations=15 $(ARGS) test_app/tests/schedules
	env -u DATABASE_URL TWILIO_2FA_EXAMPLES=20000 \
		$(BIN)/python -m pytest -n 2 -m hypothesis --durations=15 $(ARGS) $(addprefix test_app/tests/,$(FUZZ))

# Numbers for docs/scaling.md. Takes DATABASE_URL, as the tests do; without it, SQLite.
# COMPARE=<commit>: measure log-ins of the working tree and of a commit, in turns.
bench: $(VENV)/.bench-installed
	$(BIN)/python test_app/bench.py $(if $(COMPARE),--compare $(COMPARE)) $(ARGS)

# The main flows against a real account: docs/releasing.md. Asks before each step that costs money.
live: $(VENV)/.demo-installed
	@$(BIN)/python test_app/live.py

docs: $(VENV)/.dev-installed
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs docs/_build/html
	@echo "docs/_build/html/index.html"

# The pictures of the docs: CONTRIBUTING.md. Needs Chromium, and a font with Japanese: apt-get install fonts-noto-cjk
pictures: $(VENV)/.dev-installed
	$(BIN)/python docs/take_pictures.py

# The catalogues in locale/ of the package and of each provider. Needs GNU gettext. ARGS="--add da": a new language.
messages: $(VENV)/.demo-installed
	$(MANAGE) messages $(ARGS)

# The names of countries, from the CLDR data that comes with Node.js.
countries: $(VENV)/.demo-installed
	$(MANAGE) countries

lint: $(VENV)/.dev-installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

clean:
	rm -rf $(VENV) docs/_build

# uv takes a quarter of pip's time. If uv cannot be installed, or does not find the packages, use pip.
# Like pip, uv should trust the certificates of the system: a company may have added the certificate of its proxy.
export UV_SYSTEM_CERTS := 1
$(BIN)/python:
	$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --only-binary uv uv || true

# There is a stamp for each extra: packages are installed again only if pyproject.toml is newer. Modules are compiled
# when they are first imported, because most modules of Twilio's library are never imported.
$(VENV)/.%-installed: pyproject.toml | $(BIN)/python
	@if test -x $(BIN)/uv && $(BIN)/uv pip install --quiet --python $(BIN)/python --editable ".[$*]"; then :; \
	else $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --editable ".[$*]"; fi
	@touch $@

.PRECIOUS: $(VENV)/.%-installed
