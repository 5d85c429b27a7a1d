"""Redirects to `next` after a verification, which never leave this site."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ..people import Person

EVIL = [
    "//evil.example",
    "///evil.example",
    "https://evil.example/",
    "http:evil.example",
    "https:evil.example",
    "https:/evil.example",
    "\\\\evil.example",
    "/\\evil.example",
    "\\/evil.example",
    "javascript:alert(1)",
    "java\nscript:alert(1)",
    "data:text/html,x",
    "\x00//evil.example",
    "\t//evil.example",
    " //evil.example",
    "/%0d%0aLocation: //evil.example\r\n",
    "https://testserver@evil.example/",
    "https://testserver.evil.example/",
    "//testserver:evil@evil.example",
]


def lands_here(location: str) -> bool:
    parts = urlsplit(location)
    return (
        parts.netloc in ("", "testserver")
        and parts.scheme in ("", "http", "https")
        and location.isprintable()
    )


@pytest.mark.parametrize("target", EVIL)
def test_no_page_follows_a_next_to_another_site(pat: Person, target: str) -> None:
    asked = f"?next={quote(target, safe='')}"
    for page in ("start", "verify", "success", "failed"):
        answer = pat.client.get(f"/2fa/{page}/{asked}")
        assert "evil" not in answer.get("Location", "")
        assert "evil" not in answer.content.decode()
    pat.opens(f"/2fa/start/{asked}").picks("sms").types_the_code()
    assert pat.is_at("success")


@pytest.mark.parametrize(
    "target", ["/secret/", "/secret/?a=1&b=2", "/2fa/devices/", "http://testserver/secret/"]
)
def test_a_next_on_this_site_is_followed(pat: Person, target: str) -> None:
    pat.opens(f"/2fa/start/?next={quote(target, safe='')}").picks("sms").types_the_code()
    assert pat.page.redirect_chain[-1][0] == target


def test_over_https_a_next_to_http_is_ignored(pat: Person) -> None:
    answer = pat.client.get("/2fa/?next=http://testserver/secret/", secure=True)
    assert "next" not in answer["Location"]


@pytest.fixture
def verified(pat: Person) -> Person:
    return pat.opens("start").picks("sms").types_the_code()


@given(
    target=st.text(max_size=60)
    | st.sampled_from(EVIL).flatmap(lambda e: st.text(max_size=5).map(lambda t: t + e))
)
def test_any_value_of_next_keeps_the_user_on_this_site(verified: Any, target: str) -> None:
    answer = verified.client.get("/2fa/success/", {"next": target})
    assert answer.status_code in (200, 302)
    assert lands_here(answer.get("Location", ""))
