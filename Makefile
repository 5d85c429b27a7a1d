# `make demo` and `make test` need Python and make only; all else goes into .venv.

PYTHON ?= python3
PORT ?= 8000
VENV ?= .venv
BIN := $(VENV)/bin
MANAGE := $(BIN)/python test_app/manage.py

.PHONY: demo demo-prepare demo-reset test soak bench docs lint clean

demo: $(VENV)/.demo-installed
	@$(MANAGE) demo --port $(PORT)

demo-prepare: $(VENV)/.demo-installed
	@$(MANAGE) demo --prepare

demo-reset:
	@rm -f test_app/demo.sqlite3
	@$(MAKE) --no-print-directory demo-prepare
	@echo "The demo is as new. Next: make demo"

# On every core. ARGS goes to pytest: make test ARGS="-k wizard -x"; ARGS="-n 0" is one process.
test: $(VENV)/.test-installed
	$(BIN)/python -m pytest -n auto --dist loadfile $(ARGS)

# What takes long: very many rows, two servers, kills, and 20,000 examples of each property. Needs PostgreSQL.
SOAK := test_scale.py test_two_servers.py test_crashes.py test_races.py attacks
FUZZ := attacks test_next.py test_tokens.py test_contacts.py sandbox
soak: $(VENV)/.test-installed
	TWILIO_2FA_TEST_REQUIRE=server_database,redis TWILIO_2FA_ROWS=1000000 TWILIO_2FA_ROUNDS=30 \
		$(BIN)/python -m pytest --durations=15 $(ARGS) $(addprefix test_app/tests/,$(SOAK))
	env -u DATABASE_URL TWILIO_2FA_EXAMPLES=20000 \
		$(BIN)/python -m pytest -n 2 -m hypothesis --durations=15 $(ARGS) $(addprefix test_app/tests/,$(FUZZ))

# Numbers for docs/scaling.md. Takes DATABASE_URL, as the tests do; without it, SQLite.
bench: $(VENV)/.bench-installed
	$(BIN)/python test_app/bench.py $(ARGS)

docs: $(VENV)/.dev-installed
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs docs/_build/html
	@echo "docs/_build/html/index.html"

lint: $(VENV)/.dev-installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

clean:
	rm -rf $(VENV) docs/_build

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

# One stamp for each extra: pip runs again only where pyproject.toml is newer.
$(VENV)/.%-installed: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[$*]"
	@touch $@

.PRECIOUS: $(VENV)/.%-installed
