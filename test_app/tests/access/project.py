"""A project for a recipe of docs/access.md. It runs as a script, and its argument is the recipe as JSON.

`files` are the files of the recipe. `apps` and `urls` are those of the package that the recipe integrates.
"""

import json
import sys
import types

from django.conf import settings

from django_twilio_2fa import provider_apps

TOLD = json.loads(sys.argv[1])
CONTRIB = ("auth", "contenttypes", "sessions", "messages", "staticfiles")
PROCESSORS = (
    "django.template.context_processors.request",
    "django.contrib.auth.context_processors.auth",
    "django.contrib.messages.context_processors.messages",
)

twofactor = types.ModuleType("shop.twofactor")
sys.modules.update({"shop": types.ModuleType("shop"), "shop.twofactor": twofactor})
exec(TOLD["files"].get("shop/twofactor.py", ""), twofactor.__dict__)

recipe = {
    "MIDDLEWARE": [
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
    ],
}
exec(TOLD["files"]["settings.py"], recipe)
settings.configure(
    SECRET_KEY="recipe",
    ALLOWED_HOSTS=["*"],
    STATIC_URL="/static/",
    USE_TZ=True,
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
    INSTALLED_APPS=[
        *TOLD["apps"],
        "django_twilio_2fa",
        "django_twilio_2fa.sandbox",
        *provider_apps(),
        "widget_tweaks",
        "formtools",
        *(f"django.contrib.{name}" for name in CONTRIB),
    ],
    TEMPLATES=[
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "APP_DIRS": True,
            "OPTIONS": {"context_processors": PROCESSORS},
        }
    ],
    ROOT_URLCONF="recipe_urls",
    LOGIN_REDIRECT_URL="/page/",
    TWILIO_2FA_SANDBOX=True,
    TWILIO_2FA_SANDBOX_WITHOUT_DEBUG=True,
    TWILIO_2FA_ALLOWED_METHODS=["sms"],
    **TOLD.get("settings", {}),
    **{name: value for name, value in recipe.items() if name.isupper()},
)

import django  # noqa: E402

django.setup()

from django.apps import apps  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.http import HttpResponse  # noqa: E402
from django.test import Client  # noqa: E402
from django.urls import include, path  # noqa: E402

from django_twilio_2fa.sandbox import messages  # noqa: E402
from django_twilio_2fa.testing import TEST_PHONE_NUMBER, create_two_factor_user  # noqa: E402

sys.modules["recipe_urls"] = urls = types.ModuleType("recipe_urls")
urls.urlpatterns = [
    path("page/", lambda request: HttpResponse("a page")),
    path("2fa/", include("django_twilio_2fa.urls")),
    *(path(prefix, include(module)) for prefix, module in TOLD["urls"]),
]
# Create the tables of the package without its migrations: those of Wagtail take ten seconds.
settings.MIGRATION_MODULES = {
    app.label: None for app in apps.get_app_configs() if app.name.partition(".")[0] in TOLD["apps"]
}
call_command("migrate", run_syncdb=True, verbosity=0)
create_two_factor_user("ann", password="a-Secret7", is_superuser=True, is_staff=True)
client = Client()


def at(answer):
    """Return the path of the page after all redirects."""
    return answer.request["PATH_INFO"]


def verifies(answer):
    """Pick a text message on the current page, and type its code."""
    for told in ({"method": "sms"}, {"token": lambda: messages.last_code(TEST_PHONE_NUMBER)}):
        data = {name: value() if callable(value) else value for name, value in told.items()}
        answer = client.post(f"{at(answer)}?{answer.request['QUERY_STRING']}", data, follow=True)
    return answer
