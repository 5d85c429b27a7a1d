"""Walk through the wizard with each of the given methods, and print what it showed as JSON.

Run `python drive.py sms` with the Python of the environment under test. The script exits with an error if a
step does not lead to the next.
"""

import json
import os
import re
import sys
import warnings
from pathlib import Path

warnings.simplefilter("error")
# Import from this folder and not from the working directory: all else must be installed.
sys.path[:] = [str(Path(__file__).resolve().parent), *(p for p in sys.path if p not in ("", os.getcwd()))]
os.environ["DJANGO_SETTINGS_MODULE"] = "settings"

import django  # noqa: E402

django.setup()

from django.contrib.auth.models import User  # noqa: E402
from django.core import mail  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.test import Client  # noqa: E402
from django.test.utils import setup_test_environment  # noqa: E402

import django_twilio_2fa  # noqa: E402
from django_twilio_2fa.providers.installed import get_registry  # noqa: E402

WHAT_TO_REGISTER = {
    "sms": {"country_code": "US", "phone_number": "202 555 0143"},
    "courier": {"email": "sam@example.com"},
}


def last_code(client, method):
    """Return the code that was delivered last: by Django's mail, or by the sandbox."""
    if method == "courier":
        return re.search(r"\d{6}", mail.outbox[-1].body).group()
    return client.get("/sandbox/messages.json").json()[0]["code"]


def step(response, path, template):
    assert response.redirect_chain[-1][0].startswith(path), response.redirect_chain
    assert response.status_code == 200, response.status_code
    assert response.templates[0].name == template, response.templates
    return response


def drive(method):
    """Verify a new user with the method. Return the page at which the token was typed."""
    client = Client(enforce_csrf_checks=False)
    client.force_login(User.objects.create_user(f"user-of-{method}"))
    step(client.get("/2fa/", follow=True), "/2fa/start/", "twilio_2fa/start.html")
    client.post("/2fa/start/", {"method": method}, follow=True)
    own = f"twilio_2fa/{method}/verify.html"
    registered = client.post("/2fa/register/", WHAT_TO_REGISTER[method], follow=True)
    page = step(registered, "/2fa/verify/", own if method == "courier" else registered.templates[0].name)
    done = client.post("/2fa/verify/", {"token": last_code(client, method)}, follow=True)
    step(done, "/2fa/success/", "twilio_2fa/backup.html")
    step(client.post("/2fa/success/", follow=True), "/2fa/success/", "twilio_2fa/success.html")
    return page


setup_test_environment()
call_command("check", stdout=sys.stderr)
call_command("migrate", verbosity=0)
pages = {method: drive(method).content.decode() for method in sys.argv[1:]}
sources = get_registry().sources
print(
    json.dumps(
        {
            "package": django_twilio_2fa.__file__,
            "version": django_twilio_2fa.__version__,
            "providers": sources,
            "broken": [b.name for b in get_registry().broken],
            "files": {name: sys.modules[name].__file__ for name in ("twilio_2fa_sms", "twilio_2fa_email")},
            "pages": pages,
        }
    )
)
