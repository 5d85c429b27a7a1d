"""Run the recipes of docs/access.md."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.contrib.auth.tokens import default_token_generator
from django.test import AsyncClient, Client
from django.urls import clear_url_caches, path
from django.utils.http import urlsafe_base64_encode
from twilio_2fa_passkey.testing import SoftwareAuthenticator

from django_twilio_2fa.conf import _import
from django_twilio_2fa.sandbox import messages
from django_twilio_2fa.testing import register_device, verify

from ..api.test_api import Caller
from ..loops import result_of
from ..passkeys import answers, asked, with_passkey
from ..people import EMAIL, PHONE, Person
from . import urls

PROJECT = (Path(__file__).parent / "project.py").read_text()
PAGE = (Path(__file__).resolve().parents[3] / "docs" / "access.md").read_text()


def recipe(heading: str) -> dict[str, str]:
    """Return the Python code below a heading of the page, by file name."""
    section = re.split(r"\n##+ ", PAGE.partition(f"# {heading}\n")[2])[0]
    files: dict[str, str] = {}
    for block in re.findall(r"^```python\n(.*?)^```", section, re.S | re.M):
        for name, code in re.findall(r"^# (\S+\.py)\n(.*?)(?=^# \S+\.py\n|\Z)", block, re.S | re.M):
            files[name] = files.get(name, "") + code
    assert files, heading
    return files


@pytest.fixture
def cook(guards: Any, monkeypatch: Any) -> Any:
    """Return a function that adds a recipe to the site: settings, modules, and views at `/<name>/`."""

    def put(heading: str) -> Any:
        files = recipe(heading)
        _import.cache_clear()
        if "shop/twofactor.py" in files:
            module = ModuleType("shop.twofactor")
            for name in ("shop", "shop.twofactor"):
                monkeypatch.setitem(sys.modules, name, ModuleType(name))
            monkeypatch.setitem(sys.modules, "shop.twofactor", module)
            exec(files["shop/twofactor.py"], module.__dict__)
        if "settings.py" in files:
            told: dict[str, Any] = {"MIDDLEWARE": guards.MIDDLEWARE[:-1]}
            exec(files["settings.py"], told)
            for name, value in told.items():
                if name.isupper():
                    setattr(guards, name, value)
        views: dict[str, Any] = {"__name__": "recipe"}
        exec(files.get("views.py", ""), views)
        own = [
            path(f"{name}/", view.as_view() if isinstance(view, type) else view)
            for name, view in views.items()
            if getattr(view, "__module__", "") == "recipe"
        ]
        exec(files.get("urls.py", ""), views)
        added = [*own, *views.get("urlpatterns", ())]
        monkeypatch.setattr(urls, "urlpatterns", [*added, *urls.urlpatterns])
        clear_url_caches()
        return guards

    yield put
    monkeypatch.undo()
    clear_url_caches()


def test_the_access_page_begins_with_a_table_of_its_recipes() -> None:
    assert PAGE.split("\n")[2] == "## Which of these do I want"
    rows = re.findall(r"^\| .* \| (.*) \|$", PAGE.partition("\n## Every page")[0], re.M)
    anchors = re.findall(r"\(#([\w-]+)\)", " ".join(rows))
    found = re.findall(r"^##+ (.*)", PAGE, re.M)
    headings = {re.sub(r"[^\w-]", "", heading.lower().replace(" ", "-")) for heading in found}
    assert len(anchors) >= 9
    assert set(anchors) <= headings


def test_every_recipe_is_run() -> None:
    headings = re.findall(r"^##+ (.*)\n(?:(?!##).*\n)*?```python", PAGE, re.M)
    tests = Path(__file__).read_text()
    assert len(headings) >= 11
    assert [h for h in headings if not re.search(rf'(cook|run)\(\s*"{h}"', tests)] == []


def test_recipe_every_page(cook: Any, pat: Person) -> None:
    cook("Every page")
    assert pat.opens("/page/").path == "/page/"
    get_user_model().objects.update(is_staff=True)
    assert pat.opens("/page/").is_at("start")
    for page in ("/status/", "/HelpView/"):
        assert pat.opens(page).path == page
    assert pat.opens("/page/").picks("sms").types_the_code().path == "/page/"


@pytest.mark.parametrize("page", ["/account/", "/inbox/", "/BillingView/"])
def test_recipe_some_views(cook: Any, pat: Person, page: str) -> None:
    cook("Some views")
    assert Client().get(page)["Location"].startswith("/login/")
    assert pat.opens(page).is_at("start")
    assert pat.picks("sms").types_the_code().page.content.startswith(b"Your ")


def test_recipe_a_recent_verification(cook: Any, pat: Person) -> None:
    cook("A recent verification")
    verify(pat.client, ago=600)
    pat.posts("/transfer/", amount="100").picks("sms").types_the_code()
    assert pat.is_at("again")
    assert pat.presses_the_button().page.content == b"You have sent 100."


def test_recipe_certain_methods(cook: Any, sam: Person) -> None:
    cook("Certain methods")
    sam.opens("start").picks("sms").types_the_code()
    assert [method for method, _masked in sam.opens("/keys/").choices] == ["email"]
    assert sam.picks("email").types_the_code(EMAIL).page.content == b"Your keys"


def test_recipe_methods_that_resist_phishing(cook: Any, db: None) -> None:
    guards = cook("Methods that resist phishing")
    guards.TWILIO_2FA_ALLOWED_METHODS = ["sms", "passkey"]
    authenticator = SoftwareAuthenticator()
    ann = with_passkey("ann", authenticator)
    register_device(ann.user, PHONE)
    # A text message opens other pages, but not `/payroll/`.
    ann.opens("start").picks("sms").types_the_code()
    assert ann.is_verified
    assert [method for method, _masked in ann.opens("/payroll/").choices] == ["passkey"]
    ann.picks("passkey")
    assert answers(ann, authenticator.get(asked(ann))).page.content == b"The payroll"


def test_recipe_users_without_a_passkey_are_led_to_add_one(cook: Any, pat: Person) -> None:
    cook("Methods that resist phishing").TWILIO_2FA_ALLOWED_METHODS = ["sms", "passkey"]
    pat.opens("start").picks("sms").types_the_code()
    pat.opens("/payroll/")
    assert pat.path.startswith("/2fa/add/")


def test_recipe_only_users_who_have_set_it_up(cook: Any, demo: Person, pat: Person) -> None:
    cook("Only users who have set it up")
    assert demo.opens("/profile/").page.content == b"Your profile"
    assert pat.opens("/profile/").is_at("start")


def test_recipe_a_grace_period(cook: Any, demo: Person) -> None:
    guards = cook("A grace period")
    guards.MIDDLEWARE = [*guards.MIDDLEWARE, "django_twilio_2fa.middleware.TwoFactorMiddleware"]
    demo = Person("demo")
    assert demo.opens("/page/").path == "/page/"
    assert len(list(demo.opens("devices").page.context["messages"])) == 1
    demo.user.groups.add(Group.objects.create(name="Accounting"))
    assert demo.opens("/page/").is_at("start")


def test_recipe_a_log_in_page(cook: Any, pat: Person) -> None:
    guards = cook("A log-in page")
    guards.LOGIN_REDIRECT_URL = "/page/"
    visitor = Person("pat")
    visitor.client = Client()
    visitor.posts("/login/", username="pat", password="pat")
    assert visitor.is_at("start")
    assert "_auth_user_id" not in visitor.client.session
    assert visitor.picks("sms").types_the_code().path == "/page/"


def test_recipe_a_log_in_without_pages(cook: Any, pat: Person) -> None:
    cook("A log-in without pages")
    caller = Caller()
    answer = caller.client.post("/login/", {"username": "pat", "password": "pat"}, "application/json")
    assert (answer.status_code, answer.json()["error_code"]) == (401, "two_factor_required")
    told = caller.verifies(caller.sends(method="sms")["verification_id"], messages.last_code(PHONE)).json()
    assert told["signed_in"]
    assert caller.client.get("/who/").json() == {"user": "pat", "verified": True}


def test_recipe_a_password_reset_that_signs_in(cook: Any, pat: Person) -> None:
    cook("A password reset that signs in")
    key = urlsafe_base64_encode(str(pat.user.pk).encode())
    visitor = Person("pat")
    visitor.client = Client()
    visitor.opens(f"/reset/{key}/{default_token_generator.make_token(pat.user)}/")
    visitor.posts(new_password1="a-new-Secret7", new_password2="a-new-Secret7")
    assert visitor.is_at("start")
    assert "_auth_user_id" not in visitor.client.session
    visitor.picks("sms").types_the_code()
    assert visitor.client.session["_auth_user_id"] == str(pat.user.pk)


def test_recipe_who_is_verified(cook: Any, pat: Person) -> None:
    cook("Who is verified")
    assert pat.client.get("/menu/").json() == {"verified": False, "method": ""}
    verify(pat.client)
    assert pat.client.get("/menu/").json() == {"verified": True, "method": "test"}
    assert pat.client.get("/menu_later/").json() == {"verified": True, "method": "test"}


def test_the_table_names_each_attribute_of_the_state() -> None:
    from django_twilio_2fa.access import TwoFactorState

    table = PAGE.partition("| attribute | is |")[2].partition("\n\n")[0]
    named = set(re.findall(r"`(\w+)`", " ".join(re.findall(r"^\| ([^|]*) \|", table, re.M))))
    assert named == {n for n, v in vars(TwoFactorState).items() if isinstance(v, property)}


def test_the_documented_json_response_is_current(guards: Any, pat: Person) -> None:
    [shown] = re.findall(r"```json\n(.*?)```", PAGE, re.S)
    told = pat.client.get(
        "/guarded/", HTTP_ACCEPT="application/json", HTTP_REFERER="http://testserver/page/"
    ).json()
    assert {**told, "url": told["url"].replace("%2F", "/")} == json.loads(shown)


def test_recipe_saml_and_openid_connect(cook: Any, rf: Any) -> None:
    cook("SAML and OpenID Connect")
    from django.contrib.auth import authenticate, login

    for amr, is_asked in (([], True), (["pwd"], True), (["pwd", "mfa"], False)):
        client = Client()
        request = rf.get("/")
        request.session = client.session
        user = authenticate(request, claims={"sub": "ann", "amr": amr})
        assert user
        assert not user.has_usable_password()
        login(request, user)
        request.session.save()
        client.cookies["sessionid"] = request.session.session_key
        answer = client.get("/page/")
        assert answer.status_code == (302 if is_asked else 200)
    register_device(user)
    person = Person("ann")
    assert person.opens("/page/").picks("sms").types_the_code().path == "/page/"


def run(heading: str, walk: str, **project: Any) -> None:
    """Run a recipe in a separate project, because its package needs its apps installed."""
    told = json.dumps({"files": recipe(heading), **project})
    code = f"{PROJECT}\n{walk}\nprint('done')"
    env = {k: v for k, v in os.environ.items() if k != "DJANGO_SETTINGS_MODULE"}
    env["PYTHONPATH"] = os.pathsep.join(p for p in sys.path if p)
    done = subprocess.run([sys.executable, "-c", code, told], capture_output=True, text=True, env=env)
    assert done.stdout.strip().endswith("done"), done.stderr[-3000:]


@pytest.mark.slow
def test_recipe_allauth() -> None:
    # A user signs in at allauth's page, verifies, and can sign out before the verification.
    pytest.importorskip("allauth")
    walk = """
assert client.get("/accounts/login/").status_code == 200
told = {"login": "ann", "password": "a-Secret7"}
answer = client.post("/accounts/login/?next=/page/", told, follow=True)
assert at(answer) == "/2fa/start/", at(answer)
assert at(client.get("/accounts/email/", follow=True)) == "/2fa/start/"
assert client.get("/accounts/logout/").status_code == 200
assert client.post("/accounts/logout/").status_code == 302
assert "_auth_user_id" not in client.session
answer = client.post("/accounts/login/?next=/page/", told, follow=True)
assert verifies(answer).content == b"a page"
assert at(client.get("/accounts/email/", follow=True)) == "/accounts/email/"
"""
    run("allauth", walk, apps=["allauth", "allauth.account"], urls=[("accounts/", "allauth.urls")])


def test_wagtail() -> None:
    # An editor signs in at Wagtail's page, and verifies before the admin is shown.
    pytest.importorskip("wagtail")
    apps = [f"wagtail.{name}" for name in ("users", "images", "documents", "search", "admin")]
    walk = """
from wagtail.models import Locale, Page
Page.add_root(title="Root", locale=Locale.objects.create(language_code="en"))
assert client.get("/cms/login/").status_code == 200
answer = client.post("/cms/login/?next=/cms/", {"username": "ann", "password": "a-Secret7"}, follow=True)
assert at(answer) == "/2fa/start/", at(answer)
assert client.get("/cms/", HTTP_X_REQUESTED_WITH="XMLHttpRequest").status_code == 403
assert at(verifies(answer)) == "/cms/"
assert client.post("/cms/logout/").status_code == 302
"""
    run(
        "Wagtail",
        walk,
        apps=[*apps, "wagtail", "modelcluster", "taggit"],
        urls=[("cms/", "wagtail.admin.urls"), ("documents/", "wagtail.documents.urls")],
        settings={"WAGTAIL_SITE_NAME": "Shop", "WAGTAILADMIN_BASE_URL": "http://testserver"},
    )


@pytest.mark.django_db(transaction=True)
def test_recipe_who_is_verified_works_under_asgi(cook: Any) -> None:
    get_user_model().objects.create_user("pat", password="pat")
    person = Person("pat")
    cook("Who is verified")
    verify(person.client)

    async def go() -> Any:
        client = AsyncClient()
        client.cookies.update(person.client.cookies)
        return (await client.get("/menu_later/")).json()

    assert result_of(go) == {"verified": True, "method": "test"}
