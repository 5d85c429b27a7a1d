"""Failures of Twilio: the sandbox in another process, over HTTP, with every fault."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest

from django_twilio_2fa import errors
from django_twilio_2fa.models import Status, Verification
from django_twilio_2fa.sandbox.fault_injection import INJECTABLE_FAULTS
from django_twilio_2fa.sandbox.twilio_errors import CODES
from django_twilio_2fa.verifier import Verifier

from ..loopback_twilio import LoopbackTwilio
from ..people import PHONE, Person

CONNECT, READ = 1, 0.5
# The most seconds that a page may take, including other work of this machine.
PATIENCE = CONNECT + READ + 2

SEND, CHECK = "Verifications", "VerificationCheck"


@pytest.fixture
def twilio(twilio_over_http: LoopbackTwilio, settings: Any) -> LoopbackTwilio:
    # Other tests cover the retry of a send without its locale.
    settings.TWILIO_2FA_LOCALE_CB = lambda: None
    return twilio_over_http


@pytest.fixture
def verifier(pat: Person) -> Verifier:
    return Verifier(pat.user, flow="a flow", auth="an auth")


def strikes(twilio: LoopbackTwilio, fault: str, on: str) -> None:
    seconds = {"hang": 3, "refuse": 0.6}.get(fault, 0.05)
    twilio.does(fault, on=on, seconds=seconds)


class InTime:
    """A context that has to end within the timeouts, whatever Twilio does."""

    def __enter__(self) -> None:
        self.began = time.monotonic()

    def __exit__(self, *args: Any) -> None:
        took = time.monotonic() - self.began
        assert took < PATIENCE, took


# By fault: our error code, whether the message may have been sent, and whether it was sent.
SENDS: dict[str, tuple[str, bool, bool]] = {
    "hang": ("twilio_error_no_answer", True, True),
    "slow": ("twilio_error_no_answer", True, True),
    "delay": ("", False, True),
    "drop": ("twilio_error_no_answer", True, True),
    "truncated": ("twilio_error_no_answer", True, True),
    "html-200": ("twilio_error_no_answer", True, True),
    "html-502": ("twilio_error_502", True, False),
    "empty-503": ("twilio_error_503", True, False),
    "429": ("twilio_rate_limited", False, False),
    "refuse": ("twilio_error_connection", False, False),
    "wrong-sid": ("", False, True),
    "wrong-to": ("twilio_error_mismatch", True, True),
    "unknown-status": ("", False, True),
    "20003": ("twilio_error_20003", False, False),
    "20404": ("twilio_error_20404", False, False),
    "20429": ("twilio_rate_limited", False, False),
    "20500": ("twilio_error_20500", True, False),
    "20503": ("twilio_error_20503", True, False),
    "21608": ("twilio_error_21608", False, False),
    "60200": ("twilio_invalid_parameter_to", False, False),
    "60202": ("max_attempts_reached", False, False),
    "60203": ("max_sends_reached", False, False),
    "60204": ("twilio_error_60204", False, False),
    "60205": ("cannot_receive", False, False),
    "60206": ("twilio_error_60206", False, False),
    "60207": ("twilio_error_60207", False, False),
    "60208": ("twilio_error_60208", False, False),
    "60209": ("twilio_error_60209", False, False),
    "60210": ("twilio_error_60210", False, False),
    "60211": ("twilio_error_60211", False, False),
    "60212": ("twilio_rate_limited", False, False),
    "60213": ("twilio_error_60213", False, False),
    "60214": ("twilio_error_60214", False, False),
    "60217": ("twilio_error_60217", False, False),
    "60222": ("twilio_error_60222", False, False),
    "60223": ("twilio_error_60223", False, False),
    "60228": ("twilio_error_60228", False, False),
    "60238": ("channel_refused", False, False),
    "60306": ("invalid_verification_code", False, False),
    "60308": ("max_attempts_reached", False, False),
    "60310": ("max_attempts_reached", False, False),
    "60311": ("invalid_verification_code", False, False),
    "60318": ("verification_not_found", False, False),
    "60322": ("verification_expired", False, False),
    "60323": ("verification_expired", False, False),
    "60324": ("invalid_verification_code", False, False),
    "60331": ("twilio_error_60331", False, False),
    "60410": ("channel_refused", False, False),
    "60413": ("channel_refused", False, False),
    "60601": ("twilio_error_60601", False, False),
    "60605": ("country_unavailable", False, False),
    "68008": ("twilio_error_68008", False, False),
}

# By fault: our error code, the status of the row afterwards, and whether the right token still works.
CHECKS: dict[str, tuple[str, str, bool]] = {
    "hang": ("twilio_error_no_answer", "pending", False),
    "slow": ("twilio_error_no_answer", "pending", False),
    "delay": ("", "approved", False),
    "drop": ("twilio_error_no_answer", "pending", False),
    "truncated": ("twilio_error_no_answer", "pending", False),
    "html-200": ("twilio_error_no_answer", "pending", False),
    "html-502": ("twilio_error_502", "pending", True),
    "empty-503": ("twilio_error_503", "pending", True),
    "429": ("twilio_rate_limited", "pending", True),
    "refuse": ("twilio_error_connection", "pending", True),
    "wrong-sid": ("twilio_error_mismatch", "pending", False),
    "wrong-to": ("twilio_error_mismatch", "pending", False),
    "unknown-status": ("twilio_error_unknown_status", "pending", False),
    "approved-elsewhere": ("verification_expired", "expired", False),
    "20003": ("twilio_error_20003", "pending", True),
    "20404": ("verification_expired", "expired", False),
    "20429": ("twilio_rate_limited", "pending", True),
    "20500": ("twilio_error_20500", "pending", True),
    "20503": ("twilio_error_20503", "pending", True),
    "21608": ("twilio_error_21608", "pending", True),
    "60200": ("twilio_invalid_parameter_to", "pending", True),
    "60202": ("max_attempts_reached", "failed", False),
    "60203": ("max_sends_reached", "pending", True),
    "60204": ("twilio_error_60204", "pending", True),
    "60205": ("cannot_receive", "pending", True),
    "60206": ("twilio_error_60206", "pending", True),
    "60207": ("twilio_error_60207", "pending", True),
    "60208": ("twilio_error_60208", "pending", True),
    "60209": ("twilio_error_60209", "pending", True),
    "60210": ("twilio_error_60210", "pending", True),
    "60211": ("twilio_error_60211", "pending", True),
    "60212": ("twilio_rate_limited", "pending", True),
    "60213": ("twilio_error_60213", "pending", True),
    "60214": ("twilio_error_60214", "pending", True),
    "60217": ("twilio_error_60217", "pending", True),
    "60222": ("twilio_error_60222", "pending", True),
    "60223": ("twilio_error_60223", "pending", True),
    "60228": ("twilio_error_60228", "pending", True),
    "60238": ("channel_refused", "pending", True),
    "60306": ("invalid_verification_code", "pending", True),
    "60308": ("max_attempts_reached", "failed", False),
    "60310": ("max_attempts_reached", "failed", False),
    "60311": ("invalid_verification_code", "pending", True),
    "60318": ("verification_not_found", "pending", True),
    "60322": ("verification_expired", "expired", False),
    "60323": ("verification_expired", "expired", False),
    "60324": ("invalid_verification_code", "pending", True),
    "60331": ("twilio_error_60331", "pending", True),
    "60410": ("channel_refused", "pending", True),
    "60413": ("channel_refused", "pending", True),
    "60601": ("twilio_error_60601", "pending", True),
    "60605": ("country_unavailable", "pending", True),
    "68008": ("twilio_error_68008", "pending", True),
}


def test_every_fault_of_the_sandbox_is_tested() -> None:
    assert set(SENDS) | set(CHECKS) == set(INJECTABLE_FAULTS) - {"no-whatsapp", "asks-for-key"}
    assert set(map(str, CODES)) <= set(SENDS) & set(CHECKS)


@pytest.mark.parametrize("fault", SENDS)
def test_a_failing_send_ends_in_time_with_the_right_error(
    twilio: Any, verifier: Verifier, fault: str
) -> None:
    code, uncertain, arrives = SENDS[fault]
    strikes(twilio, fault, SEND)
    if not code:
        verifier.send("sms")
    else:
        with InTime(), pytest.raises(errors.TwoFactorError) as caught:
            verifier.send("sms")
        assert (caught.value.full_code, caught.value.uncertain) == (code, uncertain)
    row = Verification.objects.get()
    # A send counts unless it certainly did not happen. It is retried only after a refused connection.
    counted = 5 if fault == "60203" else 1 if uncertain or not code else 0
    assert (row.sends, row.status, row.approved_at) == (counted, "pending", None)
    assert twilio.sends() == (0 if fault == "refuse" else 1)
    assert len(twilio.delivered(PHONE)) >= arrives
    if not (arrives or uncertain):
        return
    # A message that may have arrived cannot be sent again before the cooldown has ended.
    with pytest.raises(errors.ResendCooldown):
        verifier.send("sms")
    if arrives and fault != "wrong-sid":
        assert verifier.check(row, twilio.delivered(PHONE)[0]).status == Status.APPROVED


@pytest.mark.parametrize("fault", [f for f, (code, unsure, _a) in SENDS.items() if code and not unsure])
def test_a_send_that_did_not_happen_delays_no_other_method(
    twilio: Any, verifier: Verifier, fault: str
) -> None:
    strikes(twilio, fault, SEND)
    with pytest.raises(errors.TwoFactorError):
        verifier.send("sms")
    twilio.is_well()
    if fault == "60203":  # Twilio accepts no more sends to this number over any channel
        with pytest.raises(errors.MaxSendsReached):
            verifier.send("call")
        return
    assert verifier.send("call").sends == 1


@pytest.mark.parametrize("fault", CHECKS)
def test_a_failing_check_ends_in_time_and_approves_nothing_else(
    twilio: Any, verifier: Verifier, fault: str
) -> None:
    code, status, good = CHECKS[fault]
    row = verifier.send("sms")
    token = twilio.delivered(PHONE)[0]
    strikes(twilio, fault, CHECK)
    if not code:
        verifier.check(row, token)
    else:
        with InTime(), pytest.raises(errors.TwoFactorError) as caught:
            verifier.check(row, token)
        assert caught.value.full_code == code
    # A check is never retried, and its attempt stays counted.
    row.refresh_from_db()
    assert (row.status, row.attempts, row.lease) == (status, 1, "")
    assert twilio.checks() == (0 if fault == "refuse" else 1)
    assert (row.approved_at is not None) is (status == "approved")
    twilio.is_well()
    if status == "approved":
        return
    if good:
        assert verifier.check(row, token).status == "approved"
    elif status == "pending":
        # Twilio has approved the token, but the answer was lost. The token is used up, and the error says so.
        with pytest.raises(errors.VerificationExpired):
            verifier.check(row, token)
    if not good and status != "failed":
        again = verifier.send("sms")
        assert verifier.check(again, twilio.delivered(PHONE)[0]).status == "approved"


def one_of_each(faults: dict[str, tuple[Any, ...]]) -> list[str]:
    """Return the first fault of each outcome. A page shows the same for all of an outcome's faults."""
    found: dict[tuple[Any, ...], str] = {}
    for fault, (code, *rest) in faults.items():
        found.setdefault((re.sub(r"^twilio_error_\d+", "twilio_error", code), *rest), fault)
    return list(found.values())


@pytest.mark.parametrize("fault", one_of_each(SENDS))
def test_the_page_shows_the_outcome_of_a_failing_send(twilio: Any, pat: Person, fault: str) -> None:
    code, uncertain, arrives = SENDS[fault]
    pat.opens("start")
    strikes(twilio, fault, SEND)
    with InTime():
        pat.picks("sms")
    assert pat.page.status_code == 200
    assert pat.path in {pat.url(name) for name in ("start", "verify", "failed")}
    assert not pat.is_verified
    if code:
        unsure = "We are not sure the code was sent" in pat.text
        # The page has a separate sentence if nothing was ever sent.
        never_sent = code == "max_sends_reached" and "We cannot send a code there for now." in pat.text
        assert unsure if uncertain else never_sent or says(pat, code, "send")
        assert not (set(pat.text.split()) & {"60410", "60413", "20003", "Fraud", "fraud"})
    else:
        assert pat.is_at("verify")
    if arrives and fault != "wrong-sid":
        assert pat.is_at("verify")
        pat.types(twilio.delivered(PHONE)[0])
        assert pat.is_verified


@pytest.mark.parametrize("fault", one_of_each(CHECKS))
def test_the_page_shows_the_outcome_of_a_failing_check(twilio: Any, pat: Person, fault: str) -> None:
    code, status, good = CHECKS[fault]
    pat.opens("start").picks("sms")
    token = twilio.delivered(PHONE)[0]
    strikes(twilio, fault, CHECK)
    with InTime():
        pat.types(token)
    assert pat.page.status_code == 200
    if not code:
        assert pat.is_verified
        return
    assert not pat.is_verified
    # 60318 is an error of authenticators. The page shows that the verification has expired.
    assert says(pat, "verification_expired" if fault == "60318" else code, "check")
    assert pat.path in {pat.url(name) for name in ("start", "verify", "failed")}
    twilio.is_well()
    if good:
        if not pat.opens("verify").is_at("verify"):
            pat.page = None
            assert pat.opens("start").picks("sms").is_at("verify")
        assert pat.types(token).is_verified
    elif status == "pending":
        pat.opens("verify").types(token)
        assert says(pat, "verification_expired", "check")
        pat.presses_the_button().types(twilio.delivered(PHONE)[0])
        assert pat.is_verified


def says(person: Person, code: str, during: str) -> bool:
    """Return whether the page shows our sentence for the error code of a send or a check."""
    for name, error in errors.ERRORS.items():
        stem, brace, _rest = name.partition("{")
        if code == name or (brace and code.startswith(stem)):
            sentence = str(getattr(error, f"{during}_message") or error.message).partition("{")[0]
            return sentence.strip() in person.text.replace("&#x27;", "'")
    raise AssertionError(code)


def test_the_timeout_ends_an_answer_that_comes_byte_by_byte(twilio: Any, verifier: Verifier) -> None:
    # Each byte comes within the read timeout, but the whole answer would take a minute.
    twilio.does("slow", on=SEND, seconds=0.1)
    began = time.monotonic()
    with pytest.raises(errors.TwilioUnavailable):
        verifier.send("sms")
    assert time.monotonic() - began < READ + 0.5


def test_a_refused_connection_is_retried_for_sends_only(twilio: Any, verifier: Verifier, caplog: Any) -> None:
    row = verifier.send("sms")
    strikes(twilio, "refuse", "")
    with pytest.raises(errors.TwilioUnavailable):
        verifier.check(row, "123456")
    assert caplog.text.count("could not be reached") == 1
    caplog.clear()
    twilio.is_well()
    strikes(twilio, "refuse", "")
    Verification.objects.update(next_send_at=None)
    with pytest.raises(errors.TwilioUnavailable):
        verifier.send("call")
    assert caplog.text.count("could not be reached") == 2


def test_a_retry_on_a_new_connection_sends_one_message(twilio: Any, verifier: Verifier) -> None:
    # The pooled connection is dead, but the server works.
    verifier.send("sms")
    strikes(twilio, "refuse", "")
    twilio.is_well()
    Verification.objects.update(next_send_at=None)
    assert verifier.send("sms").sends == 2
    assert twilio.sends() == 1
    assert len(twilio.delivered(PHONE)) == 2
