"""The management commands."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db.models import F
from django.utils import timezone
from twilio.rest.verify.v2.service import ServiceInstance

from django_twilio_2fa.models import Counter, Lock, Verification
from django_twilio_2fa.process import lockout
from django_twilio_2fa.providers import MethodProvider
from django_twilio_2fa.providers.replay import use_once
from django_twilio_2fa.testing.site import move_counts

from ..helpers import held_port
from ..loopback_twilio import LoopbackTwilio
from ..people import Person

ROOT = Path(__file__).resolve().parents[3]
# Earlier versions of twilio-python drop this part of the answer about a service.
TELLS_OF_WHATSAPP = hasattr(ServiceInstance(None, {}), "whatsapp")


class Undiagnosed(MethodProvider):
    label = "Post"

    def diagnose(self) -> Any:
        raise RuntimeError("somebody else's bug")


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

    def test_prune_deletes_old_rows_and_keeps_new_ones(self, old: Person) -> None:
        assert "1 verifications were removed" in run("twilio_2fa_prune", "--days", "90")
        assert [row.status for row in Verification.objects.all()] == ["pending"]

    def test_a_dry_run_of_prune_deletes_nothing(self, old: Person) -> None:
        assert "1 verifications would be removed" in run("twilio_2fa_prune", "--dry-run")
        assert Verification.objects.count() == 2

    def test_prune_deletes_the_destination_of_an_expired_row(self, pat: Person, later: Any) -> None:
        pat.opens("start").picks("sms")
        later(601)
        assert Verification.objects.get().destination
        assert "1 destinations were removed" in run("twilio_2fa_prune")
        row = Verification.objects.get()
        assert (row.destination, row.status, row.pending_key) == ("", "expired", None)

    def test_prune_keeps_the_destination_of_a_pending_row(self, pat: Person) -> None:
        pat.opens("start").picks("sms")
        run("twilio_2fa_prune", "--days", "0")
        assert pat.types_the_code().is_verified

    def test_prune_keeps_rows_that_have_expired_lately(self, pat: Person, later: Any) -> None:
        pat.opens("start").picks("sms").types_the_code()
        later(2 * 86400)
        assert "0 verifications were removed" in run("twilio_2fa_prune", "--days", "3")
        assert "1 verifications were removed" in run("twilio_2fa_prune", "--days", "1")

    def test_prune_keeps_an_old_row_that_has_not_expired(self, pat: Person, later: Any) -> None:
        pat.opens("start").picks("sms")
        later(2 * 86400)
        Verification.objects.update(expires_at=timezone.now() + timedelta(minutes=1), in_figures=True)
        assert "0 verifications were removed" in run("twilio_2fa_prune", "--days", "1")

    def test_prune_keeps_a_row_that_is_not_in_the_figures_yet(self, pat: Person, later: Any) -> None:
        pat.opens("start").picks("sms")
        later(601)
        assert "0 verifications were removed" in run("twilio_2fa_prune", "--days", "0")
        assert Verification.objects.exists()

    def test_prune_leaves_a_row_that_is_being_checked(self, pat: Person, later: Any) -> None:
        pat.opens("start").picks("sms")
        later(601)
        Verification.objects.update(lease="of a check", lease_until=timezone.now() + timedelta(seconds=9))
        assert "0 destinations were removed" in run("twilio_2fa_prune")
        row = Verification.objects.get()
        assert (row.status, bool(row.destination)) == ("pending", True)

    def test_prune_does_not_change_the_status_of_a_verification(self, pat: Person, later: Any) -> None:
        pat.opens("start").picks("sms")
        later(601)
        Verification.objects.update(status="canceled")
        assert "1 destinations were removed" in run("twilio_2fa_prune")
        assert (Verification.objects.get().status, Verification.objects.get().destination) == ("canceled", "")

    def test_prune_deletes_old_counters_and_keeps_endless_locks(self, pat: Person) -> None:
        pat.opens("start").picks("sms").types_a_wrong_code()
        Counter.objects.filter(window__gt=0).update(window=F("window") - 91 * 86400)
        run("twilio_2fa_prune")
        assert [c.scope for c in Counter.objects.all()] == ["wrong_tokens_in_a_row"]

    def test_prune_keeps_counters_that_still_count(self, pat: Person, settings: Any, later: Any) -> None:
        settings.TWILIO_2FA_LIMITS = {"wrong_tokens_per_user": "2/3d"}
        pat.opens("start").picks("sms").types_a_wrong_code()
        later(2 * 86400)
        move_counts(2 * 86400)
        run("twilio_2fa_prune", "--days", "0")
        pat.opens("start").picks("sms").types_a_wrong_code()
        assert lockout.locked_until(pat.user, "")

    def test_prune_lets_no_code_be_used_twice(self, db: None) -> None:
        assert use_once("totp", "YF", "123456", seconds=300)
        newest = max(Counter.objects.values_list("window", flat=True))
        # As if the code had been used a second ago, at the end of a step.
        Counter.objects.update(window=F("window") - (newest - int(time.time()) + 1))
        run("twilio_2fa_prune", "--days", "0")
        assert not use_once("totp", "YF", "123456", seconds=300)

    @pytest.mark.parametrize("days", ["-1", "999999999999", "9" * 30])
    def test_prune_refuses_invalid_days(self, pat: Person, days: str) -> None:
        pat.opens("start").picks("sms")
        with pytest.raises(CommandError, match="days"):
            run("twilio_2fa_prune", f"--days={days}")
        assert Counter.objects.exists()

    def test_prune_deletes_only_locks_that_have_ended(self, pat: Person) -> None:
        lockout.lock((pat.user.pk,), Lock.FOR_EVER)
        lockout.lock((pat.user.pk, "tab"), int(time.time()) + 60)
        assert "0 locks were removed" in run("twilio_2fa_prune")
        Lock.objects.exclude(until=Lock.FOR_EVER).update(until=F("until") - 61)
        assert "1 locks were removed" in run("twilio_2fa_prune")
        assert Lock.objects.get().until == Lock.FOR_EVER


def test_unlocking_an_unknown_user_is_an_error(db: None) -> None:
    with pytest.raises(CommandError, match="no user nobody"):
        run("twilio_2fa_unlock", "nobody")


class TestCheck:
    """`twilio_2fa_check`, against the sandbox in another process."""

    @pytest.fixture
    def twilio(self, twilio_over_http: LoopbackTwilio) -> LoopbackTwilio:
        return twilio_over_http

    def failing(self) -> list[str]:
        """Run the command, which has to fail. Return its lines that report a failure."""
        out = StringIO()
        with pytest.raises(CommandError, match="Not everything is in order"):
            call_command("twilio_2fa_check", stdout=out)
        assert "a secret" not in out.getvalue()
        return [line.split(None, 1)[1] for line in out.getvalue().splitlines() if line.startswith("FAILED")]

    def test_check_command_passes_if_all_is_set_up(self, twilio: LoopbackTwilio) -> None:
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
    def test_check_command_says_what_is_missing(
        self, twilio: LoopbackTwilio, settings: Any, changed: dict[str, Any], fails: str
    ) -> None:
        for name, value in changed.items():
            setattr(settings, f"TWILIO_2FA_{name}", value)
        assert self.failing() == [fails]

    def test_check_command_names_a_method_that_lacks_its_app(
        self, twilio: LoopbackTwilio, settings: Any
    ) -> None:
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
    def test_check_command_reports_an_error_of_twilio(
        self, twilio: LoopbackTwilio, fault: str, fails: str
    ) -> None:
        twilio.does(fault, times=0, seconds=1)
        assert self.failing() == [fails]

    @pytest.mark.parametrize(("fault", "says"), [("", "asks for no key"), ("asks-for-key", "asks for a key")])
    def test_check_command_says_whether_a_call_asks_for_a_key(
        self, twilio: LoopbackTwilio, fault: str, says: str
    ) -> None:
        if fault:
            twilio.does(fault, times=0)
        [line] = [line for line in run("twilio_2fa_check").splitlines() if " call:" in line]
        assert line.startswith("ok")
        assert says in line

    def test_check_command_goes_on_after_a_failing_provider(self, db: None, settings: Any) -> None:
        settings.TWILIO_2FA_PROVIDERS = {"post": f"{__name__}.Undiagnosed"}
        settings.TWILIO_2FA_ALLOWED_METHODS = ["post", "missing"]
        assert self.failing() == ["post: it failed: RuntimeError", "missing: no installed provider offers it"]

    def test_check_command_with_the_sandbox_asks_twilio_nothing(self, db: None) -> None:
        assert run("twilio_2fa_check").startswith("?       account: the sandbox answers")


RECOVERY_AND_CALL = ("twilio_2fa_recovery", "twilio_2fa_call")


class TestSandbox:
    def test_sandbox_command_lists_the_faults(self) -> None:
        out = run("twilio_2fa_sandbox", "--faults")
        assert "hang: " in out
        assert "60410: " in out

    def test_sandbox_command_refuses_a_port_in_use(self) -> None:
        with held_port(listening=True) as port, pytest.raises(CommandError, match="cannot be used"):
            call_command("twilio_2fa_sandbox", "--port", str(port))

    def test_sandbox_command_refuses_an_unknown_fault(self) -> None:
        with pytest.raises(CommandError, match="There is no fault flood"):
            call_command("twilio_2fa_sandbox", "--port", "0", "--fault", "flood")


class TestProviders:
    """`twilio_2fa_providers`: installed providers, their origin, and whether each can be used."""

    def lines(self) -> dict[str, list[str]]:
        rows = [line.split(None, 3) for line in run("twilio_2fa_providers").splitlines()[1:]]
        return {row[0]: row[1:] for row in rows}

    def test_providers_are_listed_with_distribution_and_app(self) -> None:
        found = self.lines()
        assert {"sms", "call", "email", "whatsapp", "totp", "passkey", "push", "recovery", "link"} == set(
            found
        )
        assert found["sms"] == ["django_twilio_2fa", "twilio_2fa_sms", "yes"]
        # Passkeys need a request. The command makes one.
        assert found["passkey"][2] == "yes, but not in TWILIO_2FA_ALLOWED_METHODS"
        assert found["link"][:2] == ["TWILIO_2FA_PROVIDERS", "demo.link"]

    def test_the_list_of_providers_says_why_one_is_unusable(self, settings: Any, monkeypatch: Any) -> None:
        settings.INSTALLED_APPS = [a for a in settings.INSTALLED_APPS if a not in RECOVERY_AND_CALL]
        settings.TWILIO_2FA_ALLOWED_METHODS = ["sms"]
        settings.TWILIO_2FA_PROVIDERS = {"broken": "no.such.Provider"}
        found = self.lines()
        assert found["email"][2] == "yes, but not in TWILIO_2FA_ALLOWED_METHODS"
        assert found["call"][2].startswith("yes, but twilio_2fa_call is not in INSTALLED_APPS")
        assert found["recovery"][2] == "no: twilio_2fa_recovery is not in INSTALLED_APPS"
        assert found["broken"][2].startswith("no: ModuleNotFoundError")

    def test_a_provider_within_an_installed_app_is_usable(self, settings: Any) -> None:
        settings.TWILIO_2FA_PROVIDERS = {"post": "demo.pigeon.provider.PigeonProvider"}
        settings.INSTALLED_APPS = [a for a in settings.INSTALLED_APPS if a != "demo.pigeon"]
        assert "demo" in settings.INSTALLED_APPS
        settings.TWILIO_2FA_ALLOWED_METHODS = ["post"]
        assert self.lines()["post"] == ["TWILIO_2FA_PROVIDERS", "demo.pigeon", "yes"]

    def test_the_list_of_providers_says_which_are_off_by_default(self, settings: Any) -> None:
        settings.TWILIO_2FA_ALLOWED_METHODS = None
        assert self.lines()["whatsapp"][2].startswith("yes, but off unless")


class TestStartProvider:
    """`twilio_2fa_startprovider`. Tests in packaging/ build, install and test the package that it writes."""

    def test_startprovider_writes_a_distribution(self, tmp_path: Path) -> None:
        assert "Next: pip install" in run("twilio_2fa_startprovider", "carrier_pigeon", str(tmp_path / "new"))
        written = {p.relative_to(tmp_path / "new").as_posix() for p in (tmp_path / "new").rglob("*.*")}
        assert written == {
            "README.md",
            "pyproject.toml",
            *(f"carrier_pigeon_2fa/{name}" for name in ("__init__.py", "apps.py", "provider.py", "py.typed")),
            "carrier_pigeon_2fa/templates/twilio_2fa/carrier_pigeon/verify.html",
            *(f"tests/{name}.py" for name in ("__init__", "settings", "urls", "test_provider")),
        }
        project = (tmp_path / "new" / "pyproject.toml").read_text()
        assert 'carrier_pigeon = "carrier_pigeon_2fa.provider:CarrierPigeonProvider"' in project
        for path in (tmp_path / "new").rglob("*.py"):
            compile(path.read_text(), path.name, "exec")

    def test_the_written_code_is_formatted_and_lints(self, tmp_path: Path) -> None:
        ruff = shutil.which("ruff", path=str(Path(sys.executable).parent))
        if ruff is None:
            pytest.skip("needs ruff")
        run("twilio_2fa_startprovider", "owl", str(tmp_path))
        for command in (["check", "--select", "E,F,UP,B,SIM,RUF"], ["format", "--check"]):
            done = subprocess.run(
                [ruff, *command, "--no-cache", "--isolated", "--line-length", "110", "."],
                cwd=tmp_path,
                capture_output=True,
                text=True,
            )
            assert done.returncode == 0, done.stdout + done.stderr

    def test_the_default_folder_is_named_after_the_method(self, tmp_path: Path, monkeypatch: Any) -> None:
        monkeypatch.chdir(tmp_path)
        run("twilio_2fa_startprovider", "owl")
        assert (tmp_path / "owl-2fa" / "owl_2fa" / "provider.py").is_file()

    @pytest.mark.parametrize("name", ["Owl", "1owl", "owl-post", "owl_", "", "class", "../owl", "o" * 41])
    def test_startprovider_refuses_an_invalid_name(self, tmp_path: Path, name: str) -> None:
        with pytest.raises(CommandError, match="cannot be the name of a method"):
            call_command("twilio_2fa_startprovider", name, str(tmp_path / "new"))
        assert list(tmp_path.iterdir()) == []

    def test_startprovider_refuses_an_existing_method(self, tmp_path: Path) -> None:
        with pytest.raises(CommandError, match="There is a method sms already, in django_twilio_2fa"):
            call_command("twilio_2fa_startprovider", "sms", str(tmp_path / "new"))

    def test_startprovider_refuses_an_app_label_in_use(self, tmp_path: Path) -> None:
        with pytest.raises(CommandError, match="label twilio_2fa already"):
            call_command("twilio_2fa_startprovider", "twilio", str(tmp_path / "new"))
        assert list(tmp_path.iterdir()) == []

    def test_startprovider_changes_nothing_in_a_used_folder(self, tmp_path: Path) -> None:
        (tmp_path / "notes").write_text("mine")
        for folder in (tmp_path, tmp_path / "notes", tmp_path / "notes" / "new"):
            with pytest.raises(CommandError):
                call_command("twilio_2fa_startprovider", "owl", str(folder))
        assert [p.name for p in tmp_path.iterdir()] == ["notes"]

    def test_the_written_settings_are_those_of_the_tutorial(self, tmp_path: Path) -> None:
        run("twilio_2fa_startprovider", "owl", str(tmp_path))
        assert (tmp_path / "tests" / "settings.py").read_text() in (
            ROOT / "docs" / "providers.md"
        ).read_text()
