"""Define the tests that every method has to pass. The tests of a provider inherit them."""

from __future__ import annotations

import logging
import math
import re
from datetime import datetime
from unittest import SkipTest

from django.core import mail
from django.test import Client

from .. import errors, signals
from ..conf import conf
from ..contacts import CONTACTS
from ..models.devices import Device
from ..models.verifications import UNAUTHENTICATED, Purpose, Status, Verification
from ..providers.installed import get_registry, why_unregistrable
from ..verifier import Verifier
from .scene import ProviderScene, SignalRecorder, at_once, twin
from .site import create_two_factor_user, verify

UNGUESSABLE_BITS = 60
ODD = ("", " ", "\0", "x" * 10_000, "١٢٣٤٥٦", "12345a", "-1", "<b>1</b>", "🦉", "0" * 65)


def holds(text: str, token: str) -> bool:
    """Return whether a text contains a token as a word, not by chance as a part of a digest."""
    return re.search(rf"(?<![0-9A-Za-z]){re.escape(token)}(?![0-9A-Za-z])", text) is not None


class ProviderContract(ProviderScene):
    """Test a provider with the verifier, the wizard, the limits and concurrent requests.

    `class PigeonTests(ProviderContract, TransactionTestCase): method = "pigeon"`. Override `right_token` if
    the sandbox does not deliver the token. The URLs of the test project have to include this package. The
    tests of concurrent requests need row locks (PostgreSQL, MySQL) and are skipped on other databases.
    """

    # The declaration

    def test_the_provider_is_found_and_can_be_used(self) -> None:
        assert self.method in get_registry().providers
        request = self.browser().get(self.url("start")).wsgi_request
        assert self.provider.why_unavailable(user=self.user, request=request) == ""

    def test_the_provider_has_a_label_and_an_icon(self) -> None:
        shown = self.provider.display(user=self.user)
        assert shown["value"] == self.method
        assert str(shown["label"])
        assert str(shown["icon"])

    def test_the_attributes_of_the_provider_fit_together(self) -> None:
        assert not why_unregistrable(self.provider)
        # A backup method cannot use phone numbers or e-mail addresses as its devices.
        assert not (self.provider.is_backup and self.provider.device_kind in CONTACTS)

    # Registration and verification

    def test_a_device_can_be_registered(self) -> None:
        if self.provider.device_kind is None:
            raise SkipTest("the method has no device")
        client = self.browser()
        if self.provider.is_backup:
            verify(client)
            self.walk_to_the_end(client, f"{self.namespace}:adding")
        else:
            self.phone.delete()
            self.walk_to_the_end(client, self.namespace)
        assert self.is_verified(client)
        assert Device.objects.filter(user=self.user, kind=self.provider.device_kind).count() == 1

    def test_a_registered_device_verifies_its_user(self) -> None:
        self.register()
        client, row = self.begin()
        assert not self.is_verified(client)
        self.prove(client, row)
        assert self.is_verified(client)
        row.refresh_from_db()
        assert (row.status, row.method) == (Status.APPROVED, self.method)

    def test_each_signal_is_sent_once(self) -> None:
        self.register()
        sent, succeeded = (
            SignalRecorder(signals.twilio_2fa_verification_sent),
            SignalRecorder(signals.twilio_2fa_verification_success),
        )
        client, row = self.begin()
        self.prove(client, row)
        assert len(succeeded.of(self.method)) == 1
        assert len(sent.of(self.method)) == (1 if self.provider.sends else 0)

    def test_the_pages_show_only_masked_values(self) -> None:
        self.register()
        client, row = self.begin()
        shown = (
            client.get(self.url("verify")).content.decode() + client.get(self.url("start")).content.decode()
        )
        if self.contact is not None:
            assert str(self.contact) not in shown
        if row.sid:
            assert row.sid not in shown
        if not self.provider.approved_elsewhere:
            assert not holds(shown, self.right_token(row))

    def test_the_token_is_not_stored_in_row_or_session(self) -> None:
        self.needs_token()
        self.register()
        client, row = self.begin()
        token = self.right_token(row)
        rows = [*Verification.objects.values(), *Device.objects.values(), dict(client.session)]
        self.prove(client, row)
        rows += [*Verification.objects.values(), *Device.objects.values(), dict(client.session)]
        # Times are left out: they may contain the digits of the token by chance.
        kept = [value for row in rows for value in row.values() if not isinstance(value, datetime)]
        assert not holds(str(kept), token)

    def test_only_masked_values_are_logged(self) -> None:
        with self.assertLogs(level="DEBUG") as logged:
            logging.getLogger(__name__).debug("assertLogs needs at least one message.")
            self.register()
            client, row = self.begin()
            token = "" if self.provider.approved_elsewhere else self.right_token(row)
            if token:
                client.post(self.url("verify"), {"token": self.wrong_token(row)})
            self.prove(client, row)
        said = "\n".join(logged.output)
        assert not token or not holds(said, token)
        assert self.contact is None or str(self.contact) not in said

    # Wrong tokens

    def test_a_wrong_token_is_refused_with_a_message(self) -> None:
        self.needs_token()
        self.register()
        client, row = self.begin()
        page = client.post(self.url("verify"), {"token": self.wrong_token(row)}, follow=True)
        assert page.status_code == 200
        assert page.context["form"].errors
        assert not self.is_verified(client)
        row.refresh_from_db()
        assert row.attempts == 1

    def test_any_text_as_token_gets_a_response(self) -> None:
        self.needs_token()
        self.register()
        client, _row = self.begin()
        for typed in ODD:
            page = client.post(self.url("verify"), {"token": typed}, follow=True)
            assert page.status_code == 200, typed
        assert not self.is_verified(client)

    def test_the_right_token_after_too_many_wrong_ones_is_refused(self) -> None:
        self.needs_token()
        self.register()
        client, row = self.begin()
        right = self.right_token(row)
        wrong = self.wrong_token(row)
        for _ in range(conf.MAX_ATTEMPTS + 2):
            client.post(self.url("verify"), {"token": wrong})
        client.post(self.url("verify"), {"token": right})
        assert not self.is_verified(client)
        row.refresh_from_db()
        assert (row.status, row.attempts) == (Status.FAILED, conf.MAX_ATTEMPTS)

    def test_a_token_works_once(self) -> None:
        self.needs_token()
        self.register()
        client, row = self.begin()
        token = self.right_token(row)
        client.post(self.url("verify"), {"token": token})
        assert self.is_verified(client)
        other, row = self.begin()
        for _ in range(2):
            if not self.provider.sends or self.right_token(row) != token:
                break
            # The next token may be the same by chance, so another one is requested.
            other.post(self.url("verify"), {"action": "cancel"})
            self.sandbox.move_clock(31)
            other, row = self.begin()
        other.post(self.url("verify"), {"token": token})
        assert not self.is_verified(other)

    def test_only_tokens_that_cannot_be_guessed_have_no_user_limit(self) -> None:
        if not self.provider.high_entropy:
            raise SkipTest("wrong tokens of the method lock the user")
        self.register()
        _client, row = self.begin()
        # The most bits that a token of this length and alphabet can have.
        token = "".join(c for c in self.right_token(row) if c.isalnum())
        alphabet = 10 if token.isdecimal() else 16 if set(token.lower()) <= set("0123456789abcdef") else 62
        assert len(token) * math.log2(alphabet) >= UNGUESSABLE_BITS

    # Expiry, cancellation and removal

    def test_an_expired_token_is_refused(self) -> None:
        self.register()
        client, row = self.begin()
        proof = self.proof(row)
        self.sandbox.move_clock(conf.expiration.total_seconds() + 1)
        if self.provider.approved_elsewhere:
            self.answer(row, approved=True)
        client.post(self.url("verify"), proof)
        assert not self.is_verified(client)

    def test_a_canceled_verification_cannot_be_approved(self) -> None:
        self.register()
        client, row = self.begin()
        proof = self.proof(row)
        with self.assertNoLogs("django_twilio_2fa", "ERROR"):
            client.post(self.url("verify"), {"action": "cancel"})
        client.post(self.url("verify"), {**proof, "verification": str(row.public_id)})
        assert not self.is_verified(client)
        row.refresh_from_db()
        assert row.status == Status.CANCELED

    def test_a_removed_device_verifies_nobody(self) -> None:
        if self.provider.device_kind is None:
            raise SkipTest("the method has no device")
        self.register()
        client, row = self.begin()
        proof = self.proof(row)
        Device.objects.filter(user=self.user, kind=self.provider.device_kind).delete()
        if self.provider.approved_elsewhere:
            self.answer(row, approved=True)
        client.post(self.url("verify"), proof)
        assert not self.is_verified(client)

    # Other sessions and users

    def test_a_token_verifies_no_other_session(self) -> None:
        self.register()
        client, row = self.begin()
        other = self.browser()
        other.get(self.url("start"))
        self.prove(client, row)
        assert self.is_verified(client)
        assert not self.is_verified(other)

    def test_a_token_verifies_no_other_user(self) -> None:
        self.register()
        _client, row = self.begin()
        proof = self.proof(row)
        stranger = Client()
        stranger.force_login(create_two_factor_user("stranger"))
        stranger.get(self.url("start"))
        stranger.post(self.url("verify"), {**proof, "verification": str(row.public_id)})
        assert not self.is_verified(stranger)
        row.refresh_from_db()
        assert (row.status, row.attempts) == (Status.PENDING, 0)

    # Sending

    def test_a_resend_waits_for_cooldown_and_limit(self) -> None:
        if not self.provider.sends:
            raise SkipTest("the method sends nothing")
        self.register()
        client, row = self.begin()
        client.post(self.url("verify"), {"action": "resend"})
        row.refresh_from_db()
        assert row.sends == 1
        for n in range(conf.MAX_SENDS + 1):
            self.sandbox.move_clock(31)
            client.post(self.url("verify"), {"action": "resend"})
            row.refresh_from_db()
            assert row.sends == min(n + 2, conf.MAX_SENDS)
            assert row.error_code == "", "a resend failed"
        self.prove(client, row)
        assert self.is_verified(client)

    def test_each_send_is_one_message_to_the_owner(self) -> None:
        self.register()
        mail.outbox.clear()
        before = len(self.sandbox.messages())
        self.begin()
        mailed = [to for message in mail.outbox for to in message.recipients()]
        delivered = self.sandbox.messages()
        sent = [*mailed, *(m["to"] for m in delivered[: len(delivered) - before])]
        if not self.provider.sends:
            assert sent == []
        elif self.contact is not None:
            # The sandbox and the mail outbox do not see messages that are sent in another way.
            assert sent in ([], [str(self.contact)])

    def test_a_method_that_sends_nothing_does_not_mention_sending(self) -> None:
        if self.provider.sends:
            raise SkipTest("the method sends a token")
        self.register()
        client, _row = self.begin()
        page = client.get(self.url("verify"))
        assert not page.context["can_resend"]

    # Waiting

    def test_the_button_before_an_answer_is_not_an_attempt(self) -> None:
        if not self.provider.approved_elsewhere:
            raise SkipTest("the method does not wait for an approval")
        self.register()
        client, row = self.begin()
        for _ in range(conf.MAX_ATTEMPTS + 1):
            page = client.post(self.url("verify"), {}, follow=True)
            assert page.status_code == 200
            assert page.resolver_match.url_name == "verify"
        assert not self.is_verified(client)
        row.refresh_from_db()
        assert (row.status, row.attempts) == (Status.PENDING, 0)
        assert client.get(self.url("status")).json() == {"ready": False, "over": False}

    def test_a_refusal_ends_the_verification(self) -> None:
        if not self.provider.approved_elsewhere:
            raise SkipTest("the method does not wait for an approval")
        self.register()
        client, row = self.begin()
        self.answer(row, approved=False)
        assert client.get(self.url("status")).json() == {"ready": True, "over": False}
        client.post(self.url("verify"), {})
        assert not self.is_verified(client)
        row.refresh_from_db()
        assert row.status == Status.FAILED

    # Without pages

    def test_the_verifier_works_without_pages(self) -> None:
        if self.provider.why_unavailable(user=self.user):
            raise SkipTest("the method needs a request")
        self.register()
        verifier = Verifier(self.user, flow="a flow", auth="an auth")
        row = verifier.send(self.method)
        if self.provider.approved_elsewhere:
            self.answer(row, approved=True)
        else:
            wrong = self.wrong_token(row)
            try:
                verifier.check(row, wrong)
            except errors.InvalidVerificationCode:
                pass
            else:
                raise AssertionError("a wrong token was accepted")
            row.refresh_from_db()
            assert row.attempts == 1
        row = verifier.check(row, self.proof(row).get("token", ""))
        assert (row.status, row.verifies_session) == (Status.APPROVED, True)

    def test_failures_become_errors_of_this_package(self) -> None:
        # The fault has an effect only on methods that use Twilio.
        self.register()
        client = self.browser()
        with self.sandbox.fault("hang", times=0):
            page = client.post(self.url("start"), {"method": self.method, "device": ""}, follow=True)
            assert page.status_code == 200
        assert not self.is_verified(client)

    def test_the_decoy_sends_nothing(self) -> None:
        # The decoy replaces a send or a check if the named user does not exist.
        row = Verification(method=self.method, transport=self.provider.transport, data={UNAUTHENTICATED: ""})
        sent = len(self.sandbox.messages()), len(mail.outbox)
        for verb in ("start", "check"):
            self.provider.decoy(row, verb=verb)
        assert (len(self.sandbox.messages()), len(mail.outbox)) == sent

    # Concurrent requests

    def test_concurrent_right_tokens_are_one_approval(self) -> None:
        self.needs_row_locks()
        self.register()
        succeeded = SignalRecorder(signals.twilio_2fa_verification_success)
        client, row = self.begin()
        proof = self.proof(row)
        if self.provider.approved_elsewhere:
            self.answer(row, approved=True)
        at_once(lambda: twin(client).post(self.url("verify"), proof).status_code)
        assert len(succeeded.of(self.method)) == 1
        row.refresh_from_db()
        assert row.status == Status.APPROVED
        assert self.is_verified(client)

    def test_concurrent_wrong_tokens_stay_within_the_limit(self) -> None:
        self.needs_token()
        self.needs_row_locks()
        self.register()
        client, row = self.begin()
        wrong = self.wrong_token(row)
        at_once(lambda: twin(client).post(self.url("verify"), {"token": wrong}).status_code)
        row.refresh_from_db()
        assert row.attempts <= conf.MAX_ATTEMPTS
        assert not self.is_verified(client)

    def test_concurrent_sends_are_one_send(self) -> None:
        self.needs_row_locks()
        self.register()
        client = self.browser()
        client.get(self.url("start"))
        data = {"method": self.method, "device": ""}
        at_once(lambda: twin(client).post(self.url("start"), data).status_code)
        rows = Verification.objects.filter(user=self.user, purpose=Purpose.PROVE, status=Status.PENDING)
        # A method that sends nothing may start several verifications, which cost nothing. Concurrent requests
        # in a new session may each start one, if each session has its own.
        if self.provider.sends:
            assert [row.sends for row in rows] == [1]
        else:
            assert len(rows) == 1 or self.provider.per_session
