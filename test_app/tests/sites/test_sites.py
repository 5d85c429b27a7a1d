"""Sites with usual settings. A user of each goes from a protected page through verification and back."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import django
import pytest
from django.core.cache import cache
from django.core.management import call_command
from django.test import AsyncClient, Client, override_settings
from django.utils.translation import override

from .. import loops
from .table import AT_START, COMMON, FILES, HTTPS, IN_PLACE
from .walk import Browser, ends_with_a_client, walk

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def site(settings: Any) -> Callable[..., None]:
    def set_up(own: dict[str, Any]) -> None:
        for name, value in {**COMMON, **own}.items():
            setattr(settings, name, value)

    return set_up


def browser(**about: Any) -> Browser:
    origin = "https://testserver" if about.get("secure") else "http://testserver"
    return Browser(ends_with_a_client(Client(enforce_csrf_checks=True), **about), origin)


@pytest.mark.parametrize("name", IN_PLACE)
def test_a_site_with_other_settings_verifies_a_user(
    name: str, site: Any, settings: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    if name == "LoginRequiredMiddleware" and django.VERSION < (5, 1):
        pytest.skip("Django 5.1 brought it")
    if name == "Jinja2 first" and not importlib.util.find_spec("jinja2"):
        pytest.skip("needs jinja2")
    from django.contrib.sessions.backends import file

    monkeypatch.delattr(file.SessionStore, "_storage_path", raising=False)
    settings.SESSION_FILE_PATH = str(tmp_path)
    site(IN_PLACE[name])
    with override("de" if name == "i18n_patterns" else None):
        walk(browser)
    cache.clear()
    assert bool(list(tmp_path.iterdir())) == (name == "sessions in file")


def test_a_site_over_https_verifies_a_user(site: Any) -> None:
    site(HTTPS)
    walk(lambda: browser(secure=True))


def test_a_site_under_asgi_verifies_a_user(site: Any) -> None:
    site({})

    class Asks:
        """Django's asynchronous test client, called synchronously."""

        def __init__(self) -> None:
            self.client = AsyncClient(enforce_csrf_checks=True)

        def get(self, *args: Any, **about: Any) -> Any:
            return self.asks(self.client.get, *args, **about)

        def post(self, *args: Any, **about: Any) -> Any:
            return self.asks(self.client.post, *args, **about)

        def asks(self, verb: Any, *args: Any, **about: Any) -> Any:
            answers: list[Any] = []

            async def ask() -> None:
                answers.append(await verb(*args, **about))

            loops.run(ask)
            return answers[0]

    walk(lambda: Browser(ends_with_a_client(Asks())))


# Files


@pytest.fixture(scope="module")
def collected(tmp_path_factory: Any) -> dict[str, Any]:
    """Return the settings of a site with collected static files. Each has its hash in its name."""
    own = {**FILES, "STATIC_ROOT": str(tmp_path_factory.mktemp("static"))}
    with override_settings(**own):
        call_command("collectstatic", interactive=False, verbosity=0)
    return own


def static_links(browsers: list[Browser]) -> set[str]:
    return {link for b in browsers for link in b.links if link.startswith("/static/")}


def test_a_site_with_hashed_static_files_verifies_a_user(site: Any, collected: dict[str, Any]) -> None:
    site(collected)
    links = static_links(walk(browser))
    assert len(links) >= 2
    for link in links:
        assert (Path(collected["STATIC_ROOT"]) / link.removeprefix("/static/")).is_file(), link
        assert len(link.split(".")[-2]) == 12, link


def test_a_site_behind_whitenoise_verifies_a_user(
    site: Any, collected: dict[str, Any], settings: Any
) -> None:
    pytest.importorskip("whitenoise")
    first, *others = settings.MIDDLEWARE
    settings.WHITENOISE_AUTOREFRESH = settings.WHITENOISE_USE_FINDERS = False
    site({**collected, "MIDDLEWARE": [first, "whitenoise.middleware.WhiteNoiseMiddleware", *others]})
    client = Client()
    for link in static_links(walk(browser)):
        answer = client.get(link)
        assert answer.status_code == 200
        assert "immutable" in answer["Cache-Control"]
        assert b"".join(answer)
        answer.close()


# In separate processes


@pytest.fixture(scope="module")
def walked(tmp_path_factory: Any) -> Iterator[Callable[[str], tuple[int, str]]]:
    """Run all sites, two at a time. Return a function that waits for a site and returns its result."""
    # Not in the threads, because pytest makes the parent folder at the first call.
    folders = {name: str(tmp_path_factory.mktemp("site")) for name in AT_START}

    def drive(name: str) -> tuple[int, str]:
        left_out = ("DATABASE_URL", "DJANGO_SETTINGS_MODULE")
        env = {k: v for k, v in os.environ.items() if k not in left_out}
        env |= {"SITE": name, "SITE_FOLDER": folders[name]}
        done = subprocess.run(
            [sys.executable, "-m", "tests.sites.drive"],
            cwd=ROOT,
            env=env,
            capture_output=True,
            text=True,
            timeout=120,
        )
        return done.returncode, done.stdout + done.stderr

    with ThreadPoolExecutor(2) as pool:
        begun = {name: pool.submit(drive, name) for name in AT_START}
        yield lambda name: begun[name].result()


@pytest.mark.served
@pytest.mark.parametrize("name", AT_START)
def test_a_site_on_a_real_server_verifies_a_user(name: str, walked: Callable[[str], tuple[int, str]]) -> None:
    if name == "uvicorn":
        pytest.importorskip("uvicorn")
    status, said = walked(name)
    assert status == 0, said
