"""Serve the handset within a site."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.templatetags.static import static
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe

from ..process.tables import explained
from . import handset, in_use, messages, sna
from .twilio_errors import Refused


def _only_in_use() -> None:
    if not in_use():
        raise Http404("The sandbox is not in use.")


@never_cache
@require_safe
@explained()
def handset_page(request: HttpRequest) -> HttpResponse:
    """Show the page, or with `?fragment=1` only the messages, for its script."""
    _only_in_use()
    files = {name: static(f"twilio_2fa_sandbox/{name}") for name in handset.FILES}
    fragment = bool(request.GET.get("fragment"))
    return HttpResponse(handset.page(request.GET.get("to", ""), fragment=fragment, files=files))


@never_cache
@require_safe
@explained()
def message_list(request: HttpRequest) -> JsonResponse:
    _only_in_use()
    return JsonResponse(messages.delivered(request.GET.get("to", "")), safe=False)


@never_cache
@csrf_exempt  # phones open the URL, which contains a secret
@require_http_methods(["GET", "POST"])
@explained()
def open_sna(request: HttpRequest, token: str) -> HttpResponse:
    """Answer a phone that opens the URL of a Silent Network Auth."""
    _only_in_use()
    try:
        return HttpResponse(sna.open_url(token), content_type="text/plain")
    except Refused as e:
        raise Http404(e.message) from None


OPEN_TO_THE_UNVERIFIED: tuple[Any, ...] = (handset_page, message_list, open_sna)
for view in OPEN_TO_THE_UNVERIFIED:
    # The middleware of this package and Django's must let these views through: users who have to verify, or
    # to sign in, read their code here.
    view.two_factor_exempt, view.login_required = True, False
