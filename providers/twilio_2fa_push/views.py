"""The page where a registered browser approves, and Twilio's webhook."""

from __future__ import annotations

from collections.abc import Callable

from django.db import connections, transaction
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.clickjacking import xframe_options_deny
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST

from django_twilio_2fa.conf import conf
from django_twilio_2fa.reverse import home_url, reverse
from django_twilio_2fa.stylesheets import stylesheets
from django_twilio_2fa.twilio.verify import VerifyService

from . import answers, endpoints, web_push

View = Callable[[HttpRequest], HttpResponse]


def outside_transactions(view: View) -> View:
    """Exempt a view from the transactions of `ATOMIC_REQUESTS`, because it calls Twilio."""
    for alias in connections:
        view = transaction.non_atomic_requests(using=alias)(view)
    return view


@outside_transactions
@never_cache
@xframe_options_deny
@require_GET
def approvals(request: HttpRequest) -> HttpResponse:
    """Show the page. Its script asks for each key that the browser has: nobody needs to be signed in."""
    user = getattr(request, "user", None)
    user = user if user is not None and user.is_authenticated else None
    match = request.resolver_match
    own = match.namespaces[-1] if match else answers.KIND
    context = {
        "stylesheets": stylesheets(request),
        "site_name": conf.resolve("SERVICE_NAME", user=user, request=request) or request.get_host(),
        "account_name": user.get_username() if user is not None else "",
        "site_href": home_url(),
        "nonce": endpoints.new_nonce(),
        "pending_href": reverse(f"{own}:pending", request=request),
        "answer_href": reverse(f"{own}:answer", request=request),
        "subscribe_href": reverse(f"{own}:subscribe", request=request),
        "worker_href": reverse(f"{own}:worker", request=request),
        "vapid_key": web_push.public_key(),
        "devices_href": reverse("devices", request=request),
    }
    return TemplateResponse(request, "twilio_2fa/push/approvals.html", context)


@outside_transactions
@require_GET
def worker(request: HttpRequest) -> HttpResponse:
    """Return the service worker. Its URL is below that of the page, which gives it the right scope."""
    response = TemplateResponse(request, "twilio_2fa/push/worker.js", content_type="text/javascript")
    response["Cache-Control"] = "no-cache"
    return response


@csrf_exempt
@require_POST
def _webhook(request: HttpRequest) -> HttpResponse:
    """Process a webhook of Twilio with the answer of an app. A repeated webhook changes nothing."""
    if not VerifyService.is_from_twilio(request):
        return HttpResponse(status=403)
    answers.take_webhook(request.POST)
    return HttpResponse(status=204)


webhook = outside_transactions(_webhook)
