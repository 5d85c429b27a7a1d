"""Walk a user through the pages of the old project, and print the outcome as JSON."""

# ruff: noqa: E402, T201

import json
import os

os.environ["DJANGO_SETTINGS_MODULE"] = "with_sandbox"

import django

django.setup()

from django.contrib.auth import get_user_model
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.test import Client
from django.test.utils import setup_test_environment

setup_test_environment()
told = {}
call_command("migrate", "customers", verbosity=0)
call_command("migrate", "auth", verbosity=0)
call_command("migrate", "sessions", verbosity=0)
user = get_user_model().objects.create_user("sam", "", "sam")
client = Client()
client.force_login(user)
told["before_migrate"] = []
for address in ("/2fa/start/", "/api/2fa/verification-methods/"):
    try:
        client.get(address)
    except ImproperlyConfigured as e:
        told["before_migrate"].append(str(e))
call_command("migrate", verbosity=0)

from django_twilio_2fa.sandbox import messages

page = client.get("/orders/", follow=True)
told["led_to"] = page.redirect_chain[-1][0]
told["offered"] = [c["method"] for c in page.context["choices"]]
client.post("/2fa/start/?next=/orders/", {"method": "sms"}, follow=True)
number = {"country_code": "US", "phone_number": "202 555 0143"}
page = client.post("/2fa/register/?next=/orders/", number, follow=True)
told["masked"] = page.context["obfuscated_value"]
token = messages.last_code("+12025550143")
page = client.post("/2fa/verify/?next=/orders/", {"token": token}, follow=True)
told["orders"] = client.get("/orders/").content.decode()
user = get_user_model().objects.get(pk=user.pk)
told["stored"] = user.profile.phone_number
print(json.dumps(told))
