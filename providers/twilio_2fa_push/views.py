"""The page where a registered browser approves, what its script asks, and Twilio's webhook."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.core import signing
from django.db import connections, transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.clickjacking import xframe_options_deny
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST

from django_twilio_2fa import errors
from django_twilio_2fa.conf import conf
from django_twilio_2fa.models import Device, Purpose, Status, Verification
from django_twilio_2fa.reverse import home_url, reverse
from django_twilio_2fa.stylesheets import stylesheets
from django_twilio_2fa.twilio.verify import VerifyService

from . import answers, challenges, keys, web_push

SALT = "twilio_2fa_push"
NONCE_LIFE = 300

Answers = Callable[[HttpRequest, dict[str, str]], dict[str, Any]]
View = Callable[[HttpRequest], HttpResponse]


def outside_transactions(view: View) -> View:
    """Keep a view out of the transactions of `ATOMIC_REQUESTS`: it talks to Twilio."""
    for alias in connections:
        view = transaction.non_atomic_requests(using=alias)(view)
    return view


def new_nonce() -> str:
    return signing.dumps("", salt=SALT)


def endpoint(answer: Answers) -> View:
    """Make a view that takes a JSON object of texts, and answers in JSON.

    The caller is known by a signature and not by a cookie, so CSRF does not apply.
    """

    @csrf_exempt
    @never_cache
    @xframe_options_deny
    @require_POST
    @wraps(answer)
    def view(request: HttpRequest) -> HttpResponse:
        try:
            told, status = answer(request, _read(request)), 200
        except errors.TwoFactorError as e:
            told, status = {"error_code": e.full_code, "display": e.display}, e.status
        return JsonResponse({**told, "nonce": new_nonce()}, status=status)

    return outside_transactions(view)


def _read(request: HttpRequest) -> dict[str, str]:
    try:
        found = json.loads(request.body) if len(request.body) <= 2 * keys.LONGEST_TOKEN else None
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise errors.MalformedRequest
    return found


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
        "nonce": new_nonce(),
        "pending_href": reverse(f"{own}:pending", request=request),
        "answer_href": reverse(f"{own}:answer", request=request),
        "subscribe_href": reverse(f"{own}:subscribe", request=request),
        "worker_href": reverse(f"{own}:worker", request=request),
        "vapid_key": web_push.public_key(),
        "devices_href": reverse("devices", request=request),
    }
    return TemplateResponse(request, "twilio_2fa/push/approvals.html", context)


@endpoint
def pending(request: HttpRequest, values: dict[str, str]) -> dict[str, Any]:
    """Return what waits for a registered browser, which has signed its factor and a nonce of ours."""
    device, _signed = _prove(values, request=request)
    rows = Verification.objects.filter(
        device=device,
        kind=answers.KIND,
        purpose=Purpose.PROVE,
        status=Status.PENDING,
        answer="",
        expires_at__gt=timezone.now(),
    )
    notified = web_push.SUBSCRIPTION in device.data
    return {"notified": notified, "requests": [_shown(row) for row in rows if challenges.asked_in(row)]}


def _prove(values: dict[str, str], *, request: HttpRequest) -> tuple[Device, dict[str, Any]]:
    """Return the registered browser that has signed a proof, and what it has signed.

    Raises `UnknownDevice`, `StaleNonce` or `NotYours`.
    """
    token = values.get("proof", "")
    try:
        device = _device(keys.read_unsigned(token).get("factor"))
        signed = keys.read_signed(token, device.data["public_key"])
    except keys.NotSigned:
        raise answers.UnknownDevice from None
    try:
        signing.loads(str(signed.get("nonce")), salt=SALT, max_age=NONCE_LIFE)
    except signing.BadSignature:
        raise answers.StaleNonce from None
    answers.refuse_others(request, device)
    return device, signed


def _device(factor: Any) -> Device:
    """Return the browser that is registered with a factor. Raises `UnknownDevice`."""
    is_sid = isinstance(factor, str) and keys.FACTOR.fullmatch(factor)
    device = Device.objects.filter(kind=answers.KIND, value=factor).first() if is_sid else None
    if device is None or "public_key" not in device.data:
        raise answers.UnknownDevice
    return device


def _shown(row: Verification) -> dict[str, Any]:
    """Return what a browser shows of a verification, and what it signs. The number is not told."""
    asked = challenges.asked_in(row)
    if asked is None:
        return {}
    left = int((row.expires_at - timezone.now()).total_seconds())
    about = {"message": asked.message, "details": asked.details, "expires_in": left}
    return {**about, "id": asked.sid, "sign": asked.shown, "hides": challenges.HIDDEN in asked.signed}


@endpoint
def subscribe(request: HttpRequest, values: dict[str, str]) -> dict[str, Any]:
    """Store where a registered browser is notified, which it has signed. Null: nowhere any more."""
    device, signed = _prove(values, request=request)
    subscription = signed.get("subscription")
    if subscription is not None and not web_push.is_subscription(subscription):
        raise answers.NoSubscription
    data = {name: value for name, value in device.data.items() if name != web_push.SUBSCRIPTION}
    if subscription is not None:
        data[web_push.SUBSCRIPTION] = web_push.kept_of(subscription)
    Device.objects.filter(pk=device.pk).update(data=data)
    return {"notified": subscription is not None}


@outside_transactions
@require_GET
def worker(request: HttpRequest) -> HttpResponse:
    """Return the service worker. It is below the address of the page, because that is its scope."""
    response = TemplateResponse(request, "twilio_2fa/push/worker.js", content_type="text/javascript")
    response["Cache-Control"] = "no-cache"
    return response


@endpoint
def answer(request: HttpRequest, values: dict[str, str]) -> dict[str, Any]:
    """Take the signed answer of a registered browser."""
    return answers.take(values.get("answer", ""), values.get("number", "").strip()[:8], request=request)


@csrf_exempt
@require_POST
def _webhook(request: HttpRequest) -> HttpResponse:
    """Take a webhook of Twilio: an app has answered. One that is known already changes nothing."""
    if not VerifyService.is_from_twilio(request):
        return HttpResponse(status=403)
    answers.take_webhook(request.POST)
    return HttpResponse(status=204)


webhook = outside_transactions(_webhook)
