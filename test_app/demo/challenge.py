"""A simple challenge: a sum. It stops only bots that were not written for this site.

Put a CAPTCHA or a proof of work in its place: anybody can write a bot that adds.
"""

from __future__ import annotations

import random
import secrets
from typing import Any

from django.core import signing
from django.utils.html import format_html
from django.utils.translation import gettext as _

from django_twilio_2fa.providers.replay import use_once

SALT = "demo.challenge"
SECONDS = 600


class Sum:
    """Ask for a sum. Each question may be answered once, by the user who was asked, within ten minutes."""

    def is_passed(self, request: Any, user: Any) -> bool:
        # From the JSON of the API, or from the form of the page.
        sent = getattr(request, "twilio_2fa_data", None) or getattr(request, "POST", {})
        question, answer = str(sent.get("challenge", "")), str(sent.get("challenge_answer", "")).strip()
        try:
            asked, first, second, _salt = signing.loads(question, salt=SALT, max_age=SECONDS)
        except signing.BadSignature:
            return False
        right = asked == self._key(user) and answer == str(first + second)
        return right and use_once("demo.challenge", question, seconds=SECONDS)

    def render(self, request: Any, user: Any) -> str:
        told = self.describe(request, user)
        return format_html(
            '<input type="hidden" name="challenge" value="{}">'
            '<label class="form-label" for="id_challenge_answer">{}</label>'
            '<input class="form-control" id="id_challenge_answer" name="challenge_answer" '
            'inputmode="numeric" autocomplete="off" required>',
            told["challenge"],
            told["question"],
        )

    def describe(self, request: Any, user: Any) -> dict[str, Any]:
        first, second = random.randint(2, 9), random.randint(2, 9)  # noqa: S311 - no secret
        question = signing.dumps([self._key(user), first, second, secrets.token_hex(8)], salt=SALT)
        text = _("How much is %(first)d + %(second)d?") % {"first": first, "second": second}
        return {"challenge": question, "question": text, "answer_in": "challenge_answer"}

    @staticmethod
    def _key(user: Any) -> str:
        return str(user.pk) if user is not None else ""
