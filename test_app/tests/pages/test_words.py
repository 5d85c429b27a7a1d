"""The words that users and developers read.

Names, numbers and addresses keep their order in a sentence. Phrases that are hard to read are not used.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core import mail
from django.utils import translation

from django_twilio_2fa.models import Device
from django_twilio_2fa.process.wording import isolated

from ..people import EMAIL, PHONE, Person

FSI, PDI = "\u2068", "\u2069"
NUMBER = "(XXX) XXX-0143"


def in_hebrew(person: Person) -> Person:
    person.client.defaults["HTTP_ACCEPT_LANGUAGE"] = "he"
    return person


@pytest.mark.parametrize(
    ("language", "text", "shown"),
    [
        ("en", NUMBER, NUMBER),
        ("en", "\u05d1\u05d9\u05ea (2)", f"{FSI}\u05d1\u05d9\u05ea (2){PDI}"),
        ("he", NUMBER, FSI + NUMBER + PDI),
        ("ar", EMAIL, FSI + EMAIL + PDI),
        ("he", "", ""),
    ],
)
def test_a_text_of_another_direction_is_isolated(language: str, text: str, shown: str) -> None:
    with translation.override(language):
        assert isolated(text) == shown


def test_sentences_of_pages_isolate_inserted_values(sam: Person) -> None:
    in_hebrew(sam).opens("start")
    assert f"{FSI}sXX@eXXXXXX.com{PDI}" in sam.text
    sam.picks("email")
    assert f"{FSI}sXX@eXXXXXX.com{PDI}" in sam.text
    sam.opens("start").picks("sms")
    assert "0143" in sam.text
    # A value that a template shows by itself is not isolated.
    assert sam.page.context["obfuscated_value"] == NUMBER
    sam.types_the_code()
    sam.opens("/2fa/add/").picks("sms").registers("202 555 0147").types_the_code("+12025550147")
    assert f"{FSI}(XXX) XXX-0147{PDI}" in sam.text
    assert f"{FSI}{NUMBER}{PDI}" in sam.page.content.decode()
    device = Device.objects.get(value=PHONE)
    sam.posts("devices", action="rename", device=str(device.pk), name="Work")
    assert f"{FSI}Work{PDI}" in sam.text
    sam.opens(f"/2fa/change/{device.pk}/").picks("sms")
    assert f"{FSI}{NUMBER}{PDI}" in sam.page.content.decode()
    sam.opens(f"/2fa/remove/{device.pk}/").posts()
    assert f"{FSI}Work{PDI}" in sam.text


def test_an_email_isolates_inserted_values(sam: Person) -> None:
    sam.user.email = "owner@example.org"
    sam.user.save()
    in_hebrew(sam).opens("start").picks("sms").types_the_code()
    sam.posts(f"/2fa/remove/{Device.objects.get(kind='email').pk}/")
    assert f"{FSI}sXX@eXXXXXX.com{PDI}" in mail.outbox[-1].body


def test_the_api_isolates_nothing(sam: Person) -> None:
    answer = in_hebrew(sam).client.post("/api/2fa/send/", {"method": "sms"}, content_type="application/json")
    assert "0143" in answer.json()["display"]
    assert FSI not in answer.content.decode()


def test_a_device_is_offered_by_name_and_number(sam: Person) -> None:
    Device.objects.filter(kind="phone_number").update(name="Work")
    sam.opens("start")
    assert "Text message, Work We text a code to your phone ending 0143." in sam.text
    assert "We email a code to sXX@eXXXXXX.com." in sam.text
    [choice] = [c for c in sam.page.context["choices"] if c["method"] == "sms"]
    assert (choice["name"], choice["detail"]) == ("Work", NUMBER)


def test_two_devices_of_a_kind_are_shown_by_name(sam: Person, later: Any) -> None:
    Device.objects.filter(kind="phone_number").update(name="Old phone")
    sam.opens("start").picks("sms").types_the_code()
    sam.opens("/2fa/add/").picks("sms").registers("202 555 0147").types_the_code("+12025550147")
    Device.objects.filter(name="", kind="phone_number").update(name="New phone")
    shown = Person("sam").opens("start").text
    assert "Phone call, Old phone We call your phone ending 0143" in shown
    assert "Phone call, New phone We call your phone ending 0147" in shown


ROOT = Path(__file__).resolve().parents[3]
DOCS = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]
CODE = [
    path
    for folder in ("django_twilio_2fa", "providers", "test_app")
    for path in (ROOT / folder).rglob("*.py")
    if path != Path(__file__)
]

# Regular expressions of phrases, with the words to write instead.
AVOIDED = {
    r"by another road|by a road|\broads?\b": "in another way; outside these pages",
    r"who(so|m)?ever": "everybody who; the user",
    r"counted apart": "has a separate limit",
    r"good for nothing|is good for": "is valid for; cannot be used",
    r"(is|are|was|were) told": "gets an e-mail; sees; receives",
    r"strangers?": "attacker; anonymous; a user who is not signed in",
    r"nobody else's": "of this user only",
    r"(?<=[.;:,] )nor": "or; and … not",
    r"but for": "except",
    r"(the|a) kit('s)?": "this package",
    r"lets? (nobody|nothing|them|anybody|a user) by": "does not let in; the strictest value is used",
    r"at its provider's": "at its provider",
    r"who asks|for nobody": "the caller; without a user",
    r"what is registered|(something|nothing) registered": "the user's devices; a user who has no device",
    r"(is|are|be) had": "get; available",
    r"leads? nowhere": "has no page; cannot be imported",
    r"the very": "the same",
    r"anew": "again",
    r"gone on with": "continued",
    r"(costs?|spends?) (no|an?|one) (try|tries|attempts?)": "counts as an attempt",
    r"mend(s|ed)?": "fix",
    r"kept out": "refused",
    r"(as it stands|as they stand)": "unchanged",
    r"is none of": "is not",
    r"may well": "may",
    r"one a (user|session)": "one per user",
    r"what (is|was) typed": "the entered values",
    r"in the hands of": "for",
    r"stands? in for": "replaces",
    r"are had|is to be had": "exists; is available",
    r"ends? well": "works",
    r"no older than that": "at most that old",
}


ANY = re.compile("|".join(AVOIDED), re.I)


def prose_of(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the lines of a page, or of a module's comments, docstrings and check messages."""
    text = path.read_text()
    if path.suffix == ".md":
        # The tables of errors.md show sentences for users.
        sentences = path.name == "errors.md"
        yield from (
            (n, s) for n, s in enumerate(text.splitlines(), 1) if not (sentences and s.startswith("|"))
        )
        return
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string.lstrip("# ")
    for node in ast.walk(ast.parse(text)):
        docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        message = path.parent.name in {"checks", "conf"} and isinstance(node, ast.Constant)
        constant = node.value if docstring else node if message else None
        if isinstance(constant, ast.Constant) and isinstance(constant.value, str):
            yield from enumerate(constant.value.splitlines(), constant.lineno)


def avoided(lines: list[tuple[int, str]]) -> list[tuple[int, str, str]]:
    """Return the avoided phrases, also across lines: line number, phrase, and what to write."""
    found = []
    for (number, line), (_, after) in zip(lines, [*lines[1:], (0, "")], strict=False):
        end = len(line.rstrip())
        joined = f"{line.rstrip()} {after.strip()}"
        if not ANY.search(joined):
            continue
        for phrase, instead in AVOIDED.items():
            for match in re.finditer(rf"(?<![\w-])(?:{phrase})(?![\w-])", joined, re.I):
                if match.start() < end:
                    found.append((number, match[0], instead))
    return found


def test_avoided_phrases_are_found_across_lines() -> None:
    lines = [(4, "A code is"), (5, "good for ten minutes, but"), (6, "for one device.")]
    assert [phrase for _, phrase, _ in avoided(lines)] == ["is good for", "but for"]
    assert avoided([(1, "test_a_stranger_is_told, a northern but foreign kitten")]) == []


@pytest.mark.slow
def test_prose_contains_no_avoided_phrases() -> None:
    assert len(CODE) > 500
    found = [
        f"{path.relative_to(ROOT)}:{number}: {phrase!r}. Write: {instead}"
        for path in [*DOCS, *CODE]
        for number, phrase, instead in avoided(sorted(prose_of(path)))
    ]
    assert not found, "\n".join(found)
