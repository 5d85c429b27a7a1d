"""Scenes: the requests that run concurrently, the rows before them, and the rules that hold after them."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from typing import Any, ClassVar

from django.contrib.auth import get_user, get_user_model
from django.core.management import call_command
from django.db import connection, transaction
from django.http import HttpRequest
from django.test import Client
from django.utils import timezone

from django_twilio_2fa.contacts import EmailAddress, PhoneNumber
from django_twilio_2fa.models import Counter, Device, Lock, Status, Verification
from django_twilio_2fa.sandbox import messages
from django_twilio_2fa.sandbox.fault_injection import injected
from django_twilio_2fa.sandbox.models import SandboxMessage, SandboxVerification
from django_twilio_2fa.session import is_verified
from django_twilio_2fa.signals import twilio_2fa_verification_success

from ..people import EMAIL, PHONE, Person
from .scheduler import Run

SEND, CHECK = "Verifications", "VerificationCheck"
OTHER, THIRD = "+12025550147", "+12025550148"


class Browser:
    """The requests of one person. Each run begins with a new client."""

    def __init__(self, person: Person) -> None:
        self.person = person

    def client(self) -> Client:
        client = Client(raise_request_exception=False)
        client.cookies.update(self.person.client.cookies)
        return client

    def posts(self, path: str, **data: Any) -> Any:
        return self.client().post(path, data)

    def asks(self, endpoint: str, **values: Any) -> Any:
        return self.client().post(f"/api/2fa/{endpoint}/", values, content_type="application/json")

    @property
    def is_verified(self) -> bool:
        request = HttpRequest()
        request.session = self.person.client.session
        request.user = get_user(request)
        return is_verified(request)


class Scene:
    """A user with one phone, and requests from one browser. The rules of this class hold for every scene."""

    settings: ClassVar[dict[str, Any]] = {}
    switches = 3
    """The number of switches, if the environment sets no other."""

    def prepare(self) -> None:
        self.user = get_user_model().objects.create_user("sam", email=EMAIL)
        self.device = Device.objects.register(self.user, PhoneNumber(PHONE))
        self.browser = Browser(Person("sam").opens("start"))
        self.begin()
        self.had = SandboxMessage.objects.count()
        self.row = Verification.objects.order_by("pk").last()
        self.code = messages.last_code() if self.had else ""
        self.wrong = self.code[:-1] + str((int(self.code[-1]) + 1) % 10) if self.code else ""
        self.approvals: Tally[str] = Tally()

    def begin(self) -> None:
        """Prepare the rows that the requests need."""

    def sends_a_code(self) -> None:
        self.browser.person.picks("sms")

    def requests(self) -> dict[str, Callable[[], Any]]:
        self.approvals.clear()
        twilio_2fa_verification_success.connect(self.count_approval)
        return self.acts()

    def acts(self) -> dict[str, Callable[[], Any]]:
        raise NotImplementedError

    def count_approval(self, verification_sid: str, **kwargs: Any) -> None:
        self.approvals[verification_sid] += 1

    # Requests

    def send(self) -> Any:
        return self.browser.posts("/2fa/start/", method="sms")

    def resend(self) -> Any:
        return self.browser.posts("/2fa/verify/", action="resend")

    def cancel(self) -> Any:
        return self.browser.posts("/2fa/verify/", action="cancel")

    def check_right(self) -> Any:
        return self.browser.posts("/2fa/verify/", token=self.code)

    def check_wrong(self) -> Any:
        return self.browser.posts("/2fa/verify/", token=self.wrong)

    def unlock(self) -> Any:
        with open("/dev/null", "w") as nowhere:
            call_command("twilio_2fa_unlock", "sam", stdout=nowhere)

    # The rules

    def broken_rules(self, run: Run) -> Iterator[str]:
        twilio_2fa_verification_success.disconnect(self.count_approval)
        for name, error in run.errors.items():
            yield f"{name} raised {type(error).__name__}: {error}"
        for name, answer in run.results.items():
            if getattr(answer, "status_code", 200) >= 500:
                found = getattr(answer, "exc_info", None)
                yield f"{name} was answered {answer.status_code} {found[1] if found else ''!r}"
        rows = list(Verification.objects.order_by("pk"))
        yield from self.broken_rules_of_sends(run, rows)
        yield from self.broken_rules_of_checks(run, rows)
        yield from self.broken_rules_of_approvals(run, rows)
        yield from self.own_broken_rules(run, rows)

    def own_broken_rules(self, run: Run, rows: list[Verification]) -> Iterator[str]:
        """Yield the broken rules that only this scene has."""
        yield from ()

    def sent(self) -> int:
        return SandboxMessage.objects.count() - self.had

    def broken_rules_of_sends(self, run: Run, rows: list[Verification]) -> Iterator[str]:
        if (counted := sum(row.sends for row in rows)) < SandboxMessage.objects.count():
            yield f"{SandboxMessage.objects.count()} messages went out, and {counted} sends are counted"
        limits = Counter.objects.filter(scope__regex="^(unproven_)?sends_per_user:3600$")
        if (counted := sum(limits.values_list("n", flat=True))) < SandboxMessage.objects.count():
            yield f"{SandboxMessage.objects.count()} messages went out, and the user's limit counts {counted}"

    def broken_rules_of_checks(self, run: Run, rows: list[Verification]) -> Iterator[str]:
        asked = Tally(
            call.values.get("VerificationSid") or call.values.get("To") for call in run.calls_to(CHECK)
        )
        for row in rows:
            most = self.settings.get("TWILIO_2FA_MAX_ATTEMPTS", 5)
            before = self.row.attempts if self.row is not None and row.pk == self.row.pk else 0
            if before + asked[row.sid] > most:
                yield f"{before + asked[row.sid]} tokens went to Twilio, and {most} are allowed"
            if row.attempts < before + asked[row.sid]:
                yield f"{before + asked[row.sid]} tokens went to Twilio, and {row.attempts} are counted"

    def broken_rules_of_approvals(self, run: Run, rows: list[Verification]) -> Iterator[str]:
        for row in rows:
            approved = row.status == Status.APPROVED and row.transport != "test"
            fresh = row.pk >= self.first_pk
            if fresh and approved and self.approvals[row.sid] != 1:
                yield f"the signal of an approval was sent {self.approvals[row.sid]} times"
            if fresh and not approved and self.approvals[row.sid]:
                yield f"the signal of an approval was sent for a verification that is {row.status}"
            at_twilio = SandboxVerification.objects.filter(sid=row.sid, status="approved").exists()
            if at_twilio and not approved and not self.may_lose_approval(row):
                yield f"Twilio approved the token, and the verification is {row.status} ({row.error_code})"
            if fresh and approved and row.verifies_session and not self.is_verified_by(row):
                yield "a verification was approved, and its session is not verified"

    @property
    def first_pk(self) -> int:
        return self.row.pk if self.row is not None else 0

    def may_lose_approval(self, row: Verification) -> bool:
        """Return whether this scene allows that a right token does not approve the verification."""
        return False

    def is_verified_by(self, row: Verification) -> bool:
        return self.browser.is_verified


SCENES: dict[str, type[Scene]] = {}


def scene(name: str) -> Callable[[type[Scene]], type[Scene]]:
    def add(cls: type[Scene]) -> type[Scene]:
        SCENES[name] = cls
        return cls

    return add


def counts(scope: str) -> int:
    return sum(Counter.objects.filter(scope=scope).values_list("n", flat=True))


# Sends


@scene("send/send")
class TwoSends(Scene):
    """A double click on the button that sends the first code."""

    def acts(self) -> dict[str, Callable[[], Any]]:
        return {"a": self.send, "b": self.send}

    def own_broken_rules(self, run: Run, rows: list[Verification]) -> Iterator[str]:
        if self.sent() != 1 or len(rows) != 1:
            yield f"{self.sent()} messages and {len(rows)} verifications"


@scene("send/send-over-the-API-in-two-sessions")
class TwoSessionsSend(Scene):
    """A first send from each of two sessions of one user."""

    def prepare(self) -> None:
        super().prepare()
        self.second = Browser(Person("sam").opens("start"))

    def acts(self) -> dict[str, Callable[[], Any]]:
        return {
            n: lambda b=b: b.asks("send", method="sms") for n, b in (("a", self.browser), ("b", self.second))
        }

    own_broken_rules = TwoSends.own_broken_rules


@scene("resend/resend")
class TwoResends(Scene):
    """Two resends after the cooldown has ended."""

    def begin(self) -> None:
        self.sends_a_code()
        Verification.objects.update(next_send_at=timezone.now() - timedelta(seconds=1))

    def acts(self) -> dict[str, Callable[[], Any]]:
        return {"a": self.resend, "b": self.resend}

    def own_broken_rules(self, run: Run, rows: list[Verification]) -> Iterator[str]:
        if self.sent() != 1:
            yield f"{self.sent()} messages went out again"


@scene("resend/resend-without-a-cooldown")
class TwoResendsAtWill(Scene):
    settings: ClassVar[dict[str, Any]] = {"TWILIO_2FA_SEND_COOLDOWN": 0, "TWILIO_2FA_MAX_SENDS": 2}

    begin = TwoResends.begin
    acts = TwoResends.acts

    def own_broken_rules(self, run: Run, rows: list[Verification]) -> Iterator[str]:
        if self.sent() != 1 or rows[0].sends != 2:
            yield f"{self.sent()} messages went out again, and one more was allowed"


@scene("refused-resend/resend")
class ResendRefused(Scene):
    """Two resends, of which Twilio refuses the first."""

    settings: ClassVar[dict[str, Any]] = {"TWILIO_2FA_SEND_COOLDOWN": 0}

    begin = TwoResends.begin

    def acts(self) -> dict[str, Callable[[], Any]]:
        self.fault = injected("60212", on="/Verifications")
        self.fault.__enter__()
        return {"a": self.resend, "b": self.resend}

    def own_broken_rules(self, run: Run, rows: list[Verification]) -> Iterator[str]:
        self.fault.__exit__(None, None, None)
        refused = [call for call in run.calls_to(SEND) if call.status >= 400]
        counted = counts("refused_sends_per_user:3600") + counts("sends_per_user:3600")
        if counted < len(refused) + self.had + self.sent():
            # If another send came between, a refused send stays counted as a send.
            yield f"{len(refused)} of {len(run.calls_to(SEND))} sends were refused, and {counted} are counted"


@scene("resend/cancel")
class ResendAndCancel(Scene):
    begin = TwoResends.begin

    def acts(self) -> dict[str, Callable[[], Any]]:
        return {"a": self.resend, "b": self.cancel}


@scene("send/cancel")
class SendAndCancel(Scene):
    """A first send, and a user who cancels and starts again meanwhile."""

    def acts(self) -> dict[str, Callable[[], Any]]:
        def cancel_and_send() -> Any:
            self.cancel()
            return self.send()

        return {"a": self.send, "b": cancel_and_send}

    def own_broken_rules(self, run: Run, rows: list[Verification]) -> Iterator[str]:
        if self.sent() != 1:
            yield f"{self.sent()} messages within one cooldown"


@scene("send/send-after-a-cancel")
class TwoSendsAfterACancel(Scene):
    """Two sends during the cooldown of a canceled verification."""

    def begin(self) -> None:
        self.sends_a_code()
        self.cancel()

    acts = TwoSends.acts

    def own_broken_rules(self, run: Run, rows: list[Verification]) -> Iterator[str]:
        if self.sent():
            yield f"{self.sent()} messages within the cooldown of the last"


# Checks


class Check(Scene):
    def begin(self) -> None:
        self.sends_a_code()


class LastCheck(Check):
    """A verification with one attempt left."""

    settings: ClassVar[dict[str, Any]] = {"TWILIO_2FA_MAX_ATTEMPTS": 2}

    def begin(self) -> None:
        super().begin()
        Verification.objects.update(attempts=1)


def wrong_tokens() -> int:
    return counts("wrong_tokens_per_user:3600")


@scene("check/check")
class TwoRightChecks(Check):
    def acts(self) -> dict[str, Callable[[], Any]]:
        return {"a": self.check_right, "b": self.check_right}

    def own_broken_rules(self, run: Run, rows: list[Verification]) -> Iterator[str]:
        if rows[0].status != Status.APPROVED:
            yield f"two right tokens, and the verification is {rows[0].status}"
        if len(run.calls_to(CHECK)) != 1 or rows[0].attempts != 1:
            yield f"{len(run.calls_to(CHECK))} tokens went to Twilio, {rows[0].attempts} are counted"


@scene("check/check-over-the-API")
class TwoRightChecksOverTheAPI(TwoRightChecks):
    def check_right(self) -> Any:
        return self.browser.asks("verify", verification_id=str(self.row.public_id), code=self.code)


@scene("wrong-check/wrong-check")
class TwoWrongChecks(Check):
    def acts(self) -> dict[str, Callable[[], Any]]:
        return {"a": self.check_wrong, "b": self.check_wrong}

    def own_broken_rules(self, run: Run, rows: list[Verification]) -> Iterator[str]:
        if wrong_tokens() < len(run.calls_to(CHECK)):
            yield f"{len(run.calls_to(CHECK))} wrong tokens, and the user's limit counts {wrong_tokens()}"
        if rows[0].lease or rows[0].status != Status.PENDING:
            yield "the verification still has a lease or has ended"


@scene("last-wrong-check/wrong-check")
class TwoLastWrongChecks(LastCheck):
    acts = TwoWrongChecks.acts

    def own_broken_rules(self, run: Run, rows: list[Verification]) -> Iterator[str]:
        if rows[0].status != Status.FAILED or len(run.calls_to(CHECK)) != 1:
            yield f"{len(run.calls_to(CHECK))} tokens, and the verification is {rows[0].status}"


@scene("right-check/wrong-check")
class RightAndWrongCheck(Check):
    def acts(self) -> dict[str, Callable[[], Any]]:
        return {"a": self.check_right, "b": self.check_wrong}

    def own_broken_rules(self, run: Run, rows: list[Verification]) -> Iterator[str]:
        wrong = [call for call in run.calls_to(CHECK, "b") if call.body.get("status") == "pending"]
        if wrong_tokens() < len(wrong):
            yield f"{len(wrong)} wrong tokens, and the user's limit counts {wrong_tokens()}"


@scene("last-right-check/wrong-check")
class LastRightAndWrongCheck(LastCheck):
    acts = RightAndWrongCheck.acts

    def own_broken_rules(self, run: Run, rows: list[Verification]) -> Iterator[str]:
        if len(run.calls_to(CHECK)) > 1:
            yield f"{len(run.calls_to(CHECK))} tokens went to Twilio"


@scene("check/cancel")
class CheckAndCancel(Check):
    def acts(self) -> dict[str, Callable[[], Any]]:
        return {"a": self.check_right, "b": self.cancel}


@scene("check/expiry")
class CheckAndExpiry(Check):
    """A check while the code expires and the user asks for another one."""

    def acts(self) -> dict[str, Callable[[], Any]]:
        def expires() -> Any:
            past = timezone.now() - timedelta(seconds=1)
            with transaction.atomic():
                Verification.objects.filter(pk=self.row.pk).update(expires_at=past, next_send_at=past)
                SandboxVerification.objects.update(created_at=past - timedelta(minutes=10))
            return self.send()

        return {"a": self.check_right, "b": expires}


@scene("check/check-after-its-lease")
class ChecksAfterALease(Check):
    """A check that takes longer than its lease, and a second check that takes the row over."""

    def acts(self) -> dict[str, Callable[[], Any]]:
        def lease_is_over() -> Any:
            past = timezone.now() - timedelta(seconds=1)
            Verification.objects.filter(pk=self.row.pk).exclude(lease="").update(lease_until=past)
            return self.check_wrong()

        return {"a": self.check_right, "b": lease_is_over}

    def may_lose_approval(self, row: Verification) -> bool:
        return True

    def own_broken_rules(self, run: Run, rows: list[Verification]) -> Iterator[str]:
        wrong = [call for call in run.calls_to(CHECK, "b") if call.body.get("status") == "pending"]
        if wrong_tokens() < len(wrong):
            yield f"{len(wrong)} wrong tokens, and the user's limit counts {wrong_tokens()}"


@scene("check/device-removed")
class CheckAndRemoval(Check):
    """A check, while another session removes the device that got the code."""

    def begin(self) -> None:
        Device.objects.register(self.user, EmailAddress(EMAIL))
        self.second = Browser(Person("sam").opens("start").picks("email").types_the_code(EMAIL))
        assert self.second.is_verified
        self.proof = Verification.objects.get(status=Status.APPROVED)
        super().begin()

    def acts(self) -> dict[str, Callable[[], Any]]:
        return {"a": self.check_right, "b": lambda: self.second.posts(f"/2fa/remove/{self.device.pk}/")}

    def may_lose_approval(self, row: Verification) -> bool:
        return not Device.objects.filter(pk=self.device.pk).exists()

    def own_broken_rules(self, run: Run, rows: list[Verification]) -> Iterator[str]:
        row = next(r for r in rows if r.pk == self.row.pk)
        if row.status != Status.APPROVED or Device.objects.filter(pk=self.device.pk).exists():
            return
        # A removal also blanks the device of the row. If its transaction wrote last, the approval was first.
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(DISTINCT xmin::text) FROM twilio_2fa_verification WHERE id IN (%s, %s)",
                [row.pk, self.proof.pk],
            )
            if cursor.fetchone()[0] != 1:
                yield "a device approved a verification after it had been removed"


@scene("unlock/check")
class UnlockAndCheck(LastCheck):
    """The last wrong token of a user, while an administrator unlocks the user."""

    settings: ClassVar[dict[str, Any]] = {
        **LastCheck.settings,
        "TWILIO_2FA_LIMITS": {"wrong_tokens_in_a_row": 1},
    }

    def acts(self) -> dict[str, Callable[[], Any]]:
        return {"a": self.check_wrong, "b": self.unlock}

    def own_broken_rules(self, run: Run, rows: list[Verification]) -> Iterator[str]:
        if rows[0].status != Status.FAILED and rows[0].attempts >= 2:
            yield "no token is left, and the verification has not failed"
        if rows[0].pending_key and not Lock.objects.exists():
            began = [n for n, step in enumerate(run.steps) if step.thread == "b"]
            ended = [n for n, step in enumerate(run.steps) if step.thread == "a"]
            if began[0] > ended[-1]:
                yield "the user was unlocked afterwards, and cannot start again"


# Registrations


@scene("first-registration-twice")
class TwoFirstRegistrations(Scene):
    """Two sessions of one user that each finish a first registration, with different numbers."""

    settings: ClassVar[dict[str, Any]] = {"TWILIO_2FA_LIMITS": {"unproven_sends_per_user": "20/h"}}
    numbers = ("202 555 0147", "202 555 0148")

    def begin(self) -> None:
        self.device.delete()
        self.browsers, self.codes = [], []
        for number in self.numbers:
            person = Person("sam").opens("start").picks("sms").registers(number)
            self.browsers.append(Browser(person))
            self.codes.append(messages.last_code("+1" + number.replace(" ", "")))

    @property
    def first_pk(self) -> int:
        return 0

    def check(self, n: int) -> Any:
        return self.browsers[n].posts("/2fa/verify/", token=self.codes[n])

    def acts(self) -> dict[str, Callable[[], Any]]:
        return {"a": lambda: self.check(0), "b": lambda: self.check(1)}

    def may_lose_approval(self, row: Verification) -> bool:
        return row.error_code == "proof_required" or row.status == Status.CANCELED

    def is_verified_by(self, row: Verification) -> bool:
        return any(browser.is_verified for browser in self.browsers)

    def own_broken_rules(self, run: Run, rows: list[Verification]) -> Iterator[str]:
        if Device.objects.count() != 1:
            yield f"{Device.objects.count()} devices were registered first"
        if (verified := sum(browser.is_verified for browser in self.browsers)) != 1:
            yield f"{verified} sessions are verified"


class WithProof(Scene):
    """A verified user who has begun registrations with one proof."""

    settings: ClassVar[dict[str, Any]] = {"TWILIO_2FA_LIMITS": {"unproven_sends_per_user": "20/h"}}

    def begin(self) -> None:
        Device.objects.register(self.user, EmailAddress(EMAIL))
        self.browser.person.picks("sms").types_the_code()
        self.posts_: list[tuple[str, dict[str, str]]] = []
        for path, field, value in self.registrations():
            self.browser.posts(f"{path}start/", method="sms" if field == "phone_number" else "email")
            self.browser.posts(f"{path}register/", country_code="US", **{field: value})
            row = Verification.objects.order_by("pk").last()
            token = messages.last_code(value)
            self.posts_.append((f"{path}verify/", {"token": token, "verification": str(row.public_id)}))

    def registrations(self) -> list[tuple[str, str, str]]:
        raise NotImplementedError

    def acts(self) -> dict[str, Callable[[], Any]]:
        names = "abc"[: len(self.posts_)]
        return {
            n: lambda p=p, d=d: self.browser.posts(p, **d)
            for n, (p, d) in zip(names, self.posts_, strict=True)
        }

    @property
    def first_pk(self) -> int:
        return Verification.objects.filter(purpose="enrol").order_by("pk").values_list("pk", flat=True)[0]

    def may_lose_approval(self, row: Verification) -> bool:
        return row.error_code in ("proof_required", "too_many_devices")


@scene("change/change")
class TwoChanges(WithProof):
    """Two changes of different devices with one proof."""

    def registrations(self) -> list[tuple[str, str, str]]:
        email = Device.objects.get(kind="email")
        return [
            (f"/2fa/change/{self.device.pk}/", "phone_number", OTHER),
            (f"/2fa/change/{email.pk}/", "email", "new@example.com"),
        ]

    def own_broken_rules(self, run: Run, rows: list[Verification]) -> Iterator[str]:
        made = [r for r in rows if r.purpose == "enrol" and r.status == Status.APPROVED]
        if len(made) != 1 or Device.objects.count() != 2:
            yield f"{len(made)} changes with one proof, {Device.objects.count()} devices"


@scene("addition/addition")
class TwoAdditions(WithProof):
    """Two additions, where the limit of devices allows one."""

    settings: ClassVar[dict[str, Any]] = {**WithProof.settings, "TWILIO_2FA_MAX_DEVICES": 3}

    def registrations(self) -> list[tuple[str, str, str]]:
        return [("/2fa/add/", "phone_number", OTHER), ("/2fa/add/", "phone_number", THIRD)]

    def own_broken_rules(self, run: Run, rows: list[Verification]) -> Iterator[str]:
        if Device.objects.count() != 3:
            yield f"{Device.objects.count()} devices, and 3 are allowed"


@scene("addition/removal")
class AdditionAndRemoval(WithProof):
    def registrations(self) -> list[tuple[str, str, str]]:
        return [("/2fa/add/", "phone_number", OTHER)]

    def acts(self) -> dict[str, Callable[[], Any]]:
        email = Device.objects.get(kind="email")
        return {**super().acts(), "b": lambda: self.browser.posts(f"/2fa/remove/{email.pk}/")}

    def own_broken_rules(self, run: Run, rows: list[Verification]) -> Iterator[str]:
        [row] = [r for r in rows if r.purpose == "enrol"]
        if Device.objects.count() != (2 if row.status == Status.APPROVED else 1):
            yield f"{Device.objects.count()} devices, and the addition is {row.status}"


@scene("removal/removal")
class TwoRemovals(Scene):
    """Two sessions that each remove one of the last two devices."""

    def begin(self) -> None:
        Device.objects.register(self.user, EmailAddress(EMAIL))
        self.browsers = [Browser(Person("sam").opens("start").picks(m)) for m in ("sms", "email")]
        for browser, to in zip(self.browsers, (PHONE, EMAIL), strict=True):
            browser.person.types_the_code(to)
        self.pages = [f"/2fa/remove/{d.pk}/" for d in Device.objects.order_by("pk")]

    @property
    def first_pk(self) -> int:
        return self.row.pk + 1

    def acts(self) -> dict[str, Callable[[], Any]]:
        pairs = zip("ab", self.browsers, self.pages, strict=True)
        return {n: lambda b=b, p=p: b.posts(p) for n, b, p in pairs}

    def is_verified_by(self, row: Verification) -> bool:
        return all(browser.is_verified for browser in self.browsers)

    def own_broken_rules(self, run: Run, rows: list[Verification]) -> Iterator[str]:
        if Device.objects.count() != 1:
            yield f"{Device.objects.count()} devices are left"


@scene("admin-removal/admin-removal")
class TwoRemovalsByStaff(Scene):
    """Two commands that each remove one of two devices. The last removal also deletes the recovery codes."""

    def begin(self) -> None:
        email = Device.objects.register(self.user, EmailAddress(EMAIL))
        Device.objects.create(user=self.user, kind="recovery", digest="codes")
        self.devices = [self.device, email]

    @property
    def first_pk(self) -> int:
        return 1

    def acts(self) -> dict[str, Callable[[], Any]]:
        return {name: partial(self.remove, device) for name, device in zip("ab", self.devices, strict=True)}

    def remove(self, device: Device) -> None:
        with open("/dev/null", "w") as nowhere:
            call_command("twilio_2fa_remove", "sam", device=[str(device.pk)], stdout=nowhere)

    def own_broken_rules(self, run: Run, rows: list[Verification]) -> Iterator[str]:
        if left := Device.objects.count():
            yield f"{left} devices are left"


# Three requests


@scene("send/send/cancel")
class TwoSendsAndCancel(Scene):
    switches = 2

    def acts(self) -> dict[str, Callable[[], Any]]:
        return {"a": self.send, "b": self.send, "c": self.cancel}

    def own_broken_rules(self, run: Run, rows: list[Verification]) -> Iterator[str]:
        if self.sent() > 1:
            yield f"{self.sent()} messages within one cooldown"


@scene("right-check/wrong-check/cancel")
class ChecksAndCancel(Check):
    switches = 2

    def acts(self) -> dict[str, Callable[[], Any]]:
        return {"a": self.check_right, "b": self.check_wrong, "c": self.cancel}


@scene("last-wrong-check/right-check/unlock")
class ChecksAndUnlock(LastCheck):
    switches = 2

    def acts(self) -> dict[str, Callable[[], Any]]:
        return {"a": self.check_wrong, "b": self.check_right, "c": self.unlock}

    def own_broken_rules(self, run: Run, rows: list[Verification]) -> Iterator[str]:
        if len(run.calls_to(CHECK)) > 1:
            yield f"{len(run.calls_to(CHECK))} tokens went to Twilio"


@scene("check/check/check")
class ThreeRightChecks(TwoRightChecks):
    def acts(self) -> dict[str, Callable[[], Any]]:
        return dict.fromkeys("abc", self.check_right)
