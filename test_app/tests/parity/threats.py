"""Cases that run in each way, by threat of docs/security.md, and threats that exist in one way only."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from django.test import Client

from django_twilio_2fa.models import Device, Verification
from django_twilio_2fa.sandbox import messages
from django_twilio_2fa.sandbox.fault_injection import INJECTABLE_FAULTS
from django_twilio_2fa.session import is_verified
from django_twilio_2fa.testing import TwilioSandbox

from ..clock import pass_time
from ..helpers import wrong_code
from ..people import EMAIL, PHONE
from ..providers.test_recovery import gets_codes
from .ways import MALLORYS, NEW, THIRD, Way, World

Case = Callable[[World], Any]

CASES: dict[str, dict[str, Case]] = {}
"""The cases of each threat, by name."""

LETS_IN: dict[Case, Sequence[str]] = {}
"""The sessions that are verified after a case. For faults of Twilio, twilio/test_bad_days.py tests that."""

ONE_WAY_ONLY = {
    "Somebody logs in without a password and without the passkey of the user": (
        "a session logs in; plain Python has none"
    ),
    "A log-in without a password proves one factor only": "a session logs in; plain Python has none",
    "A log-in without a password bypasses a lock, or a rule of the site or of the form": (
        "only the page has a form; the API has separate tests"
    ),
    "A log-in without a password reveals who exists, can be tried without limit, or locks somebody out": (
        "a session logs in; plain Python has none"
    ),
    "A passkey log-in reuses a session that an attacker planted, or another user's session": (
        "plain Python has no session"
    ),
    "Text-message pumping empties the account": "simulated with plain Python, where the budgets are counted",
    "Requests for users who do not exist use up a budget": "pages ask for a log-in",
    "Somebody sends codes with stolen Twilio credentials": "a command finds this",
    "The [daily figures](figures.md) reveal personal data": "only the admin and a command show them",
    "Open redirect": "only pages redirect",
    "Clickjacking, shared caches": "only pages are framed; the API's answers say no-store",
    "CSRF": "plain Python has no request to forge; the sessions of the API are tested with it",
    "HTML in strings": "only pages are HTML",
    "One wizard uses another wizard's verification": "only pages have several wizards",
    "Forged or stale wizard state, steps in any order, two tabs": "only pages have steps",
    "Over the API, a caller who names a user learns whether they exist, locks them out, or gets in": (
        "pages ask for a log-in"
    ),
    "Over the API, a caller names one user in several ways, to get more sends and attempts": (
        "pages ask for a log-in"
    ),
    "One API token is used with the verification of another": "only the API takes tokens",
    "Over the API, the time of a response reveals whether a user exists": "pages ask for a log-in",
    "A session in a signed cookie reveals the secret of a new authenticator": "only pages show one again",
    "Invalid form input is read from the session": "only pages show again what was typed",
    "The ids of passkeys reveal who has an account": "pages ask for a log-in",
    "A request is approved in a browser that it was not sent to": (
        "a device answers at one address, whichever way sends the request"
    ),
    "The endpoints of approvals are called without limit, or to exhaust another user's limit": (
        "plain Python has no endpoints; those of pages and API share their limits"
    ),
    "An approval is replayed, altered, or belongs to another request": (
        "a device answers at one address, whichever way sends the request"
    ),
    "A user approves what an attacker with their password has asked for": (
        "a device answers at one address, whichever way sends the request"
    ),
    "A user is asked again and again, until they approve": "the contract tests this in each way",
    "A denial is not noticed": "a device answers at one address, whichever way sends the request",
    "Others read a user's requests for approval": "browsers ask at one address",
    "A webhook is forged, repeated or late": "Twilio has one address",
    "An attacker's browser or app is registered": (
        "the contract tests plain Python; attacks/test_push.py tests the rest"
    ),
    "A browser names another server as its push service, so that this server sends requests there": (
        "browsers subscribe at one address"
    ),
    "The key of a registered browser is copied": "only pages make a key",
    "The cookie of a remembered browser is copied": "plain Python has no cookies",
    "The cookie of a remembered browser is used by another user, with an API token, or without a log-in": (
        "plain Python has no cookies"
    ),
    "Somebody at a remembered browser does what needs a fresh verification": "plain Python has no cookies",
    "A request from JavaScript has a copied cookie of a remembered browser, or another user's cookie": (
        "plain Python has no cookies"
    ),
    "A browser stays remembered after a stolen password or phone": "plain Python has no cookies",
    "Staff use the admin without verifying": "only the admin has pages for staff",
    "A reload uses up an attempt": "only pages are reloaded",
    "A form that one user opened is submitted after another has signed in": "only pages have forms",
    "The pages, the API and Python code that verifies users follow different rules": (
        "all of these cases test this"
    ),
    "Secrets in logs, pages, error reports, sessions, the admin, URLs or exceptions": (
        "process/test_secrets.py searches the output of all ways"
    ),
}


def case(threat: str, lets_in: Sequence[str] = ()) -> Callable[[Case], Case]:
    def listed(tried: Case) -> Case:
        CASES.setdefault(threat, {})[tried.__name__.replace("_", " ")] = tried
        LETS_IN[tried] = lets_in
        return tried

    return listed


def code(to: str = PHONE) -> str:
    return messages.last_code(to)


def wrong(to: str = PHONE) -> str:
    return wrong_code(code(to))


def proves(way: Way) -> None:
    way.send("email")
    way.check(code(EMAIL))


def guesses(way: Way, n: int, to: str = PHONE) -> None:
    for _ in range(n):
        way.check(wrong(to))


# Limits


@case("A user's number is flooded")
def a_resend_too_soon(w: World) -> None:
    w.sam.send("sms")
    w.sam.resend()


@case("A user's number is flooded", lets_in=["sam"])
def a_resend_in_time(w: World) -> None:
    w.sam.send("sms")
    pass_time(31)
    w.sam.resend()
    w.sam.check(code())


@case("A user's number is flooded")
def more_sends_than_a_verification_allows(w: World) -> None:
    w.sam.send("sms")
    for _ in range(6):
        w.sam.resend()
        pass_time(95)


@case("A user's number is flooded")
def more_sends_than_a_user_may_have(w: World) -> None:
    w.set(LIMITS={"sends_per_user": "1/h"})
    w.sam.send("sms")
    w.sam.send("email")
    w.again.send("email")


@case("A user's number is flooded")
def more_sends_than_a_number_may_get(w: World) -> None:
    w.set(LIMITS={"sends_per_destination": "2/h"})
    for _ in range(3):
        w.sam.send("sms")
        w.sam.cancel()
        w.again.send("call")
        w.again.cancel()


@case("Attackers enter somebody else's number", lets_in=["sam"])
def four_registrations_of_a_number_before_its_owner_verifies(w: World) -> None:
    for _ in range(4):
        w.mallory.register(PHONE)
        w.mallory.cancel()
        pass_time(61)
    w.sam.send("sms")
    w.sam.check(code())


@case("Attackers enter somebody else's number")
def one_number_after_another(w: World) -> None:
    for last in range(40, 50):
        w.mallory.register(f"+120255501{last}")
        w.mallory.cancel()


@case("Codes are guessed")
def a_wrong_token(w: World) -> None:
    w.sam.send("sms")
    guesses(w.sam, 1)


@case("Codes are guessed", lets_in=["sam"])
def a_wrong_token_then_the_right_one(w: World) -> None:
    a_wrong_token(w)
    w.sam.check(code())


@case("Codes are guessed")
def more_wrong_codes_than_a_verification_allows(w: World) -> None:
    w.sam.send("sms")
    guesses(w.sam, 7)
    w.sam.check(code())


@case("Codes are guessed", lets_in=["again"])
def more_wrong_codes_than_a_session_allows(w: World) -> None:
    w.set(LIMITS={"wrong_tokens_per_session": "3/h"})
    w.sam.send("sms")
    guesses(w.sam, 4)
    w.sam.check(code())
    w.again.send("email")
    w.again.check(code(EMAIL))


@case("Codes are guessed")
def more_wrong_codes_than_a_user_may_enter(w: World) -> None:
    w.set(LIMITS={"wrong_tokens_per_user": "3/h"})
    w.sam.send("sms")
    guesses(w.sam, 2)
    w.again.send("sms")
    guesses(w.again, 2)
    for way in (w.sam, w.again):
        way.check(code())


@case("Codes are guessed")
def more_wrong_codes_in_a_row_than_allowed(w: World) -> None:
    w.set(LIMITS={"wrong_tokens_in_a_row": 2})
    w.sam.send("sms")
    guesses(w.sam, 3)
    w.sam.send("email")
    w.sam.check(code())


@case("An attacker gets more attempts by a new code, session or log-in, or by canceling")
def every_way_to_start_again(w: World) -> None:
    w.sam.send("sms")
    guesses(w.sam, 2)
    w.sam.resend()
    w.sam.cancel()
    w.sam.send("call")
    guesses(w.sam, 2)
    pass_time(31)
    w.again.send("sms")
    guesses(w.again, 2)
    w.sam.person.client.logout()
    w.sam.person.client.force_login(w.sam.person.user)
    w.sam.send("email")
    guesses(w.sam, 6, EMAIL)
    w.sam.check(code(EMAIL))


@case("An attacker gets more attempts by a new code, session or log-in, or by canceling")
def starting_again(w: World) -> None:
    more_wrong_codes_than_a_verification_allows(w)
    w.sam.send("sms")
    w.sam.check(code())


@case("A right code resets the counters of wrong codes", lets_in=["sam"])
def a_success_between_failures(w: World) -> None:
    w.set(LIMITS={"wrong_tokens_per_session": "4/h"})
    w.sam.send("sms")
    guesses(w.sam, 3)
    w.sam.check(code())
    w.sam.send("email")
    guesses(w.sam, 1, EMAIL)
    w.sam.check(code(EMAIL))


@case("An attacker with the password locks the user out", lets_in=["before", "sam"])
def a_recovery_code_after_a_lock(w: World) -> None:
    codes = recovery_codes(w)
    w.set(LIMITS={"wrong_tokens_in_a_row": 2})
    w.again.send("email")
    guesses(w.again, 3, EMAIL)
    w.sam.send("sms")
    w.sam.send("recovery")
    w.sam.check(codes[0])


def recovery_codes(w: World) -> list[str]:
    """Return Sam's recovery codes, which only the pages create."""
    w.set(ALLOWED_METHODS=["sms", "call", "email", "recovery"])
    before = w.somebody("sam", "before").person
    before.opens("start").picks("email").types_the_code(EMAIL)
    return gets_codes(before)


@case("Nobody notices an attack")
def one_mail_to_the_owner(w: World) -> None:
    w.set(LIMITS={"wrong_tokens_per_user": "2/h"})
    w.sam.send("sms")
    guesses(w.sam, 4)


@case("Many accounts are attacked from one IP address")
def two_accounts(w: World) -> None:
    w.set(
        LIMITS={"requests_per_client": "2/h"}, CLIENT_ADDRESS_CB=lambda request: request.META["REMOTE_ADDR"]
    )
    w.sam.send("sms")
    w.mallory.register(NEW)
    w.sam.check(code())


@case("Lookups cost money")
def many_numbers(w: World) -> None:
    w.set(LIMITS={"lookups_per_user": "1/h", "unproven_sends_per_user": None})
    w.set(PHONE_NUMBER_CARRIER_LOOKUP=True)
    for number in (NEW, THIRD, MALLORYS):
        w.mallory.register(number)
        w.mallory.cancel()


@case("One mailbox is entered in many spellings, to get more sends")
def one_mailbox_in_many_spellings(w: World) -> None:
    w.set(SEND_COOLDOWN=0)
    for address in ("New@owl.example", "nEw@owl.example", "new+a@owl.example", "new@OWL.example"):
        w.mallory.register_address(address)
        w.mallory.cancel()


@case("Sends that Twilio refuses are used to probe numbers")
def numbers_that_twilio_refuses(w: World) -> None:
    w.set(LIMITS={"refused_sends_per_user": "2/h"})
    for number in ("+12025550168", "+12025550168", NEW):
        w.mallory.register(number)


@case("Toll fraud")
def countries_and_kinds_of_numbers(w: World) -> None:
    # Germany, a premium-rate number, a satellite phone, and Germany with the international prefix of the US.
    for number in ("+4915123456789", "+19005550143", "+881612345678", "011 49 151 23456789"):
        w.mallory.register(number)


@case("Toll fraud")
def a_send_that_twilio_blocks_as_fraud(w: World) -> None:
    with TwilioSandbox().fault(60410, on="/Verifications", times=0):
        w.sam.send("sms")
    w.sam.send("sms")
    w.sam.send("call")


# Attacks


@case("A user refers to another user's verification", lets_in=["sam"])
def the_right_token_and_a_cancel(w: World) -> None:
    w.sam.send("sms")
    w.mallory.check(code(), w.sam.row)
    w.mallory.cancel(w.sam.row)
    w.sam.check(code())
    w.mallory.check(code(), w.sam.row)


@case("Another session of the same user becomes verified", lets_in=["sam"])
def the_owners_success(w: World) -> None:
    w.sam.send("sms")
    w.again.send("sms")
    w.sam.check(code())


@case("Another session of the same user becomes verified", lets_in=["sam"])
def the_owners_used_token(w: World) -> None:
    w.sam.send("sms")
    spent = code()
    w.sam.check(spent)
    w.again.check(spent, w.sam.row)


@case("A code to a new number is used to verify, instead of the registered device")
def without_a_proof(w: World) -> None:
    w.sam.register(NEW)
    if messages.delivered(NEW):
        w.sam.check(code(NEW))


@case("A code to a new number is used to verify, instead of the registered device")
def a_registration_while_no_device_can_be_used(w: World) -> None:
    w.set(ALLOWED_METHODS=["whatsapp"])
    Device.objects.filter(kind="phone_number").delete()
    w.sam.register(NEW, "whatsapp")
    if messages.delivered(NEW):
        w.sam.check(code(NEW))


@case("A device is replaced without verification", lets_in=["sam"])
def a_proof_and_another_number(w: World) -> None:
    proves(w.sam)
    w.sam.register(NEW)
    w.sam.check(code(NEW))


@case("A device is replaced without verification", lets_in=["sam"])
def two_numbers_with_one_proof(w: World) -> None:
    a_proof_and_another_number(w)
    w.sam.register(THIRD)


@case("A device is replaced without verification", lets_in=["sam"])
def a_proof_that_is_too_old(w: World) -> None:
    proves(w.sam)
    pass_time(601)
    w.sam.register(NEW)


@case("A device is replaced without verification", lets_in=["again"])
def another_sessions_proof(w: World) -> None:
    proves(w.again)
    w.sam.register(NEW)


@case("Many devices are added after one verification, or after it was used up", lets_in=["sam"])
def several_numbers_with_one_proof(w: World) -> None:
    proves(w.sam)
    for number in (NEW, THIRD):
        w.sam.register(number)
        w.sam.check(code(number))


@case("Many devices are added after one verification, or after it was used up", lets_in=["sam"])
def a_number_after_the_proof_was_used_up(w: World) -> None:
    proves(w.sam)
    w.sam.remove(Device.objects.get(value=PHONE))
    w.sam.register(NEW)


@case(
    "An attacker with a stolen session removes the last device, and registers their own with the password",
    lets_in=["sam"],
)
def one_device_after_the_other(w: World) -> None:
    for device in list(Device.objects.order_by("registered_at")):
        pass_time(60)
        proves(w.sam)
        w.sam.remove(device)


STOLEN_SESSION = "Somebody with a stolen session names devices, makes theirs the default, or forgets browsers"


def names_and_makes_default(w: World) -> None:
    device = Device.objects.get(value=EMAIL)
    w.sam.rename(device, "Mine")
    w.sam.make_default(device)


@case(STOLEN_SESSION)
def a_name_and_a_default_without_a_proof(w: World) -> None:
    names_and_makes_default(w)


@case(STOLEN_SESSION, lets_in=["again"])
def a_name_and_a_default_with_another_sessions_proof(w: World) -> None:
    proves(w.again)
    names_and_makes_default(w)


@case(STOLEN_SESSION, lets_in=["sam"])
def a_name_and_a_default_with_a_proof(w: World) -> None:
    proves(w.sam)
    names_and_makes_default(w)
    assert Device.objects.get(value=EMAIL).name == "Mine"


@case("An attacker changes the e-mail address of the account, so that the owner gets no later e-mails")
def an_address_is_removed(w: World) -> None:
    proves(w.sam)
    w.sam.remove(Device.objects.get(value=EMAIL))


@case("The success page is opened without a verification")
def no_verification(w: World) -> None:
    assert not w.sam.person.is_verified


@case("The success page is opened without a verification")
def an_empty_token(w: World) -> None:
    w.sam.send("sms")
    w.sam.check("")


@case("The success page is opened without a verification")
def a_canceled_verification(w: World) -> None:
    w.sam.send("sms")
    token = code()
    w.sam.cancel()
    w.sam.check(token)


@case("The success page is opened without a verification")
def an_expired_verification(w: World) -> None:
    w.sam.send("sms")
    token = code()
    pass_time(601)
    w.sam.check(token)


@case("The success page is opened without a verification")
def a_method_that_is_not_allowed(w: World) -> None:
    w.set(ALLOWED_METHODS=["email"])
    w.sam.send("sms")


@case("The success page is opened without a verification")
def a_user_who_is_kept_out(w: World) -> None:
    w.set(ALLOW_USER_CB=lambda: False)
    w.sam.send("sms")


@case("The success page is opened without a verification")
def registration_that_is_off(w: World) -> None:
    w.set(ALLOW_REGISTRATION=False)
    w.mallory.register(NEW)


@case("An attacker registers a number while its owner verifies with it", lets_in=["sam"])
def both_at_once(w: World) -> None:
    w.mallory.register(PHONE)
    w.sam.send("sms")
    guesses(w.mallory, 2)
    w.sam.check(code())


@case("An attacker registers a number while its owner verifies with it", lets_in=["sam"])
def a_registration_that_is_canceled(w: World) -> None:
    with TwilioSandbox().fault("hang", on="/Verifications", times=1):
        w.sam.send("sms")
    w.mallory.register(PHONE)
    w.mallory.cancel()
    w.sam.check(code())


@case("The user approves a request of an attacker", lets_in=["sam"])
def each_session_waits_for_its_own(w: World) -> None:
    w.set(ALLOWED_METHODS=["link", "sms"])
    w.sam.send("link")
    w.again.send("link")
    mine, theirs = Verification.objects.order_by("pk")
    w.sam.check("", mine)
    assert Verification.objects.answer(mine.public_id, approved=True)
    w.again.check("", mine)
    w.again.check("", theirs)
    w.sam.check("", mine)


@case("The user approves a request of an attacker")
def a_denial(w: World) -> None:
    w.set(ALLOWED_METHODS=["link", "sms"])
    w.sam.send("link")
    assert Verification.objects.answer(w.sam.row.public_id, approved=False)
    w.sam.check("")


@case("A recovery code is used twice, or read from the database or the session", lets_in=["before", "sam"])
def used_twice(w: World) -> None:
    codes = recovery_codes(w)
    for way in (w.sam, w.again):
        way.send("recovery")
        way.check(codes[0])


@case("Replay of an approved token", lets_in=["sam"])
def by_the_same_session(w: World) -> None:
    w.sam.send("sms")
    spent = code()
    w.sam.check(spent)
    w.sam.check(spent)


@case("Replay of an approved token", lets_in=["sam"])
def for_the_next_verification(w: World) -> None:
    w.sam.send("sms")
    spent = code()
    w.sam.check(spent)
    w.again.send("sms")
    if code() != spent:
        w.again.check(spent)


@case("A form is submitted twice", lets_in=["sam"])
def one_after_the_other(w: World) -> None:
    w.sam.send("sms")
    w.sam.send("sms")
    for token in (code(), code(), wrong()):
        w.sam.check(token)


@case("Session fixation", lets_in=["sam"])
def a_session_planted_before_the_log_in(w: World) -> None:
    planted, victim = Client(), w.sam.person.client
    planted.get("/login/")
    planted.session.save()
    victim.cookies = planted.cookies.copy()
    victim.post("/login/", {"username": "sam", "password": "sam"})
    w.sam.person.client.get("/2fa/start/")
    w.sam.send("sms")
    w.sam.check(code())
    assert w.sam.person.is_verified
    planted.force_login(w.sam.person.user)
    assert not is_verified(planted.get("/").wsgi_request)


@case("A session stays verified after a log-out, for another user, or after a password change")
def a_log_out(w: World) -> None:
    proves(w.sam)
    w.sam.person.client.logout()
    w.sam.person.client.force_login(w.sam.person.user)


@case("A session stays verified after a log-out, for another user, or after a password change")
def another_user(w: World) -> None:
    proves(w.sam)
    w.sam.person.client.force_login(w.mallory.person.user)


@case("A session stays verified after a log-out, for another user, or after a password change")
def a_changed_password(w: World) -> None:
    proves(w.sam)
    user = w.sam.person.user
    user.set_password("another")
    user.save()
    w.sam.person.client.force_login(user)


@case("Unusual input for a code", lets_in=["sam"])
def text_that_is_not_a_token(w: World) -> None:
    w.sam.send("sms")
    for token in ("", "owl", "1" * 500, "\0", "12345", "1234567", "-12345", "½23456", "<b>12</b>"):
        w.sam.check(token)
    w.sam.check(code())


@case("Unusual input for a code", lets_in=["sam"])
def digits_of_another_script(w: World) -> None:
    w.sam.send("sms")
    w.sam.check(" ".join(chr(0x0660 + int(c)) for c in code()))


@case("Unusual numbers and addresses, header injection")
def text_that_is_not_a_number(w: World) -> None:
    for number in ("", "owl", "1" * 300, "\0", "+", "+1", "202 555 0143\r\nTo: owl", "<b>", "+999123456789"):
        w.mallory.register(number)


@case("Unusual numbers and addresses, header injection")
def text_that_is_not_a_country(w: World) -> None:
    for country in ("", "XX", "usa", "\0", "U"):
        w.mallory.register("202 555 0147", country=country)


@case("Unusual numbers and addresses, header injection", lets_in=["mallory"])
def a_first_number(w: World) -> None:
    w.mallory.register("(202) 555-0147")
    w.mallory.check(code(NEW))


@case("User enumeration")
def a_registered_number_and_a_new_one(w: World) -> None:
    for number in (PHONE, NEW):
        w.mallory.register(number)
        guesses(w.mallory, 1, number)
        w.mallory.cancel()


# Faults of Twilio


def _fault(fault: str, on: str, act: Callable[[World], Any]) -> Case:
    def struck(w: World) -> None:
        if on != "/Verifications":
            w.sam.send("sms")
        with TwilioSandbox().fault(fault, on=on, times=0):
            act(w)
        if messages.delivered(PHONE):
            w.sam.send("sms")  # too soon, so it leads back to the code after any fault
            w.sam.check(code())

    return struck


for _name in INJECTABLE_FAULTS:
    _days = CASES.setdefault(
        "Twilio hangs, sends its response byte by byte, drops the connection, or sends invalid data", {}
    )
    _days[f"{_name} in a send"] = _fault(_name, "/Verifications", lambda w: w.sam.send("sms"))
    _days[f"{_name} in a check"] = _fault(_name, "/VerificationCheck", lambda w: w.sam.check(code()))


@case("A callback or receiver of the site raises an exception")
def a_guard_that_raises(w: World) -> None:
    w.set(ALLOW_USER_CB=lambda: 1 / 0)
    w.sam.send("sms")


def told_of(page: str) -> dict[str, list[str]]:
    """Return the threats of docs/security.md, by heading."""
    sections = re.split(r"^## (.+)$", page, flags=re.M)[1:]
    return {
        heading: re.findall(r"^\| (?!threat \||---)(.+?) \|", text, re.M)
        for heading, text in zip(sections[::2], sections[1::2], strict=True)
    }
