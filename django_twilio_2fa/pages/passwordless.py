"""The part of the log-in page for a log-in without a password."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.views import LoginView
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.utils.functional import cached_property

from .. import errors, session
from ..conf import conf
from ..models.verifications import Verification
from ..process import passwordless, signing_in
from ..process.subject import Subject
from ..providers import MethodProvider
from ..reverse import site_url

ASKED, ANSWER = "passwordless", "passwordless_answer"
"""The form's fields: `begin` or the id of a log-in that has begun, and the browser's answer."""


class PasswordlessLoginView(LoginView):
    """Django's log-in page, for visitors with and without a password.

    The method's script posts the page's form with `passwordless=begin`, and gets JSON. It posts the form
    again with the answer and all other fields of the form.
    """

    proven: tuple[Subject, Verification] | None = None
    """The user who has just been verified without a password, and the verification."""

    @cached_property
    def passwordless_provider(self) -> MethodProvider | None:
        """The method that visitors may log in with. None if the site allows none."""
        return passwordless.find_provider(self.request)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        asked = request.POST.get(ASKED)
        if asked and self.passwordless_provider is not None:
            return self.begin() if asked == "begin" else self.answer(asked)
        return super().post(request, *args, **kwargs)

    def begin(self) -> HttpResponse:
        """Begin a log-in. Returns the browser's ceremony as JSON."""
        try:
            begun = passwordless.begin(self.request)
        except errors.TwoFactorError as e:
            return JsonResponse({"error_code": e.full_code, "display": e.display}, status=e.status)
        return JsonResponse({"id": begun.id, "ceremony": begun.ceremony, "expires_in": begun.expires_in})

    def answer(self, asked: str) -> HttpResponse:
        """Log in the user who has answered, or show the page with the error."""
        form = self.get_form_without_password()
        if not form.is_valid():
            return self.form_invalid(form)
        token, known = self.request.POST.get(ANSWER, ""), []

        def confirm(user: Any) -> None:
            known.append(user)
            if hasattr(form, "confirm_login_allowed"):
                form.confirm_login_allowed(user)

        try:
            self.proven = passwordless.answer(self.request, asked, token, confirm=confirm)
        except errors.UserNotAllowed:
            to = conf.resolve("DISALLOWED_REDIRECT_URL", user=known[0], request=self.request)
            return HttpResponseRedirect(site_url(to))
        except errors.TwoFactorError as e:
            form.add_error(None, e.display)
        except ValidationError as e:
            form.add_error(None, e)
        if self.proven is None:
            return self.form_invalid(form)
        form.user_cache = self.proven[0].user
        return self.form_valid(form)

    def get_form_without_password(self) -> Any:
        """Return the page's form with the posted values, except the user name and the password."""
        kwargs = self.get_form_kwargs()
        kwargs["data"] = self.request.POST.copy()
        form: Any = self.get_form_class()(**kwargs)
        for name in ("username", "password"):
            form.data.pop(form.add_prefix(name), None)
            if name in form.fields:
                form.fields[name].required = False
        return form

    def form_valid(self, form: Any) -> HttpResponse:
        """Sign the user in. After a log-in without a password, the session is a new one, and verified."""
        if self.proven is None:
            return super().form_valid(form)
        subject, row = self.proven
        signing_in.start_session(self.request, subject.user, subject.flow)
        response = super().form_valid(form)
        session.remember(self.request, row)
        return response

    # The page

    def get_form(self, form_class: Any = None) -> Any:
        form = super().get_form(form_class)
        if self.passwordless_provider is not None and "username" in form.fields:
            # Browsers then offer passkeys in the autofill list of this field.
            form.fields["username"].widget.attrs["autocomplete"] = "username webauthn"
        return form

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        provider = self.passwordless_provider
        offered = {"template": f"twilio_2fa/{provider.name}/login.html"} if provider is not None else None
        return super().get_context_data(passwordless=offered, **kwargs)
