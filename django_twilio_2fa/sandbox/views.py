"""The handset: what Twilio would have delivered."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from ..process.tables import explained
from . import factors, in_use, messages
from .models import SandboxMessage


def _only_in_use() -> None:
    if not in_use():
        raise Http404("The sandbox is not in use.")


@never_cache
@require_safe
@explained()
def handset(request: HttpRequest) -> HttpResponse:
    """Show the page, or with `?fragment=1` only the messages, for its script."""
    _only_in_use()
    to = request.GET.get("to", "")
    rows = SandboxMessage.objects.select_related("verification")
    if to:
        rows = rows.filter(to=to)
    name = "_messages" if request.GET.get("fragment") else "handset"
    return render(
        request,
        f"twilio_2fa_sandbox/{name}.html",
        {
            "deliveries": rows[:50],
            "to": to,
            "authenticators": factors.authenticators(),
        },
    )


@never_cache
@require_safe
@explained()
def message_list(request: HttpRequest) -> JsonResponse:
    _only_in_use()
    return JsonResponse(messages.delivered(request.GET.get("to", "")), safe=False)
