"""Start a project and load its URLs: Django's own apps only, or with this package (`bench_startup.py kit`).

Prints what this process took after Python's own start: the milliseconds, those of the CPU, those of Python's
garbage collector among them, and the MiB.
"""

from __future__ import annotations

import gc
import resource
import sys
import time
from types import ModuleType

began = time.process_time(), time.perf_counter()
collecting = [0.0, 0.0]
"""When the collector began, and how long it has taken so far."""


def note(phase: str, info: object) -> None:
    now = time.perf_counter()
    if phase == "start":
        collecting[0] = now
    else:
        collecting[1] += now - collecting[0]


gc.callbacks.append(note)

import django  # noqa: E402
from django.conf import settings  # noqa: E402

with_kit = "kit" in sys.argv
apps = [f"django.contrib.{name}" for name in ("admin", "auth", "contenttypes", "sessions", "messages")]
if with_kit:
    from django_twilio_2fa import provider_apps

    apps = ["django_twilio_2fa", *provider_apps(), "widget_tweaks", "formtools", *apps]

sys.modules["startup_urls"] = urls = ModuleType("startup_urls")
settings.configure(
    SECRET_KEY="startup",
    INSTALLED_APPS=apps,
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    ROOT_URLCONF="startup_urls",
)
django.setup()

from django.contrib import admin  # noqa: E402
from django.contrib.auth.views import LoginView  # noqa: E402
from django.urls import get_resolver, include, path, reverse  # noqa: E402

urls.urlpatterns = [path("admin/", admin.site.urls), path("login/", LoginView.as_view(), name="login")]  # type: ignore[attr-defined]
if with_kit:
    urls.urlpatterns.append(path("2fa/", include("django_twilio_2fa.urls")))
get_resolver().url_patterns  # noqa: B018
if "reverse" in sys.argv:
    # The first address that is asked for: Django reads every pattern for it.
    reverse("login")

cpu, wall = time.process_time() - began[0], time.perf_counter() - began[1]
# On Linux in KiB, on macOS in bytes.
unit = 1024**2 if sys.platform == "darwin" else 1024
memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
sys.stdout.write(f"{wall * 1000} {cpu * 1000} {collecting[1] * 1000} {memory}\n")
