"""Run the checks in environments of their own: `nox --list` names them.

`nox -s "suite(3.12-6.1-postgresql)"` runs the test suite in one cell of the matrix of Python, Django and
database. Arguments after `--` go to pytest. Databases are expected on 127.0.0.1, as in `.ci/run`.
"""

from __future__ import annotations

import nox

nox.needs_version = ">=2025.2"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_venv = "yes"
nox.options.sessions = ["lint", "docs"]

# Each Python with the releases of Django that support it. `lowest`: the lowest version of each dependency.
SUPPORTED = {
    "3.10": ["lowest", "4.2", "5.2"],
    "3.11": ["4.2", "5.2"],
    "3.12": ["5.2", "6.0", "6.1"],
    "3.13": ["5.2", "6.0", "6.1"],
}
DATABASES = {
    "sqlite": None,
    "postgresql": "postgres://postgres@127.0.0.1:5432/test",
    "mariadb": "mysql://root@127.0.0.1:3306/test",
}
CELLS = [
    nox.param(python, django, database, id=f"{python}-{django}-{database}")
    for python, releases in SUPPORTED.items()
    for django in releases
    for database in DATABASES
]


@nox.session
@nox.parametrize("python,django,database", CELLS)
def suite(session: nox.Session, django: str, database: str) -> None:
    """Run the test suite, without tests that need Chromium or Node.js, start servers or install packages."""
    if django == "lowest":
        constraints = str(session.create_tmp() + "/lowest.txt")
        python = str(session.python)
        # Use the lowest versions for the dependencies of the package, not for the test tools.
        session.run_install(
            *("uv", "pip", "compile", "-q", "--no-header", "--no-annotate", "--python-version", python),
            *("--resolution", "lowest-direct", "pyproject.toml", "-o", constraints),
            external=True,
        )
        session.install("-e", ".[test]", "-c", constraints)
    else:
        session.install("-e", ".[test]", f"django=={django}.*")
    session.run(
        "python",
        "-c",
        "import django, sys; print('Python', sys.version.split()[0], 'Django', django.__version__)",
    )
    marks = ("-m", "not browser and not packaging and not served and not node")
    env = {"DATABASE_URL": DATABASES[database]}
    if django == "lowest":
        # `USE_TZ` is False by default in Django 4.2.
        env["TWILIO_2FA_TEST_USE_TZ"] = "0"
    session.run("python", "-m", "pytest", *marks, *session.posargs, env=env)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, types and layers."""
    session.install("-e", ".[dev]")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("mypy")
    session.run("lint-imports")


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation. A warning is an error."""
    session.install("-e", ".[docs]")
    session.run(
        "python", "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html", "docs", "docs/_build/html"
    )
