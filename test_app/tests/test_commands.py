"""The management commands."""

from __future__ import annotations

import socket
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db.models import F
from twilio.rest.verify.v2.service import ServiceInstance

from django_twilio_2fa.models import Counter, Verification

from .loopback_twilio import LoopbackTwilio
from .people import Person

# Earlier versions of twilio-python leave out what the service says of it.
TELLS_OF_WHATSAPP = hasattr(ServiceInstance(None, {}), "whatsapp")


def run(*args: str) -> str:
    out = StringIO()
    call_command(*args, stdout=out)
    return out.getvalue()


class TestPrune:
    @pytest.fixture
    def old(self, pat: Person, later: Any) -> Person:
        pat.opens("start").picks("sms").types_the_code()
        later(91 * 86400)
        pat.opens("start").picks("sms")
        return pat

    def test_what_is_old_goes_and_what_is_young_stays(self, old: Person) -> None:
        assert "1 verifications were removed" in run("twilio_2fa_prune", "--days", "90")
        assert [row.status for row in Verification.objects.all()] == ["pending"]

    def test_a_dry_run_only_says_how_many(self, old: Person) -> None:
        assert "1 verifications would be removed" in run("twilio_2fa_prune", "--dry-run")
        assert Verification.objects.count() == 2

    def test_a_destination_left_behind_is_blanked(self, pat: Person, later: Any) -> None:
        pat.opens("start").picks("sms")
        later(601)
        assert Verification.objects.get().destination
        assert "1 destinations were removed" in run("twilio_2fa_prune")
        row = Verification.objects.get()
        assert (row.destination, row.status, row.pending_key) == ("", "expired", None)

    def test_a_destination_that_is_needed_still_is_left(self, pat: Person) -> None:
        pat.opens("start").picks("sms")
        run("twilio_2fa_prune", "--days", "0")
        assert pat.types_the_code().is_verified

    def test_old_counts_go_and_locks_for_ever_stay(self, pat: Person) -> None:
        pat.opens("start").picks("sms").types_a_wrong_code()
        Counter.objects.filter(window__gt=0).update(window=F("window") - 91 * 86400)
        run("twilio_2fa_prune")
        assert [c.scope for c in Counter.objects.all()] == ["wrong_tokens_in_a_row"]


def test_unlocking_nobody_is_an_error(db: None) -> None:
    with pytest.raises(CommandError, match="no user nobody"):
        run("twilio_2fa_unlock", "nobody")


class TestCheck:
    """`twilio_2fa_check`, against the sandbox as a process of its own."""

    @pytest.fixture
    def twilio(self, twilio_over_http: LoopbackTwilio) -> LoopbackTwilio:
        return twilio_over_http

    def failing(self) -> list[str]:
        """The lines that are not in order, of a run that exits non-zero for them."""
        out = StringIO()
        with pytest.raises(CommandError, match="Not everything is in order"):
            call_command("twilio_2fa_check", stdout=out)
        assert "a secret" not in out.getvalue()
        return [line.split(None, 1)[1] for line in out.getvalue().splitlines() if line.startswith("FAILED")]

    def test_all_is_in_order(self, twilio: LoopbackTwilio) -> None:
        lines = run("twilio_2fa_check").splitlines()
        assert [line.split()[0] for line in lines] == ["ok"] * 5 + ["ok" if TELLS_OF_WHATSAPP else "?", "?"]
        assert [line.split(None, 1)[1].partition(":")[0] for line in lines] == [
            "credentials",
            "service",
            "code length",
            "sms",
            "call",
            "whatsapp",
            "email",
        ]

    @pytest.mark.parametrize(
        ("changed", "fails"),
        [
            ({"AUTH_TOKEN": "invalid"}, "credentials: Twilio refuses the credentials"),
            ({"AUTH_TOKEN": None}, "credentials: credentials or the service are not set"),
            ({"SERVICE_ID": "VA" + "0" * 32}, "service: there is no such service in this account"),
            (
                {"REGISTRATION_SERVICE_ID": "VA" + "0" * 32},
                "registration service: there is no such service in this account",
            ),
            ({"TOKEN_LENGTH": 8}, "code length: the service sends 6 digits, TWILIO_2FA_TOKEN_LENGTH is 8"),
            ({"ALLOWED_METHODS": ["sms", "owl"]}, "owl: no installed provider offers it"),
            ({"BASE_URL": "http://127.0.0.1:1"}, "service: Twilio cannot be reached"),
        ],
    )
    def test_what_is_not_is_said(
        self, twilio: LoopbackTwilio, settings: Any, changed: dict[str, Any], fails: str
    ) -> None:
        for name, value in changed.items():
            setattr(settings, f"TWILIO_2FA_{name}", value)
        assert self.failing() == [fails]

    def test_so_is_a_method_that_lacks_something_here(self, twilio: LoopbackTwilio, settings: Any) -> None:
        settings.TWILIO_2FA_ALLOWED_METHODS = ["sms", "recovery"]
        settings.INSTALLED_APPS = [a for a in settings.INSTALLED_APPS if a != "twilio_2fa_recovery"]
        assert self.failing() == ["recovery: twilio_2fa_recovery is not in INSTALLED_APPS"]

    @pytest.mark.parametrize(
        ("fault", "fails"),
        [
            pytest.param(
                "no-whatsapp",
                "whatsapp: the service has no WhatsApp sender",
                marks=pytest.mark.skipif(not TELLS_OF_WHATSAPP, reason="twilio-python drops it"),
            ),
            ("hang", "service: Twilio gave no usable answer"),
            ("html-200", "service: Twilio gave no usable answer"),
            ("20503", "service: Twilio answered 20503"),
            ("429", "service: Twilio answered twilio_rate_limited"),
        ],
    )
    def test_a_fault_is_said(self, twilio: LoopbackTwilio, fault: str, fails: str) -> None:
        twilio.does(fault, times=0, seconds=1)
        assert self.failing() == [fails]

    @pytest.mark.parametrize(("fault", "says"), [("", "asks for no key"), ("asks-for-key", "asks for a key")])
    def test_it_says_whether_a_call_asks_for_a_key(
        self, twilio: LoopbackTwilio, fault: str, says: str
    ) -> None:
        if fault:
            twilio.does(fault, times=0)
        [line] = [line for line in run("twilio_2fa_check").splitlines() if " call:" in line]
        assert line.startswith("ok")
        assert says in line

    def test_in_the_sandbox_it_says_that_nothing_was_asked(self, db: None) -> None:
        assert run("twilio_2fa_check").startswith("?       account: the sandbox answers")


RECOVERY_AND_CALL = ("twilio_2fa_recovery", "twilio_2fa_call")


class TestSandbox:
    def test_it_lists_its_faults(self) -> None:
        out = run("twilio_2fa_sandbox", "--faults")
        assert "hang: " in out
        assert "60410: " in out

    def test_a_port_that_is_taken_is_an_error(self) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            with pytest.raises(CommandError, match="cannot be used"):
                call_command("twilio_2fa_sandbox", "--port", str(taken.getsockname()[1]))

    def test_an_unknown_fault_is_an_error(self) -> None:
        with pytest.raises(CommandError, match="There is no fault flood"):
            call_command("twilio_2fa_sandbox", "--port", "0", "--fault", "flood")


class TestProviders:
    """`twilio_2fa_providers`: what is installed, where it comes from, whether it can be used."""

    def lines(self) -> dict[str, list[str]]:
        rows = [line.split(None, 3) for line in run("twilio_2fa_providers").splitlines()[1:]]
        return {row[0]: row[1:] for row in rows}

    def test_each_is_listed_with_its_distribution_and_app(self) -> None:
        found = self.lines()
        assert {"sms", "call", "email", "whatsapp", "totp", "recovery", "link"} == set(found)
        assert found["sms"] == ["django_twilio_2fa", "twilio_2fa_sms", "yes"]
        assert found["link"][:2] == ["TWILIO_2FA_PROVIDERS", "demo.link"]

    def test_what_keeps_one_from_use_is_said(self, settings: Any, monkeypatch: Any) -> None:
        settings.INSTALLED_APPS = [a for a in settings.INSTALLED_APPS if a not in RECOVERY_AND_CALL]
        settings.TWILIO_2FA_ALLOWED_METHODS = ["sms"]
        settings.TWILIO_2FA_PROVIDERS = {"broken": "no.such.Provider"}
        found = self.lines()
        assert found["email"][2] == "yes, but not in TWILIO_2FA_ALLOWED_METHODS"
        assert found["call"][2].startswith("yes, but twilio_2fa_call is not in INSTALLED_APPS")
        assert found["recovery"][2] == "no: twilio_2fa_recovery is not in INSTALLED_APPS"
        assert found["broken"][2].startswith("no: ModuleNotFoundError")

    def test_off_by_default_is_said(self, settings: Any) -> None:
        settings.TWILIO_2FA_ALLOWED_METHODS = None
        assert self.lines()["whatsapp"][2].startswith("yes, but off unless")
