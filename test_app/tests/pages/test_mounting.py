"""URLs of the pages: in nested namespaces, with URL parameters, and below a script name."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import pytest
from demo import views
from django.http import HttpRequest, HttpResponse
from django.urls import NoReverseMatch, clear_url_caches, include, path, reverse, set_script_prefix

from django_twilio_2fa import access
from django_twilio_2fa.checks import check_all
from django_twilio_2fa.reverse import reverse as reverse_kit
from django_twilio_2fa.views import VerificationWizardView

from ..people import Person


@access.two_factor_required
def secret(request: HttpRequest, **kwargs: Any) -> HttpResponse:
    return HttpResponse("a secret")


COMMON = [path("login/", views.SignInView.as_view(), name="login"), path("secret/", secret)]
KIT = path("2fa/", include("django_twilio_2fa.urls"))


@pytest.fixture
def site(settings: Any, monkeypatch: Any) -> Any:
    """Set the site's URL patterns."""

    def use(*patterns: Any) -> None:
        module = ModuleType("site_urls")
        module.urlpatterns = [*COMMON, *patterns]  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "site_urls", module)
        settings.ROOT_URLCONF = "site_urls"
        clear_url_caches()

    yield use
    clear_url_caches()


def ids() -> list[str]:
    return [str(m.id).partition(".")[2] for m in check_all(None)]


NESTED = {
    "in a namespace": [path("account/", include(([KIT], "account")))],
    "two deep": [path("a/", include(([path("b/", include(([KIT], "inner")))], "outer")))],
    "by another instance name": [path("2fa/", include("django_twilio_2fa.urls", namespace="second"))],
    "beside a wizard": [
        path("w/", include(([path("x/", include(VerificationWizardView.urls(), namespace="x"))], "wizards"))),
        path("account/", include(([KIT], "account"))),
    ],
}


@pytest.mark.parametrize("patterns", NESTED.values(), ids=NESTED)
def test_pages_in_a_nested_namespace_work(pat: Person, site: Any, patterns: list[Any]) -> None:
    site(*patterns)
    assert "E022" not in ids()
    pat.opens("/secret/")
    assert pat.path.endswith("2fa/start/")
    assert pat.picks("sms").types_the_code().page.content == b"a secret"
    assert pat.opens(reverse_kit("devices")).page.status_code == 200


def test_url_parameters_before_the_pages_come_from_the_request(pat: Person, site: Any) -> None:
    site(path("<slug:tenant>/", include(([KIT, path("door/", secret)], "tenant"))))
    pat.opens("/north/door/")
    assert pat.path == "/north/2fa/start/"
    assert pat.picks("sms").types_the_code().page.content == b"a secret"


def test_the_check_reports_pages_that_cannot_be_reversed(site: Any) -> None:
    site(path("<slug:tenant>/", include(([KIT], "tenant"))))
    assert "E022" in ids()
    with pytest.raises(NoReverseMatch):
        reverse_kit("index")


def test_the_check_accepts_the_usual_include(site: Any) -> None:
    site(KIT)
    assert "E022" not in ids()
    assert reverse_kit("index") == reverse("twilio_2fa:index")


class TestBelowAPath:
    """A site that is served at `/app`, as behind a proxy that sets `SCRIPT_NAME`."""

    @pytest.fixture(autouse=True)
    def below(self, settings: Any) -> Any:
        settings.FORCE_SCRIPT_NAME = "/app"
        set_script_prefix("/app/")
        yield
        set_script_prefix("/")

    def asks(self, person: Person, page: str, verb: str = "get", **data: Any) -> Any:
        address = reverse_kit(page).removeprefix("/app")
        return getattr(person.client, verb)(address, data, SCRIPT_NAME="/app")

    @pytest.mark.parametrize("where", ["/", ""])
    def test_a_refused_user_stays_below_the_script_name(
        self, demo: Person, settings: Any, where: str
    ) -> None:
        settings.TWILIO_2FA_ALLOW_USER_CB = lambda user: False
        settings.TWILIO_2FA_DISALLOWED_REDIRECT_URL = where
        assert self.asks(demo, "start").url == "/app/"

    def test_skipping_stays_below_the_script_name(self, demo: Person, settings: Any) -> None:
        settings.TWILIO_2FA_REGISTER_OPTIONAL = True
        assert self.asks(demo, "start", "post", action="skip").url == "/app/"

    @pytest.mark.parametrize("name", ["VERIFY_SUCCESS_URL", "REGISTER_OPTIONAL_URL"])
    def test_the_root_in_a_setting_includes_the_script_name(
        self, demo: Person, settings: Any, name: str
    ) -> None:
        setattr(settings, f"TWILIO_2FA_{name}", "/")
        settings.TWILIO_2FA_REGISTER_OPTIONAL = True
        if name == "REGISTER_OPTIONAL_URL":
            assert self.asks(demo, "start", "post", action="skip").url == "/app/"
            return
        self.asks(demo, "start", "post", method="sms")
        number = {"country_code": "US", "phone_number": "202 555 0143"}
        self.asks(demo, "register", "post", **number)
        from django_twilio_2fa.sandbox import messages

        self.asks(demo, "verify", "post", token=messages.last_code("+12025550143"))
        assert self.asks(demo, "success").url == "/app/"
