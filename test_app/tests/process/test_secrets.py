"""A run through all features, and a search of its logs, pages, emails and rows for sensitive values."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import unquote

import pytest
from django.apps import apps
from django.contrib.auth import get_user_model
from django.contrib.sessions.models import Session
from django.core import mail
from django.db import OperationalError, connection
from django.test import Client
from django.views.debug import ExceptionReporter

from django_twilio_2fa import errors
from django_twilio_2fa.contacts import PhoneNumber
from django_twilio_2fa.models import Counter, Device, Verification
from django_twilio_2fa.providers import Checked, MethodProvider, Sent
from django_twilio_2fa.signals import twilio_2fa_set_user_data
from django_twilio_2fa.verifier import Verifier

from ..api.test_api import Caller
from ..attacks.test_unauthenticated import Stranger
from ..loopback_twilio import LoopbackTwilio
from ..people import EMAIL, PHONE, Person

pytestmark = pytest.mark.usefixtures("sessions_in_database")

SECOND, THIRD = "+12025550147", "+12025550148"
OTHER_EMAIL = "someone.else@example.org"
AUTH_TOKEN = "a-very-secret-auth-token"
# The number or address that a page shows while it is being registered.
ENTERED = re.compile(r"<p>(?:Phone number|Email address): <strong><bdi>([^<]+)</bdi></strong></p>")


class BrokenProvider(MethodProvider):
    """A provider whose error message contains the token."""

    label = "Broken"
    sends = False

    def start(self, verification: Any, *, request: Any = None) -> Sent:
        return Sent()

    def check(self, verification: Any, token: str, *, request: Any = None) -> Checked:
        raise RuntimeError(f"{token} is none of mine")


class Everything(logging.Handler):
    """Collect logs of every level, the error report of each exception, pages and sessions."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.setFormatter(logging.Formatter("%(levelname)s %(name)s %(message)s %(args)s"))
        self.found: list[tuple[str, str]] = []
        self.typed: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        if "/sandbox/" in record.getMessage():
            return  # The test itself reads delivered codes from the sandbox.
        self.found.append((f"log {record.name}", self.format(record)))
        if record.exc_info and record.exc_info[1]:
            report = ExceptionReporter(getattr(record, "request", None), *record.exc_info)
            self.found.append((f"report {record.name}", report.get_traceback_html()))
            self.found.append((f"report {record.name}", report.get_traceback_text()))

    def raised(self, error: BaseException) -> None:
        self.found.append(("exception", f"{error!s} {error!r} {error.args} {getattr(error, 'data', '')}"))

    def saw(self, request: dict[str, Any], response: Any, typed: dict[str, Any]) -> None:
        address = request["PATH_INFO"] + "?" + request.get("QUERY_STRING", "")
        self.found.append(("address", unquote(address)))
        self.found.append((f"headers {address}", str(dict(response.headers))))
        # The example number in the form and its errors does not belong to a user.
        page = re.sub(r"(For example,|like) 202 555 0143", "", response.content.decode())
        # The form shows the user's own input again while it is wrong or can be corrected.
        self.typed |= {v for k, v in typed.items() if k in ("phone_number", "email") and v}
        if request["PATH_INFO"].endswith("/register/"):
            for value in self.typed:
                page = page.replace(f'value="{value}"', 'value=""')
        if request["PATH_INFO"].endswith("/verify/"):
            page = ENTERED.sub(lambda shown: "" if self.has_typed(shown[1]) else shown[0], page)
        self.found.append((f"page {address}", page))
        for row in Session.objects.all():
            self.found.append(("session", str(row.get_decoded())))

    def has_typed(self, text: str) -> bool:
        """Return whether a user has typed this number or address, in any notation."""
        digits = re.sub(r"\D", "", text)
        typed = {re.sub(r"\D", "", value) for value in self.typed if "@" not in value}
        return text in self.typed or any(number and digits.endswith(number) for number in typed)


@pytest.fixture
def everything(monkeypatch: Any) -> Iterator[Everything]:
    caught = Everything()
    root = logging.getLogger()
    level = root.level
    root.addHandler(caught)
    root.setLevel(logging.DEBUG)
    original = Client.generic

    def generic(self: Any, method: str, path: str, data: Any = "", *args: Any, **extra: Any) -> Any:
        response = original(self, method, path, data, *args, **extra)
        if not path.startswith("/sandbox"):
            typed = {k: v[-1] for k, v in getattr(response.wsgi_request, "POST", {}).lists()}
            caught.saw(response.request, response, typed)
        return response

    monkeypatch.setattr(Client, "generic", generic)
    yield caught
    root.removeHandler(caught)
    root.setLevel(level)


def leaks(text: str, codes: set[str], sids: set[str]) -> list[str]:
    found = [m for m in (AUTH_TOKEN, EMAIL, OTHER_EMAIL) if m in text]
    found += re.findall(r"202\D{0,4}555\D{0,4}01(?:43|47|48)", text)
    found += [code for code in codes if re.search(rf"(?<![\w.]){code}(?!\w)", text)]
    return found + [sid for sid in sids if sid in text]


def refuse_verifications(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
    if sql.startswith(('INSERT INTO "twilio_2fa_verification"', 'INSERT INTO "twilio_2fa_device"')):
        raise OperationalError(f"disk full\nDETAIL: Failing row contains {params}")
    return execute(sql, params, many, context)


def failing_receiver(**kwargs: Any) -> None:
    raise RuntimeError("the receiver's own fault")


def over_the_api(twilio: LoopbackTwilio, settings: Any, code_of: Callable[[str], str]) -> None:
    Counter.objects.all().delete()
    settings.TWILIO_2FA_ALLOW_UNAUTHENTICATED_USERS = True
    api = Caller("demo")
    for fault in (None, "hang", "html-502", "60200"):
        if fault:
            twilio.does(fault, on="VerificationCheck", seconds=0.6)
        id = api.sends(method="email")["verification_id"]
        api.verifies(id, "000000")
        api.verifies(id, code_of(OTHER_EMAIL))
        twilio.is_well()
        Verification.objects.filter(status="pending").delete()
    id = api.asks("set-phone-number", phone_number=THIRD).json()["verification_id"]
    assert api.verifies(id, code_of(THIRD)).status_code == 200
    for values in ({"phone_number": f"{THIRD}x"}, {"phone_number": THIRD}, {"email": f"x{OTHER_EMAIL}@"}):
        api.asks("send", method="sms", **values)
    api.asks("verification-methods")
    api.asks("devices", "get")
    Device.objects.filter(value=THIRD).delete()
    stranger = Stranger(api.user.pk)
    stranger.verifies(stranger.sends(), code_of(SECOND))


def live(twilio: LoopbackTwilio, settings: Any, everything: Everything) -> tuple[set[str], set[str]]:
    """Use all features of a site. Return the codes and SIDs that occurred."""
    settings.TWILIO_2FA_AUTH_TOKEN = AUTH_TOKEN
    settings.TWILIO_2FA_LIMITS = dict.fromkeys(("unproven_sends_per_user", "unproven_sends_per_destination"))
    settings.TWILIO_2FA_SEND_COOLDOWN = 0
    settings.TWILIO_2FA_MAX_SENDS = 5
    codes: set[str] = set()
    get_user_model().objects.create_user("demo", email=OTHER_EMAIL)
    get_user_model().objects.create_superuser("root", password="root")
    person = Person("demo")

    def code_of(to: str) -> str:
        codes.update(twilio.delivered(to))
        return twilio.delivered(to)[0]

    twilio_2fa_set_user_data.connect(failing_receiver)
    # A first phone: an invalid number, then a valid one. Wrong codes, then the right code.
    person.opens("start").picks("sms").registers("2025550143x")
    person.registers("202-555-0143")
    person.types("12 34 5x").types("000000").posts(action="resend")
    person.types(code_of(PHONE))
    assert person.is_verified
    twilio_2fa_set_user_data.disconnect(failing_receiver)
    # Adding an address and changing a number.
    person.opens("/2fa/add/").picks("email").posts(email=OTHER_EMAIL)
    person.types(code_of(OTHER_EMAIL))
    pk = Device.objects.get(kind="phone_number").pk
    person.opens("start").picks("sms").types(code_of(PHONE))
    person.opens(f"/2fa/change/{pk}/").picks("sms").registers("(202) 555-0147")
    person.types(code_of(SECOND))
    assert Device.objects.get(kind="phone_number").value == SECOND
    # Every fault of Twilio in a send and in a check.
    for fault in ("hang", "drop", "truncated", "html-200", "html-502", "429", "60200", "60410", "20003"):
        for on in ("Verifications", "VerificationCheck"):
            twilio.does(fault, on=on, seconds=0.6)
            person.page = None
            person.opens("start").picks("email")
            person.posts("verify", token=code_of(OTHER_EMAIL))
            twilio.is_well()
            Verification.objects.filter(status="pending").delete()
    # Errors in callbacks of the site and in a provider.
    for name in ("MESSAGE_DISPLAY_CB", "SERVICE_NAME", "ALLOW_CHANGE", "RATE_LIMITS"):
        setattr(settings, f"TWILIO_2FA_{name}", lambda **kwargs: {}[str(kwargs["user"])])
        person.page = None
        person.opens("start").picks("email").posts("verify", token="000001")
        person.opens("devices")
        delattr(settings, f"TWILIO_2FA_{name}")
    settings.TWILIO_2FA_PROVIDERS = {"broken": f"{__name__}.BrokenProvider"}
    settings.TWILIO_2FA_ALLOWED_METHODS = ["sms", "email", "broken"]
    person.page = None
    person.opens("start").picks("broken").types("918273")
    codes.add("918273")
    # Database errors.
    Verification.objects.filter(status="pending").delete()
    with connection.execute_wrapper(refuse_verifications):
        person.page = None
        person.opens("start").picks("email")
        person.opens("/2fa/add/").picks("sms").registers("202 555 0148")
    # The same over the API, with a session and for an unauthenticated user.
    over_the_api(twilio, settings, code_of)
    # Too many wrong codes, and the email about the lock.
    Counter.objects.all().delete()
    settings.TWILIO_2FA_LIMITS = {"wrong_tokens_per_user": "3/h"}
    person.page = None
    person.opens("start").picks("email")
    for _ in range(4):
        person.posts("verify", token="000000")
    # The verifier called from Python.
    verifier = Verifier(person.user, flow="f", auth="a")
    for to in (SECOND, THIRD, f"{PHONE}x"):
        try:
            verifier.send("sms", to=PhoneNumber(to))
        except errors.TwoFactorError as e:
            everything.raised(e)
    # All pages of the admin.
    admin = Person("root")
    for model in ("device", "verification"):
        rows = apps.get_model("twilio_2fa", model).objects.all()[:5]
        admin.opens(f"/admin/twilio_2fa/{model}/").opens(f"/admin/twilio_2fa/{model}/?q=0147")
        for row in rows:
            admin.opens(f"/admin/twilio_2fa/{model}/{row.pk}/change/")
            admin.opens(f"/admin/twilio_2fa/{model}/{row.pk}/delete/")
            admin.opens(f"/admin/twilio_2fa/{model}/{row.pk}/history/")
    # Every page again, with all rows of this run.
    for page in ("start", "register", "verify", "success", "failed", "devices", "/secret/", "/2fa/add/"):
        person.opens(page)
    sids = {sid for sid in Verification.objects.values_list("sid", flat=True) if sid}
    return codes, sids


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_full_run_leaves_nothing_sensitive_anywhere(
    twilio_over_http: LoopbackTwilio, settings: Any, everything: Everything
) -> None:
    codes, sids = live(twilio_over_http, settings, everything)
    kinds = {where.partition(" ")[0] for where, _text in everything.found}
    assert kinds == {"log", "report", "page", "headers", "address", "session", "exception"}
    assert len(codes) >= 4
    assert len(sids) >= 4
    assert any("urllib3" in where for where, _text in everything.found)
    leaked = {
        (where, leak, text[max(0, text.find(leak) - 80) : text.find(leak) + 80])
        for where, text in everything.found
        for leak in leaks(text, codes, sids)
    }
    assert not leaked
    assert mail.outbox
    assert not [m for m in mail.outbox if leaks(m.subject + m.body, codes, sids)]
    # No row holds a token, or a destination that is not needed any more.
    for model in apps.get_app_config("twilio_2fa").get_models():
        for row in model.objects.values():
            kept = {k: v for k, v in row.items() if k not in ("sid", "id")}
            if model is Device or row.get("status") == "pending":
                kept.pop("value", None)
                kept.pop("destination", None)
            assert not leaks(str(kept), codes, set()), kept


def test_the_search_for_secrets_finds_each_kind() -> None:
    for text in (PHONE, "(202) 555-0143", "%2B12025550147", EMAIL, "code: 123456.", "VE1", AUTH_TOKEN):
        assert leaks(text, {"123456"}, {"VE1"}), text
    assert not leaks("(XXX) XXX-0143 sXX@eXXXXXX.com 1234567", {"123456"}, {"VE1"})
