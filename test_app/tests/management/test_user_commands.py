"""The commands about one user: status, unlock, remove, revoke."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from django_twilio_2fa.models import Device

from ..browsers.people import FIREFOX, forget_cached_answer, signs_in_again, trusts
from ..people import EMAIL, PHONE, Person, names_differ_in_case

COMMANDS = ("status", "unlock", "revoke")


def run(name: str, *args: str) -> str:
    out = StringIO()
    call_command(f"twilio_2fa_{name}", *args, stdout=out)
    return out.getvalue()


def as_json(name: str, *args: str) -> dict[str, Any]:
    result: dict[str, Any] = json.loads(run(name, *args, "--json"))
    return result


@pytest.mark.parametrize("name", COMMANDS)
def test_a_user_is_found_by_name_and_by_primary_key(name: str, pat: Person) -> None:
    by_name, by_key = as_json(name, "pat"), as_json(name, str(pat.user.pk))
    assert by_name == by_key
    assert by_name["user"] == str(pat.user.pk)


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("user", ["nobody", "999999", "99999999999999999999999", "\x00", ""])
def test_a_user_who_does_not_exist_is_an_error(name: str, user: str, db: None) -> None:
    with pytest.raises(CommandError, match="There is no user"):
        run(name, user)


def test_a_user_name_takes_precedence_over_a_primary_key(pat: Person, django_user_model: Any) -> None:
    namesake = django_user_model.objects.create_user(str(pat.user.pk))
    assert as_json("status", str(pat.user.pk))["user"] == str(namesake.pk)


@names_differ_in_case
def test_a_name_of_two_users_asks_for_the_primary_key(pat: Person, monkeypatch: Any) -> None:
    # The manager of a site may ignore case.
    manager = type(pat.user)._default_manager

    def found(name: str) -> Any:
        return manager.get(username__iexact=name)

    type(pat.user).objects.create_user("Pat")
    monkeypatch.setattr(manager, "get_by_natural_key", found)
    with pytest.raises(CommandError, match="more than one user PAT"):
        run("status", "PAT")


def test_status_shows_devices_locks_and_verifications(sam: Person, settings: Any) -> None:
    settings.TWILIO_2FA_LIMITS = {"wrong_tokens_in_a_row": 1}
    sam.opens("start").picks("sms").types_a_wrong_code()
    found = as_json("status", "sam")
    assert [(d["kind"], d["value"], d["last_used_at"]) for d in found["devices"]] == [
        ("phone_number", "(XXX) XXX-0143", None),
        ("email", "sXX@eXXXXXX.com", None),
    ]
    assert found["locks"] == [{"until": None}]
    assert [(row["method"], row["status"]) for row in found["verifications"]] == [("sms", "pending")]
    text = run("status", "sam")
    assert "locked until somebody unlocks them" in text
    assert str(Device.objects.first().pk) in text
    assert PHONE not in text + json.dumps(found)
    assert EMAIL not in text + json.dumps(found)


def test_status_of_a_user_without_devices_shows_no_devices(demo: Person) -> None:
    assert "no devices" in run("status", "demo")


def test_unlock_ends_the_locks_of_a_user(pat: Person, settings: Any) -> None:
    settings.TWILIO_2FA_LIMITS = {"wrong_tokens_in_a_row": 1}
    pat.opens("start").picks("sms").types_a_wrong_code()
    assert as_json("unlock", "pat")["locks"] == 1
    assert as_json("status", "pat")["locks"] == []
    assert pat.opens("verify").types_the_code().is_verified


def test_remove_deletes_the_named_devices(sam: Person, mailoutbox: Any) -> None:
    email = Device.objects.get(kind="email")
    assert as_json("remove", "sam", "--device", str(email.pk))["removed"] == [
        "Email address: sXX@eXXXXXX.com"
    ]
    assert [d.kind for d in Device.objects.all()] == ["phone_number"]


def test_recovery_codes_are_removed_with_the_last_device(sam: Person, settings: Any) -> None:
    settings.TWILIO_2FA_ALLOWED_METHODS = ["sms", "email", "recovery"]
    sam.opens("start").picks("sms").types_the_code()
    sam.posts("/2fa/add/start/", method="recovery", device="").posts().posts(saved="on")
    assert Device.objects.filter(kind="recovery").exists()
    run("remove", "sam", *(f"--device={d.pk}" for d in Device.objects.exclude(kind="recovery")))
    assert not Device.objects.exists()


def test_remove_emails_the_owner(
    pat: Person, mailoutbox: Any, django_capture_on_commit_callbacks: Any
) -> None:
    pat.user.email = EMAIL
    pat.user.save()
    with django_capture_on_commit_callbacks(execute=True):
        assert "Removed:" in run("remove", "pat", "--all")
    assert [mail.to for mail in mailoutbox] == [[EMAIL]]
    assert "no device" in run("remove", "pat", "--all")
    assert len(mailoutbox) == 1


def test_remove_deletes_no_device_of_another_user(pat: Person, sam: Person) -> None:
    theirs = str(Device.objects.filter(user=sam.user).first().pk)
    with pytest.raises(CommandError, match="has no device"):
        run("remove", "pat", "--device", theirs)
    assert Device.objects.count() == 3


@pytest.mark.parametrize("args", [(), ("--device", "x", "--all"), ("--device", "no-uuid")])
def test_remove_needs_devices_of_the_user_or_all(args: tuple[str, ...], pat: Person) -> None:
    with pytest.raises(CommandError):
        run("remove", "pat", *args)
    assert Device.objects.count() == 1


def test_revoke_ends_verification_in_every_session(pat: Person, no_cooldown: None) -> None:
    other = Person("pat")
    for person in (pat, other):
        person.opens("start").picks("sms").types_the_code()
        assert person.is_verified
    assert as_json("revoke", "pat")["verifications"] == 2
    for person in (pat, other):
        forget_cached_answer(person)
        assert not person.is_verified
    assert as_json("revoke", "pat")["verifications"] == 0
    assert pat.opens("start").picks("sms").types_the_code().is_verified


def test_revoke_ends_the_proof_that_a_change_needs(pat: Person) -> None:
    pat.opens("start").picks("sms").types_the_code()
    run("revoke", "pat")
    assert pat.opens("/2fa/add/").is_at("start")


def test_revoke_leaves_other_users_alone(pat: Person, sam: Person, no_cooldown: None) -> None:
    sam.opens("start").picks("email").types_the_code(EMAIL)
    run("revoke", "pat")
    forget_cached_answer(sam)
    assert sam.is_verified


def test_revoke_removes_the_browsers_that_status_lists(pat: Person, settings: Any) -> None:
    settings.TWILIO_2FA_TRUSTED_BROWSER_AGE = 86400
    pat.client.defaults["HTTP_USER_AGENT"] = FIREFOX
    trusts(pat)
    assert [b["name"] for b in as_json("status", "pat")["browsers"]] == ["Firefox on Windows"]
    assert "Firefox on Windows" in run("status", "pat")
    run("revoke", "pat")
    assert as_json("status", "pat")["browsers"] == []
    assert signs_in_again(pat).opens("/secret/").is_at("start")
