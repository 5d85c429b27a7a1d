"""The page of the link, where users say whether it was them, on any device and signed in or not."""

from __future__ import annotations

from typing import Any

from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.cache import never_cache

from django_twilio_2fa.conf import conf
from django_twilio_2fa.models import Status, Verification

from .provider import SALT


@method_decorator(never_cache, name="dispatch")
class AnswerView(View):
    """Ask for the number. A GET answers nothing, because mail programs open links automatically."""

    def verification(self, signed: str) -> Verification | None:
        try:
            public_id = signing.loads(signed, salt=SALT, max_age=conf.expiration)
        except signing.BadSignature:
            return None
        found: Verification | None = Verification.objects.filter(
            public_id=public_id, method="link", status=Status.PENDING, answer=""
        ).first()
        return found

    def get(self, request: HttpRequest, signed: str) -> HttpResponse:
        return self.show(request, self.verification(signed))

    def post(self, request: HttpRequest, signed: str) -> HttpResponse:
        row = self.verification(signed)
        if row is None:
            return self.show(request, None)
        right = request.POST.get("number") == str(row.data["number"])
        Verification.objects.answer(row.public_id, approved=right)
        return self.show(request, None, answered=True, approved=right)

    def show(self, request: HttpRequest, row: Verification | None, **context: Any) -> HttpResponse:
        status = 200 if row or context else 404
        context["numbers"] = row.data["numbers"] if row else []
        return render(request, "twilio_2fa/link/answer.html", context, status=status)
