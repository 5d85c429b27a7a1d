"""Pages with htmx (`hx-boost`), which swaps the steps and loads other pages in full."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from django_twilio_2fa.sandbox import messages

from ..people import PHONE, Person

HERE = "http://testserver/2fa/verify/"


def boosted(current: str = HERE) -> dict[str, str]:
    return {"HTTP_HX_REQUEST": "true", "HTTP_HX_BOOSTED": "true", "HTTP_HX_CURRENT_URL": current}


def asks_for_a_code(person: Person, then: str = "") -> None:
    person.opens(f"/2fa/start/?next={then}").picks("sms")


def answers(person: Person, then: str = "", **more: Any) -> Any:
    path = f"/2fa/verify/?next={then}" if then else "/2fa/verify/"
    return person.client.post(path, {"token": messages.last_code(PHONE)}, **more)


def test_a_step_redirects_htmx_to_the_next_step(pat: Person) -> None:
    answer = pat.client.post("/2fa/start/", {"method": "sms"}, **boosted("http://testserver/2fa/start/"))
    assert (answer.status_code, answer["Location"]) == (302, "/2fa/verify/")
    page = pat.client.get("/2fa/verify/", **boosted())
    assert page.status_code == 200
    assert "HX-Redirect" not in page


def test_htmx_loads_the_page_after_the_last_step_in_full(pat: Person) -> None:
    asks_for_a_code(pat, "/secret/")
    answer = answers(pat, "/secret/", **boosted())
    assert (answer.status_code, answer["HX-Redirect"], answer.content) == (200, "/secret/", b"")
    assert "Location" not in answer
    assert pat.is_verified


def test_without_htmx_the_last_step_redirects(pat: Person) -> None:
    asks_for_a_code(pat, "/secret/")
    answer = answers(pat, "/secret/")
    assert (answer.status_code, answer["Location"]) == (302, "/secret/")
    assert "HX-Redirect" not in answer


def test_a_step_inside_a_page_of_the_site_gets_hx_redirect(pat: Person) -> None:
    # A site may put a step into one of its own pages. Between steps, htmx follows the redirects there.
    asks_for_a_code(pat, "/secret/")
    fragment = {"HTTP_HX_REQUEST": "true", "HTTP_HX_CURRENT_URL": "http://testserver/"}
    again = pat.client.post("/2fa/verify/", {"token": ""}, **fragment)
    assert (again.status_code, again["Location"]) == (302, "/2fa/verify/")
    assert answers(pat, "/secret/", **fragment)["HX-Redirect"] == "/secret/"


def test_an_hx_redirect_sets_the_cookies_of_the_last_answer(pat: Person, settings: Any) -> None:
    settings.TWILIO_2FA_TRUSTED_BROWSER_AGE = timedelta(days=30)
    asks_for_a_code(pat, "/secret/")
    token = messages.last_code(PHONE)
    path = "/2fa/verify/?next=/secret/"
    answer = pat.client.post(path, {"token": token, "trust_browser": "on"}, **boosted())
    assert answer["HX-Redirect"] == "/secret/"
    assert [name for name in answer.cookies if "twilio_2fa" in name]
    assert "no-store" in answer["Cache-Control"]


@pytest.mark.parametrize("then", ["https://evil.example/", "//evil.example/", "/\\evil.example/"])
def test_no_header_leads_to_another_host(pat: Person, then: str) -> None:
    asks_for_a_code(pat)
    answer = pat.client.post(f"/2fa/verify/?next={then}", {"token": messages.last_code(PHONE)}, **boosted())
    assert "evil.example" not in "".join(f"{name}: {value}\n" for name, value in answer.items())


def test_htmx_loads_the_sign_in_page_in_full(pat: Person) -> None:
    asks_for_a_code(pat)
    pat.client.logout()
    answer = pat.client.get("/2fa/start/", **boosted())
    assert (answer.status_code, answer["HX-Redirect"]) == (200, "/login/?next=/2fa/start/")


@pytest.mark.parametrize("current", ["http://testserver/", "http://testserver/nowhere/", "not an address"])
def test_a_boosted_link_of_the_site_loads_our_page_in_full(pat: Person, current: str) -> None:
    # If htmx swapped our page into the site's, our stylesheets and our script would be missing.
    path = "/2fa/devices/?next=/secret/"
    answer = pat.client.get(path, **boosted(current))
    assert (answer.status_code, answer["HX-Redirect"], answer.content) == (200, path, b"")
    answer = pat.client.post("/2fa/start/", {"method": "sms"}, **boosted(current))
    assert answer["HX-Redirect"] == "/2fa/verify/"


def test_a_history_request_of_htmx_gets_a_plain_redirect(pat: Person) -> None:
    # htmx ignores the headers of an answer to a history request.
    pat.client.logout()
    answer = pat.client.get("/2fa/start/", HTTP_HX_HISTORY_RESTORE_REQUEST="true", **boosted())
    assert answer["Location"] == "/login/?next=/2fa/start/"
