"""The last page of a password reset, which signs in nobody who has not been verified."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth.views import PasswordResetConfirmView
from django.http import HttpResponse, HttpResponseRedirect

from .sign_in import SignInMixin


class TwoFactorPasswordResetConfirmView(SignInMixin, PasswordResetConfirmView):
    """Django's page for a new password. With `post_reset_login`, it verifies users before it signs them in.

    Users who have no device are signed in at once, unless `REQUIRED_CB` asks them to verify: they
    register first. `post_reset_login_backend` is needed where the site has several backends, as in Django.
    """

    def form_valid(self, form: Any) -> HttpResponse:
        """Store the password, and begin to sign in. Raises ValueError where Django's view does."""
        if not self.post_reset_login or not self.needs_verification(form.user):
            return super().form_valid(form)
        form.user.backend = self.get_backend()
        self.post_reset_login = False
        super().form_valid(form)
        return HttpResponseRedirect(self.begin_to_sign_in(form.user, str(self.get_success_url())))

    def get_backend(self) -> str:
        """Return the path of the user's authentication backend. Raises ValueError if it is not clear."""
        backends = settings.AUTHENTICATION_BACKENDS
        if backend := self.post_reset_login_backend or (backends[0] if len(backends) == 1 else None):
            return backend
        raise ValueError("Set post_reset_login_backend: this site has more than one authentication backend.")
