"""The modules that are loaded when Django starts with this package installed."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

# Modules that are needed only when a page is requested or the system checks run.
LATE = (
    "twilio.rest",
    "twilio.base",
    "requests",
    "phonenumbers",
    "formtools.wizard",
    "django_twilio_2fa.pages",
    "django_twilio_2fa.process",
    "django_twilio_2fa.providers",
)
# Django's test client imports unittest and Jinja2.
NEVER = ("django.test", "unittest", "jinja2")
# A project that has only this package, and the apps that its pages need.
PROJECT = """
import sys, types
from django.conf import settings
from django_twilio_2fa import provider_apps
contrib = ["admin", "auth", "contenttypes", "sessions", "messages"]
settings.configure(
    SECRET_KEY="startup",
    INSTALLED_APPS=[
        "django_twilio_2fa", *provider_apps(), "widget_tweaks", "formtools",
        *(f"django.contrib.{name}" for name in contrib),
    ],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    ROOT_URLCONF="project_urls",
)
import django
django.setup()
from django.contrib import admin
from django.urls import get_resolver, include, path, reverse
sys.modules["project_urls"] = urls = types.ModuleType("project_urls")
urls.urlpatterns = [
    path("admin/", admin.site.urls),
    path("2fa/", include("django_twilio_2fa.urls")),
    path("mine/", lambda request: None, name="mine"),
]
get_resolver().url_patterns
"""


def loaded_by(code: str) -> set[str]:
    """Return the modules that are loaded in a new process after it has run the code."""
    program = f"{code}\nimport sys\nprint(*sorted(sys.modules))"
    env = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "demo.settings_test",
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=env, check=True
    )
    return set(done.stdout.split())


@pytest.fixture(scope="module")
def started() -> set[str]:
    return loaded_by(PROJECT)


@pytest.mark.parametrize("module", [*LATE, *NEVER])
def test_a_module_is_not_imported_when_django_starts(started: set[str], module: str) -> None:
    assert {"django_twilio_2fa.models", "django_twilio_2fa.urls"} <= started
    assert module not in started


def test_resolving_a_page_of_the_site_does_not_import_our_pages() -> None:
    loaded = loaded_by(f"{PROJECT}\nassert get_resolver().resolve('/mine/').url_name == 'mine'")
    assert not {"django_twilio_2fa.pages", "formtools.wizard"} & loaded


def test_reversing_a_url_loads_no_twilio_or_phone_metadata() -> None:
    loaded = loaded_by(f"{PROJECT}\nassert reverse('twilio_2fa:start') == '/2fa/start/'")
    assert "django_twilio_2fa.pages.wizard" in loaded
    assert not {"twilio.rest", "twilio.base", "requests", *NEVER} & loaded
    assert not [m for m in loaded if m.startswith("phonenumbers.data.region_")]


def test_running_the_checks_loads_the_modules_of_the_checks() -> None:
    code = f"{PROJECT}\nfrom django.core.checks import run_checks\nrun_checks()"
    assert {"django_twilio_2fa.checks.methods", "django_twilio_2fa.pages.wizard"} <= loaded_by(code)


def test_urlpatterns_can_be_concatenated_with_a_list() -> None:
    from django.urls import URLPattern, URLResolver, path

    from django_twilio_2fa.urls import urlpatterns

    own = path("own/", lambda request: None, name="own")
    assert [*urlpatterns, own] == urlpatterns + [own]  # noqa: RUF005
    assert [own, *urlpatterns] == [own] + urlpatterns  # noqa: RUF005
    assert urlpatterns[0] in urlpatterns
    assert all(isinstance(pattern, (URLPattern, URLResolver)) for pattern in urlpatterns)


def test_the_version_is_that_of_the_distribution() -> None:
    from importlib.metadata import version

    import django_twilio_2fa

    assert django_twilio_2fa.__version__ == version("django-twilio-2fa")
    with pytest.raises(AttributeError, match="no attribute 'versions'"):
        _ = django_twilio_2fa.versions


def test_the_form_for_a_phone_does_not_load_every_place_name() -> None:
    code = (
        "import django\ndjango.setup()\n"
        "from django_twilio_2fa.contacts import countries\nassert len(countries(['US', 'DE'], [])) == 2"
    )
    assert "phonenumbers.geodata" not in loaded_by(code)
