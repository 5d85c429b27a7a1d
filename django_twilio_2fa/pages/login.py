"""The log-in page. It asks for the password, and signs users in only after they are verified."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from typing import Any, ClassVar
from urllib.parse import urlencode

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.http.request import UnreadablePostError
from django.urls import NoReverseMatch
from django.utils.decorators import classonlymethod

from .. import browsers, session
from ..access.refusal import CODE, SENTENCE, wants_json
from ..process.tables import outside_host_transaction
from ..reverse import on_this_site, reverse
from .passwordless import PasswordlessLoginView
from .sign_in import SignInMixin, beyond_our_pages

_SURROGATES = re.compile("[\ud800-\udfff]")
"""Lone surrogates. JSON may contain them, but they cannot be encoded as UTF-8."""


class TwoFactorLoginView(SignInMixin, PasswordlessLoginView):
    """Django's log-in page. Users with the right password go on to the wizard, which signs them in.

    Users who have no device are signed in at once, unless `REQUIRED_CB` asks them to verify: they
    register first. Users who log in without a password (`PASSWORDLESS_LOGIN`) are verified by that.
    """

    _is_two_factor_login: ClassVar[bool] = True  # for `manage.py check`

    @classonlymethod
    def as_view(cls, **initkwargs: Any) -> Any:
        return outside_host_transaction(super().as_view(**initkwargs))

    def get_form_kwargs(self) -> dict[str, Any]:
        """Return the form's arguments. The fields may also come from a JSON object."""
        kwargs: dict[str, Any] = super().get_form_kwargs()
        if self.request.method == "POST" and self.request.content_type == "application/json":
            kwargs["data"] = _read_json(self.request)
        return kwargs

    def form_valid(self, form: Any) -> HttpResponse:
        """Begin to sign the user in. A subclass may call `request.session.set_expiry` before or afterwards.

        Also called for a user who logs in without a password. Then, `form` has no user name and no password.
        """
        user = form.get_user()
        if self.proven is not None:
            super().form_valid(form)
            return self._lead_on(HttpResponseRedirect(self.get_proven_url(self.get_success_url())))
        if self.recognizes_browser(user) or not self.needs_verification(user):
            response = self._lead_on(super().form_valid(form))
            browsers.renew_cookie(self.request, response)
            return response
        with self._as_user(user):
            to = self.get_success_url()
        url = self.begin_to_sign_in(user, to)
        if wants_json(self.request):
            about = {"detail": str(SENTENCE), "error_code": CODE, "url": url}
            return JsonResponse({"signed_in": False, **about}, status=401)
        return HttpResponseRedirect(url)

    def _lead_on(self, response: Any) -> HttpResponse:
        """Return the redirect after signing in, or for a script a JSON response with its address."""
        if not wants_json(self.request):
            return response  # type: ignore[no-any-return]
        return JsonResponse({"signed_in": True, "url": response.url})

    def form_invalid(self, form: Any) -> HttpResponse:
        if not wants_json(self.request):
            return super().form_invalid(form)
        found = form.errors.get_json_data()
        first = next(iter(found.values()))[0]
        about = {"detail": first["message"], "error_code": first["code"], "fields": found}
        return JsonResponse({"signed_in": False, **about}, status=400)

    def get_proven_url(self, to: str) -> str:
        """Return the URL for a user who has logged in without a password and wants to go to `to`."""
        if here := on_this_site(self.request, to):
            to = beyond_our_pages(here) or self.get_default_redirect_url()
        if not session.get_verifier(self.request).needs_phone():
            return to
        with suppress(NoReverseMatch):
            return f"{reverse('adding:index', request=self.request)}?{urlencode({'next': to})}"
        return to


def _read_json(request: HttpRequest) -> dict[str, str]:
    """Return the texts in a JSON object as form data. Empty if the body is not a JSON object."""
    try:
        found = json.loads(request.body)
    except (ValueError, RecursionError, RequestDataTooBig, UnreadablePostError):
        return {}
    items = found.items() if isinstance(found, dict) else ()
    return {name: _SURROGATES.sub("\ufffd", value) for name, value in items if isinstance(value, str)}
