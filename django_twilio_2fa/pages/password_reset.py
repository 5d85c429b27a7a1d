"""The last page of a password reset. It signs users in only after they are verified."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.views import PasswordResetConfirmView
from django.http import HttpResponse, HttpResponseRedirect

from .sign_in import SignInMixin, only_backend


class TwoFactorPasswordResetConfirmView(SignInMixin, PasswordResetConfirmView):
    """Django's page for a new password. With `post_reset_login`, it verifies users before it signs them in.

    Users who have no device are signed in at once, unless `REQUIRED_CB` asks them to verify: they
    register first. `post_reset_login_backend` is required if the site has several backends, as in Django.
    """

    def form_valid(self, form: Any) -> HttpResponse:
        """Store the password, and begin to sign in. Raises ValueError if Django's view does."""
        if not self.post_reset_login or not self.needs_verification(form.user):
            return super().form_valid(form)
        form.user.backend = self.get_backend()
        self.post_reset_login = False
        with self._as_user(form.user):
            super().form_valid(form)
            to = str(self.get_success_url())
        return HttpResponseRedirect(self.begin_to_sign_in(form.user, to))

    def get_backend(self) -> str:
        """Return the path of the user's authentication backend. Raises ValueError if it is not clear."""
        return self.post_reset_login_backend or only_backend()
