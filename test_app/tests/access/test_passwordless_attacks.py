"""Threat: an attacker without the passkey logs in without a password, or learns which users exist."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from django.contrib.auth import get_user_model
from hypothesis import given
from hypothesis import strategies as st
from twilio_2fa_passkey.testing import SoftwareAuthenticator, base64url

from django_twilio_2fa.models import Counter, Device, Lock, Status, Verification
from django_twilio_2fa.process import lockout, passwordless
from django_twilio_2fa.signals import twilio_2fa_verification_failed

from ..attacks.starts import rolled_back
from ..attacks.test_input import ANY_TEXT
from ..attacks.test_passkeys import ALTERED, FALSE, JSON, SHAPED, SOME, Change, a_few, mixed
from ..helpers import at_once, heard, same_browser
from ..passkeys import begins_to_log_in, logs_in, posts_answer, with_passkey
from ..people import Person
from .visitors import CarelessBackend, Visitor

pytestmark = pytest.mark.usefixtures("sessions_in_database")

WRONG = "That passkey did not work. Try again, or try another way."
OVER = "That took too long, or was used already. Try again."
NOTHING = "Your browser did not send a passkey."


def is_refused(person: Visitor, text: str = WRONG) -> bool:
    """Return whether nobody was signed in. Assert that the log-in page shows the reason."""
    assert person.page.status_code == 200
    assert person.path.startswith("/in/")
    assert text in person.text
    approved = Verification.objects.filter(details__passwordless=True, status=Status.APPROVED)
    return not person.is_signed_in and not approved.exists()


# The signed answer


@pytest.mark.parametrize("false", FALSE.values(), ids=FALSE)
def test_a_log_in_with_a_false_answer_is_refused(
    ann: Visitor, phone: SoftwareAuthenticator, false: dict[str, Any]
) -> None:
    assert is_refused(logs_in(ann, phone, **false))


@pytest.mark.parametrize("setting", ["discouraged", "preferred", "required"])
def test_a_log_in_without_user_verification_is_refused(
    ann: Visitor, phone: SoftwareAuthenticator, site_login: Any, setting: str
) -> None:
    site_login.TWILIO_2FA_PASSKEY_USER_VERIFICATION = setting
    assert begins_to_log_in(ann)["ceremony"]["publicKey"]["userVerification"] == "required"
    phone.user_verified = False
    assert is_refused(logs_in(ann, phone))
    phone.user_verified = True
    assert logs_in(ann, phone).is_signed_in


def test_a_log_in_with_another_key_is_refused(ann: Visitor, phone: SoftwareAuthenticator) -> None:
    assert is_refused(logs_in(ann, phone, key=ec.generate_private_key(ec.SECP256R1())))


@pytest.mark.parametrize("alter", ALTERED.values(), ids=ALTERED)
def test_a_log_in_with_an_altered_answer_is_refused(
    ann: Visitor, phone: SoftwareAuthenticator, alter: Change
) -> None:
    asked = begins_to_log_in(ann)
    posts_answer(ann, asked["id"], alter(phone.get(asked["ceremony"])))
    assert is_refused(ann, "passkey")


# The owner of the passkey


@pytest.mark.parametrize("handle", ["", "of nobody", "of another user"])
def test_a_log_in_with_another_user_handle_is_refused(
    ann: Visitor, phone: SoftwareAuthenticator, handle: str
) -> None:
    theirs = SoftwareAuthenticator()
    with_passkey("eve", theirs)
    told = {"": "", "of nobody": base64url(bytes(32)), "of another user": theirs.passkeys[0].user_handle}
    assert is_refused(logs_in(ann, phone, user_handle=told[handle]))
    # A valid signature of Eve's own passkey, with the user handle of Ann.
    assert is_refused(logs_in(ann, theirs, user_handle=phone.passkeys[0].user_handle))


def test_a_log_in_with_the_id_of_anothers_passkey_is_refused(
    ann: Visitor, phone: SoftwareAuthenticator
) -> None:
    theirs = SoftwareAuthenticator()
    with_passkey("eve", theirs)
    [mine] = phone.passkeys
    asked = begins_to_log_in(ann)
    answer = theirs.get(asked["ceremony"], user_handle=mine.user_handle)
    posts_answer(ann, asked["id"], {**answer, "id": base64url(mine.id), "rawId": base64url(mine.id)})
    assert is_refused(ann)


def test_an_unregistered_passkey_logs_nobody_in(ann: Visitor, phone: SoftwareAuthenticator) -> None:
    unregistered = SoftwareAuthenticator()
    user = {"id": phone.passkeys[0].user_handle}
    unregistered.create({"publicKey": {"rp": {"id": "testserver"}, "user": user, "challenge": "AAAA"}})
    assert is_refused(logs_in(ann, unregistered))


def test_a_removed_passkey_logs_nobody_in(ann: Visitor, phone: SoftwareAuthenticator) -> None:
    asked = begins_to_log_in(ann)
    answer = phone.get(asked["ceremony"])
    Device.objects.all().delete()
    assert is_refused(posts_answer(ann, asked["id"], answer))


def test_a_passkey_of_another_domain_logs_nobody_in(
    ann: Visitor, phone: SoftwareAuthenticator, site_login: Any
) -> None:
    site_login.TWILIO_2FA_PASSKEY_RP_ID = "other.example"
    site_login.TWILIO_2FA_PASSKEY_ORIGINS = ["https://testserver"]
    assert is_refused(logs_in(ann, phone, passkey=phone.passkeys[0], rp_id="other.example"))


@pytest.mark.parametrize("change", ["inactive", "deleted"])
def test_a_user_who_may_not_sign_in_is_refused(
    ann: Visitor, phone: SoftwareAuthenticator, change: str
) -> None:
    asked = begins_to_log_in(ann)
    if change == "inactive":
        get_user_model().objects.update(is_active=False)
    else:
        get_user_model().objects.all().delete()
    posts_answer(ann, asked["id"], phone.get(asked["ceremony"]))
    # The message does not reveal that the user exists.
    assert is_refused(ann)


def test_an_inactive_user_found_by_a_backend_is_refused(
    ann: Visitor, phone: SoftwareAuthenticator, site_login: Any
) -> None:
    site_login.AUTHENTICATION_BACKENDS = [f"{CarelessBackend.__module__}.CarelessBackend"]
    assert logs_in(ann, phone).is_signed_in
    ann = Visitor("ann")
    get_user_model().objects.update(is_active=False)
    logs_in(ann, phone)
    assert WRONG in ann.text
    assert "_auth_user_id" not in ann.client.session


def test_the_form_refuses_inactive_users_the_backend_allows(
    ann: Visitor, phone: SoftwareAuthenticator, site_login: Any
) -> None:
    site_login.AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.AllowAllUsersModelBackend"]
    get_user_model().objects.update(is_active=False)
    # The backend allows inactive users. The log-in form refuses them.
    assert is_refused(logs_in(ann, phone), "This account is inactive.")


def test_a_disallowed_user_is_redirected_and_not_logged_in(
    ann: Visitor, phone: SoftwareAuthenticator, site_login: Any
) -> None:
    site_login.TWILIO_2FA_ALLOW_USER_CB = lambda user: user.username != "ann"
    site_login.TWILIO_2FA_DISALLOWED_REDIRECT_URL = lambda user: f"/open/?user={user.username}"
    assert logs_in(ann, phone).path == "/open/"
    assert ann.page.request["QUERY_STRING"] == "user=ann"
    assert not ann.is_signed_in


def test_a_user_who_may_not_use_passkeys_is_refused(
    ann: Visitor, phone: SoftwareAuthenticator, site_login: Any
) -> None:
    site_login.TWILIO_2FA_USER_METHODS_CB = lambda user: ["sms"]
    assert is_refused(logs_in(ann, phone), "You cannot use that way. Choose another.")


def test_a_locked_user_is_refused(ann: Visitor, phone: SoftwareAuthenticator) -> None:
    lockout.lock((ann.user.pk,), Lock.FOR_EVER)
    # Only the owner of the passkey learns of the lock.
    assert is_refused(logs_in(ann, phone, origin="https://evil.example"))
    assert is_refused(logs_in(ann, phone), "Contact the site to unlock it.")
    lockout.unlock(ann.user)
    assert logs_in(ann, phone).is_signed_in


# Other sessions, and replays


def test_the_challenge_of_another_session_is_refused(ann: Visitor, phone: SoftwareAuthenticator) -> None:
    asked = begins_to_log_in(ann)
    answer = phone.get(asked["ceremony"])
    thief = Visitor("ann")
    assert is_refused(posts_answer(thief, asked["id"], answer), OVER)
    own = begins_to_log_in(thief)
    assert is_refused(posts_answer(thief, own["id"], answer))
    assert posts_answer(ann, asked["id"], answer).is_signed_in


@pytest.mark.parametrize("engine", ["db", "signed_cookies"])
def test_a_log_in_that_is_sent_again_is_refused(ann: Visitor, site_login: Any, engine: str) -> None:
    site_login.SESSION_ENGINE = f"django.contrib.sessions.backends.{engine}"
    laptop = SoftwareAuthenticator(step=0)  # has no counter that reveals a replay
    with_passkey("bea", laptop)
    ann.client.get("/in/")
    asked = begins_to_log_in(ann)
    twin = Visitor("bea")
    twin.client = same_browser(ann.client)
    answer = laptop.get(asked["ceremony"])
    assert posts_answer(ann, asked["id"], answer).is_signed_in
    ann.client.post("/logout/")
    posts_answer(ann, asked["id"], answer)
    assert not ann.is_signed_in
    posts_answer(twin, asked["id"], answer)
    assert OVER in twin.text
    assert not twin.is_signed_in


def test_a_refused_answer_uses_up_its_challenge(ann: Visitor, phone: SoftwareAuthenticator) -> None:
    asked = begins_to_log_in(ann)
    assert is_refused(posts_answer(ann, asked["id"], phone.get(asked["ceremony"], challenge="AAAA")))
    assert is_refused(posts_answer(ann, asked["id"], phone.get(asked["ceremony"])), OVER)


@pytest.mark.parametrize("seconds", [passwordless.LIFETIME + 5, -60])
def test_a_challenge_lasts_ten_minutes(ann: Visitor, phone: SoftwareAuthenticator, seconds: int) -> None:
    asked = begins_to_log_in(ann)
    session = ann.client.session
    session["twilio_2fa"]["passwordless"][asked["id"]]["at"] -= seconds
    session.save()
    assert is_refused(posts_answer(ann, asked["id"], phone.get(asked["ceremony"])), OVER)


def test_a_copied_passkey_logs_nobody_in(ann: Visitor, phone: SoftwareAuthenticator) -> None:
    phone.counter = 0
    phone.step = 0
    assert is_refused(logs_in(ann, phone))


@pytest.mark.server_database
@pytest.mark.django_db(transaction=True)
def test_one_answer_in_concurrent_requests_logs_in_once(site_login: Any) -> None:
    laptop = SoftwareAuthenticator(step=0)
    with_passkey("ann", laptop)
    ann = Visitor("ann")
    asked = begins_to_log_in(ann)
    answer = json.dumps(laptop.get(asked["ceremony"]))
    twins = [Visitor("ann") for _ in range(4)]
    for twin in twins:
        twin.client = same_browser(ann.client)
    at_once(lambda n: posts_answer(twins[n], asked["id"], answer).page.status_code, len(twins))
    assert Verification.objects.filter(details__passwordless=True).count() == 1
    assert [twin.is_signed_in for twin in twins].count(True) == 1


# Verifications of the second factor


def test_an_answer_to_the_second_factor_logs_nobody_in(ann: Visitor, phone: SoftwareAuthenticator) -> None:
    other = Person("ann")
    other.posts("start", method="passkey", device="")
    answer = phone.get(json.loads(other.page.context["ceremony"]))
    asked = begins_to_log_in(ann)
    assert is_refused(posts_answer(ann, asked["id"], answer))
    row = Verification.objects.filter(user=ann.user, status=Status.PENDING).latest("pk")
    assert is_refused(posts_answer(ann, str(row.public_id), answer), OVER)


def test_an_answer_to_a_log_in_is_not_a_second_factor(ann: Visitor, phone: SoftwareAuthenticator) -> None:
    asked = begins_to_log_in(ann)
    answer = phone.get(asked["ceremony"])
    ann.signs_in()
    if not ann.is_at("verify"):
        ann.picks("passkey")
    ann.posts(token=json.dumps(answer))
    assert not ann.is_signed_in


# Limits


def test_refused_log_ins_are_limited_per_session(ann: Visitor, phone: SoftwareAuthenticator) -> None:
    for _ in range(10):
        assert is_refused(logs_in(ann, phone, origin="https://evil.example"))
    assert is_refused(logs_in(ann, phone), "Too many attempts. Try again in ")
    other = Visitor("ann")
    assert logs_in(other, phone).is_signed_in


def test_refused_log_ins_are_limited_per_client_address(
    ann: Visitor, phone: SoftwareAuthenticator, site_login: Any
) -> None:
    site_login.TWILIO_2FA_CLIENT_ADDRESS_CB = lambda request: request.META["REMOTE_ADDR"]
    site_login.TWILIO_2FA_LIMITS = {"requests_per_client": "3/h"}
    for _ in range(3):
        attacker = Visitor("ann")
        assert is_refused(logs_in(attacker, phone, origin="https://evil.example"))
    assert is_refused(logs_in(Visitor("ann"), phone), "Too many attempts.")


def test_refused_log_ins_do_not_lock_the_user(ann: Visitor, phone: SoftwareAuthenticator) -> None:
    for _ in range(12):
        attacker = Visitor("ann")
        logs_in(attacker, phone, origin="https://evil.example")
    assert not Lock.objects.exists()
    assert logs_in(ann, phone).is_signed_in


# Disclosure of users


def test_refused_log_ins_are_answered_alike(ann: Visitor, phone: SoftwareAuthenticator) -> None:
    # The page is the same for a false answer, an unknown passkey and an inactive user.
    unknown = SoftwareAuthenticator()
    unknown.create({"publicKey": {"rp": {"id": "testserver"}, "user": {"id": "AAAA"}, "challenge": "AAAA"}})
    pages = set()
    tried = ((phone, {"rp_id": "evil.example"}), (unknown, {}), (phone, {"user_handle": ""}))
    for authenticator, false in tried:
        visitor = logs_in(Visitor("ann"), authenticator, **false)
        assert is_refused(visitor)
        pages.add((visitor.page.status_code, visitor.text))
    get_user_model().objects.update(is_active=False)
    visitor = logs_in(Visitor("ann"), phone)
    pages.add((visitor.page.status_code, visitor.text))
    assert len(pages) == 1


def test_the_ceremony_for_a_visitor_names_no_user(ann: Visitor) -> None:
    told = begins_to_log_in(ann)["ceremony"]["publicKey"]
    assert told["allowCredentials"] == []
    assert set(told) == {"challenge", "timeout", "rpId", "allowCredentials", "userVerification"}


def test_a_refused_log_in_sends_the_failed_signal(ann: Visitor, phone: SoftwareAuthenticator) -> None:
    with heard(twilio_2fa_verification_failed) as told:
        logs_in(ann, phone, origin="https://evil.example")
    assert [(event["user"], event["method"]) for event in told] == [(ann.user, "passkey")]
    row = Verification.objects.get(details__passwordless=True)
    assert (row.status, row.error_code, row.pending_key) == (Status.FAILED, "invalid_verification_code", None)


# Invalid input


@pytest.mark.parametrize(
    "kept", ["x", {}, {"x": 1}, {"at": "x"}, {"data": []}, {"method": "sms"}, {"at": None}]
)
def test_a_broken_session_logs_nobody_in(ann: Visitor, phone: SoftwareAuthenticator, kept: Any) -> None:
    asked = begins_to_log_in(ann)
    session = ann.client.session
    part = session["twilio_2fa"]["passwordless"]
    part[asked["id"]] = {**part[asked["id"]], **kept} if isinstance(kept, dict) and kept else kept
    session["twilio_2fa"] = {**session["twilio_2fa"], "passwordless": part if kept != "x" else "x"}
    session.save()
    posts_answer(ann, asked["id"], phone.get(asked["ceremony"]))
    assert ann.is_signed_in is (kept == {"x": 1})


@pytest.mark.parametrize("text", ["", "{}", "[" * 5000, "x" * 20_000, '"\\ud800"', "\0"], ids=repr)
def test_text_that_is_not_an_answer_is_not_counted(
    ann: Visitor, phone: SoftwareAuthenticator, text: str
) -> None:
    asked = begins_to_log_in(ann)
    assert is_refused(posts_answer(ann, asked["id"], text), NOTHING)
    assert not Counter.objects.filter(scope__startswith="passwordless").exists()
    assert posts_answer(ann, asked["id"], phone.get(asked["ceremony"])).is_signed_in


@a_few
@given(id=ANY_TEXT, answer=SHAPED | JSON | ANY_TEXT)
def test_any_post_to_the_log_in_page_gets_a_page(ann: Visitor, id: str, answer: Any) -> None:
    with rolled_back():
        visitor = Visitor("ann")
        asked = begins_to_log_in(visitor)
        for known in (id, asked["id"]):
            posts_answer(visitor, known, answer)
            assert visitor.page.status_code == 200
            assert "is not available right now" not in visitor.text
            assert not visitor.is_signed_in


@a_few
@given(other=SOME | st.dictionaries(st.just("id"), st.text(st.characters(), max_size=5), min_size=1))
def test_any_change_of_a_right_log_in_is_refused(
    ann: Visitor, phone: SoftwareAuthenticator, other: dict[str, Any]
) -> None:
    with rolled_back():
        visitor = Visitor("ann")
        asked = begins_to_log_in(visitor)
        right = phone.get(asked["ceremony"])
        changed = mixed(right, other)
        posts_answer(visitor, asked["id"], changed)
        assert visitor.page.status_code == 200
        ignored = {"attestationObject", "transports"}
        same = all(changed[k] == right[k] for k in ("id", "rawId", "type"))
        same &= all(changed["response"].get(k) == v for k, v in right["response"].items() if k not in ignored)
        assert visitor.is_signed_in is same


@pytest.mark.parametrize("id", ['"\\ud800"', '"\\u0000"'])
def test_an_id_of_invalid_characters_is_refused(ann: Visitor, phone: SoftwareAuthenticator, id: str) -> None:
    asked = begins_to_log_in(ann)
    answer = json.dumps({**phone.get(asked["ceremony"]), "id": "ID"}).replace('"ID"', id)
    assert is_refused(posts_answer(ann, asked["id"], answer))


def test_answers_to_a_log_in_are_not_logged(ann: Visitor, phone: SoftwareAuthenticator, caplog: Any) -> None:
    with caplog.at_level("DEBUG"):
        asked = begins_to_log_in(ann)
        answer = phone.get(asked["ceremony"], origin="https://evil.example")
        posts_answer(ann, asked["id"], answer)
    for value in (*answer["response"].values(), "evil.example", answer["id"]):
        assert value not in caplog.text
