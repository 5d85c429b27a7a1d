"""`twilio_2fa_import`: tables that the real packages have made, and unusual or invalid rows."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from twilio_2fa_totp.provider import TOTPProvider

from django_twilio_2fa.authenticators import NotTaken, SharedSecret
from django_twilio_2fa.models import Device, ImportedDevice
from django_twilio_2fa.sandbox.models import SandboxFactor
from django_twilio_2fa.signals import SIGNALS

from ..helpers import heard
from ..people import EMAIL, PHONE, Person

DRIVE = Path(__file__).parent / "drive.py"
MODULES = {
    "django_otp": "django_otp",
    "two_factor": "two_factor",
    "allauth_mfa": "allauth",
    "mfa": "mfa",
}
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
HEX = "48656c6c6f21deadbeef48656c6c6f21deadbeef"


def drive(mode: str, source: str, database: Path) -> str:
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    env.pop("DJANGO_SETTINGS_MODULE", None)
    command = [sys.executable, str(DRIVE), mode, source, str(database)]
    done = subprocess.run(command, capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stderr
    return done.stdout


def why(report: dict[str, Any]) -> list[tuple[str, str]]:
    return sorted((row["kind"], row["why"].partition(":")[0]) for row in report["not_taken"])


# Tables of the real packages: the devices that are taken over, and the reasons for the other rows.
TAKEN: dict[str, tuple[list[list[str]], list[tuple[str, str]]]] = {
    "django_otp": (
        [
            ["pat", "email", "mail", "pXX@eXXXXXX.com"],
            ["sam", "email", "", "sXX@eXXXXXX.com"],
            ["sam", "totp", "Work", ""],
        ],
        [
            ("authenticator", "its codes have 8 digits"),
            ("counter", "codes that are counted (HOTP) are not supported"),
            ("recovery codes", "recovery codes cannot be taken over"),
        ],
    ),
    "two_factor": (
        [["sam", "phone_number", "", "(XXX) XXX-0143"], ["sam", "totp", "", ""]],
        [("phone_number", "We cannot send codes to Germany. Enter a phone number from another country.")],
    ),
    "allauth_mfa": (
        [["sam", "totp", "", ""]],
        [
            ("recovery codes", "recovery codes cannot be taken over"),
            ("security key", "security keys and passkeys cannot be taken over"),
        ],
    ),
    "mfa": (
        [["sam", "totp", "Work", ""]],
        [
            ("recovery codes", "recovery codes cannot be taken over"),
            ("security key", "security keys and passkeys cannot be taken over"),
        ],
    ),
}


@pytest.mark.parametrize("source", TAKEN)
@pytest.mark.slow
def test_tables_of_the_real_package_are_taken_over(source: str, tmp_path: Path) -> None:
    if find_spec(MODULES[source]) is None:
        pytest.skip(f"needs the package of {source}")
    database = tmp_path / "site.sqlite3"
    drive("make", source, database)
    told = json.loads(drive("take", source, database))
    devices, not_taken = TAKEN[source]
    assert told["devices"] == devices
    assert why(told["first"]) == not_taken
    # A dry run reports the same and stores nothing. A second run finds all devices registered.
    assert (told["dry"], told["stored"]) == (told["first"], 0)
    assert told["second"] == {**told["first"], "taken": {}, "there": len(devices)}
    # The user keeps the entry in their authenticator app.
    assert told["verified"] == "approved"


# Unusual and invalid rows


@pytest.fixture
def table(transactional_db: None) -> Iterator[Callable[..., None]]:
    """Return a function that makes a table with rows, as another package does."""
    made: list[str] = []
    quote = connection.ops.quote_name

    def make(name: str, *rows: dict[str, Any]) -> None:
        columns = list(dict.fromkeys(["id", *(c for row in rows for c in row)]))
        kinds = {"id": "integer", "user_id": "integer", "confirmed": "boolean", "step": "integer"}
        kinds |= dict.fromkeys(("digits", "t0"), "integer")
        declared = ", ".join(f"{quote(c)} {kinds.get(c, 'varchar(255)')}" for c in columns)
        with connection.cursor() as cursor:
            cursor.execute(f"CREATE TABLE {quote(name)} ({declared})")
            for n, row in enumerate(rows, 1):
                values = {"id": n, **row}
                holes = ", ".join(["%s"] * len(values))
                names = ", ".join(map(quote, values))
                cursor.execute(f"INSERT INTO {quote(name)} ({names}) VALUES ({holes})", [*values.values()])
        made.append(name)

    yield make
    with connection.cursor() as cursor:
        for name in made:
            cursor.execute(f"DROP TABLE {quote(name)}")


@pytest.fixture
def user(transactional_db: None, django_user_model: Any, settings: Any) -> Any:
    settings.TWILIO_2FA_ALLOWED_METHODS = ["sms", "email", "totp"]
    return django_user_model.objects.create_user("sam", password="sam", email=EMAIL)


def take(source: str, *options: str) -> dict[str, Any]:
    out = StringIO()
    call_command("twilio_2fa_import", source, "--json", *options, stdout=out)
    report: dict[str, Any] = json.loads(out.getvalue())
    return report


TOTP = "otp_totp_totpdevice"


def totp(user: Any, **fields: Any) -> dict[str, Any]:
    return {"user_id": user.pk, "name": "Phone", "confirmed": True, "key": HEX, **fields}


def test_a_package_without_tables_is_an_error(db: None) -> None:
    with pytest.raises(CommandError, match="no tables of django_otp"):
        call_command("twilio_2fa_import", "django_otp")


def test_a_decryption_that_cannot_be_imported_is_an_error(user: Any, table: Any) -> None:
    table(TOTP, totp(user))
    with pytest.raises(CommandError, match="nowhere"):
        take("django_otp", "--decrypt", "nowhere.at_all")


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"key": "no hex"}, "its secret cannot be read"),
        ({"key": ""}, "its secret cannot be read"),
        ({"t0": 5}, "its codes do not begin at the Unix epoch (t0)"),
        ({"step": 300}, "its codes change every 300 seconds"),
        ({"digits": 8}, "its codes have 8 digits"),
        ({"user_id": 999_999}, "there is no such user"),
    ],
)
def test_an_authenticator_that_does_not_fit_is_reported(
    user: Any, table: Any, fields: dict[str, Any], reason: str
) -> None:
    table(TOTP, totp(user, **fields), totp(user))
    report = take("django_otp")
    assert [row["why"] for row in report["not_taken"]] == [reason]
    # The other row is taken over.
    assert report["taken"] == {"authenticator": 1}
    assert HEX not in json.dumps(report)


def test_the_period_of_an_authenticator_is_kept(user: Any, table: Any) -> None:
    table(TOTP, totp(user, step=30))
    take("django_otp")
    device = Device.objects.get()
    assert device.name == "Phone"
    assert SandboxFactor.objects.get(sid=device.value).status == "verified"


def test_a_code_that_twilio_refuses_leaves_no_factor_behind(user: Any, table: Any, monkeypatch: Any) -> None:
    table(TOTP, totp(user))
    monkeypatch.setattr(SharedSecret, "code", lambda self, at: "000000")
    report = take("django_otp")
    assert [row["why"] for row in report["not_taken"]] == ["Twilio did not accept a code of it"]
    assert not Device.objects.exists()
    assert not SandboxFactor.objects.exists()
    monkeypatch.undo()
    assert take("django_otp")["taken"] == {"authenticator": 1}


def test_an_import_without_twilio_is_retried_in_the_next_run(
    user: Any, table: Any, twilio_over_http: Any
) -> None:
    table(TOTP, totp(user))
    twilio_over_http.does("20503", times=1)
    [row] = take("django_otp")["not_taken"]
    assert row["why"].startswith("Twilio did not take it, try again later")
    assert not ImportedDevice.objects.exists()
    assert take("django_otp")["taken"] == {"authenticator": 1}


def test_an_error_in_a_method_does_not_stop_other_rows(
    user: Any, table: Any, monkeypatch: Any, caplog: Any
) -> None:
    table(TOTP, totp(user))
    table("otp_twilio_twiliosmsdevice", {"user_id": user.pk, "confirmed": True, "number": PHONE})

    def fails(*args: Any, **kwargs: Any) -> Any:
        raise KeyError(f"somebody else's bug with {HEX}")

    monkeypatch.setattr(TOTPProvider, "take_secret", fails)
    report = take("django_otp")
    # The log says where it failed, without the message, which may hold the secret.
    assert "in fails" in caplog.text
    assert HEX not in caplog.text
    assert [row["why"] for row in report["not_taken"]] == ["its method failed, try again later (KeyError)"]
    assert report["taken"] == {"phone_number": 1}
    monkeypatch.undo()
    assert take("django_otp")["taken"] == {"authenticator": 1}


def test_authenticators_without_a_method_are_reported(user: Any, table: Any, settings: Any) -> None:
    table(TOTP, totp(user))
    settings.TWILIO_2FA_PROVIDERS = {**settings.TWILIO_2FA_PROVIDERS, "totp": None}
    assert [r["why"] for r in take("django_otp")["not_taken"]] == [
        "no method for authenticators is installed"
    ]


def test_a_removed_device_is_not_taken_over_again(user: Any, table: Any) -> None:
    table(TOTP, totp(user))
    table("two_factor_phonedevice", {"user_id": user.pk, "number": PHONE})
    assert sum(take("two_factor")["taken"].values()) == 2
    Device.objects.all().delete()
    assert take("two_factor")["taken"] == {}
    assert not Device.objects.exists()


def test_a_number_that_is_already_registered_is_left_alone(table: Any, user: Any) -> None:
    from django_twilio_2fa.testing import register_device

    register_device(user, PHONE)
    table("two_factor_phonedevice", {"user_id": user.pk, "number": PHONE, "name": "Old"})
    assert take("two_factor") == {"taken": {}, "there": 1, "not_taken": []}
    assert Device.objects.get().name == ""


@pytest.mark.parametrize("number", ["", "no number", "+1", "+12025550143" * 9, "\u202e"])
def test_a_number_that_cannot_be_read_is_reported(user: Any, table: Any, number: str) -> None:
    table("two_factor_phonedevice", {"user_id": user.pk, "number": number})
    report = take("two_factor")
    assert report["taken"] == {}
    assert len(report["not_taken"]) == 1


def test_numbers_that_the_site_stores_itself_are_reported(user: Any, table: Any, settings: Any) -> None:
    settings.TWILIO_2FA_PHONE_NUMBER_CB = lambda user: None
    table("two_factor_phonedevice", {"user_id": user.pk, "number": PHONE})
    assert [row["why"] for row in take("two_factor")["not_taken"]] == ["your site stores these itself"]


def test_names_that_the_package_gave_are_dropped(user: Any, table: Any) -> None:
    names = ["default", "backup", "Old phone", "a\x07b"]
    numbers = [f"+1202555014{n}" for n in range(4)]
    rows = [
        {"user_id": user.pk, "number": number, "name": name}
        for number, name in zip(numbers, names, strict=True)
    ]
    table("two_factor_phonedevice", *rows)
    take("two_factor")
    assert [d.name for d in Device.objects.order_by("value")] == ["", "", "Old phone", ""]


def test_rows_are_read_in_chunks(user: Any, table: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("django_twilio_2fa.importing.tables.CHUNK", 2)
    rows = [{"user_id": user.pk, "number": f"+1202555014{n}"} for n in range(5)]
    table("two_factor_phonedevice", *rows)
    assert take("two_factor")["taken"] == {"phone_number": 5}


def test_each_device_that_is_taken_over_is_audited(user: Any, table: Any) -> None:
    table("two_factor_phonedevice", {"user_id": user.pk, "number": PHONE})
    with heard(SIGNALS["twilio_2fa_device_added"].signal) as told:
        take("two_factor", "--dry-run")
        take("two_factor")
    assert [(t["user"], t["kind"], t["method"]) for t in told] == [(user, "phone_number", "import")]


def test_a_number_that_was_taken_over_verifies_its_user(user: Any, table: Any) -> None:
    table("two_factor_phonedevice", {"user_id": user.pk, "number": PHONE})
    take("two_factor")
    assert Person("sam").opens("start").picks("sms").types_the_code().is_verified


def reversed_text(text: str) -> str:
    return text[::-1]


def test_encrypted_secrets_are_decrypted_by_the_site(user: Any, table: Any) -> None:
    table("mfa_authenticator", {"user_id": user.pk, "type": "totp", "data": json.dumps({"secret": "é1"})})
    assert [r["why"] for r in take("allauth_mfa")["not_taken"]] == ["its secret cannot be read"]
    with connection.cursor() as cursor:
        cursor.execute("UPDATE mfa_authenticator SET data = %s", [json.dumps({"secret": SECRET[::-1]})])
    take("allauth_mfa", "--decrypt", f"{__name__}.reversed_text")
    assert SandboxFactor.objects.get().secret == SECRET


def fails(text: str) -> str:
    raise RuntimeError(text)


def test_a_decryption_that_fails_is_reported_without_the_secret(user: Any, table: Any, caplog: Any) -> None:
    table(TOTP, totp(user))
    report = take("django_otp", "--decrypt", f"{__name__}.fails")
    assert "in fails" in caplog.text
    assert HEX not in caplog.text
    assert [r["why"] for r in report["not_taken"]] == ["its secret cannot be decrypted (RuntimeError)"]


@pytest.mark.parametrize("data", ["", "no json", "[]", "{}", '{"secret": 5}', '{"secret": null}'])
def test_data_of_another_shape_is_reported(user: Any, table: Any, data: str) -> None:
    table("mfa_authenticator", {"user_id": user.pk, "type": "totp", "data": data})
    assert [r["why"] for r in take("allauth_mfa")["not_taken"]] == ["its secret cannot be read"]


def test_django_mfa2_names_users_and_keeps_other_kinds(user: Any, table: Any) -> None:
    def key(kind: str, name: str = "sam", **properties: Any) -> dict[str, Any]:
        return {"username": name, "key_type": kind, "properties": json.dumps(properties), "enabled": "1"}

    table(
        "mfa_user_keys",
        key("TOTP", secret_key=SECRET),
        key("Email"),
        key("TOTP", "nobody", secret_key=SECRET),
        key("TOTP", secret_key=""),
        key("RECOVERY", secret_keys=["a"], salt="b"),
        key("FIDO2", device="c"),
        key("Trusted Device", key="d"),
    )
    report = take("mfa")
    assert report["taken"] == {"authenticator": 1, "email": 1}
    assert [(row["user"], row["kind"]) for row in report["not_taken"]] == [
        ("nobody", "authenticator"),
        ("sam", "authenticator"),
        ("sam", "recovery codes"),
        ("sam", "security key"),
        ("sam", "remembered browser"),
    ]


def test_the_report_can_be_read_as_text(user: Any, table: Any) -> None:
    table(TOTP, totp(user), totp(user, digits=8))
    out = StringIO()
    call_command("twilio_2fa_import", "django_otp", "--dry-run", stdout=out)
    assert out.getvalue().splitlines() == [
        "1 authenticator would be taken over",
        f"not taken over: user {user.pk}, authenticator: its codes have 8 digits",
    ]


@pytest.mark.parametrize(
    ("at", "code"),
    # RFC 6238, appendix B: the last six of the eight digits.
    [(59, "287082"), (1111111109, "081804"), (1234567890, "005924"), (20000000000, "353130")],
)
def test_codes_match_the_examples_of_rfc_6238(at: int, code: str) -> None:
    assert SharedSecret("GEZDGNBVGY3TQOJQ GEZDGNBVGY3TQOJQ").code(at) == code


@pytest.mark.parametrize("text", ["", " ", "====", "1", "é", "ABCDEFG1", "A"])
def test_a_secret_that_is_not_base32_is_refused(text: str) -> None:
    with pytest.raises(NotTaken):
        SharedSecret(text)
