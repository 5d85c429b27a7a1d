"""Pages in the language of the reader, also if the language has no catalogue."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core import mail
from django.utils import translation
from django.utils.formats import date_format

from django_twilio_2fa import browsers
from django_twilio_2fa.errors import in_words
from django_twilio_2fa.models import Device, TrustedBrowser
from django_twilio_2fa.moments import local
from django_twilio_2fa.process.wording import KINDS
from django_twilio_2fa.providers.user_agent import shown_name
from django_twilio_2fa.sandbox import messages
from django_twilio_2fa.twilio.locales import LOCALES

from ..browsers.people import FIREFOX, SECRET, signs_in_again, trusts
from ..people import PHONE, Person
from . import LANGUAGES, tag

# Languages with another tag at Twilio.
TWILIO = {"zh_Hans": "zh-CN", "zh_Hant": "zh-HK"}


def reading(person: Person, language: str) -> Person:
    person.client.defaults["HTTP_ACCEPT_LANGUAGE"] = tag(language)
    return person


def html_of(person: Person) -> dict[str, str]:
    """Return the attributes of the page's html element."""
    [attributes] = re.findall(r"<html ([^>]*)>", person.page.content.decode())
    return dict(re.findall(r'(\w+)="([^"]*)"', attributes))


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_page_is_in_the_language_that_the_reader_prefers(pat: Person, language: str) -> None:
    english = pat.opens("start").text
    reading(pat, language).opens("start")
    direction = "rtl" if language in ("ar", "he") else "ltr"
    assert html_of(pat) == {"lang": tag(language), "dir": direction}
    assert pat.text != english
    with translation.override(tag(language).lower()):
        assert translation.gettext("Text message") in pat.text


@pytest.mark.parametrize("language", ["en-us", "en-gb", "da", "fa", "ur"])
def test_a_page_without_a_translation_has_the_language_english(pat: Person, language: str) -> None:
    reading(pat, language).opens("start").picks("sms")
    assert html_of(pat) == {"lang": "en", "dir": "ltr"}


def test_a_regional_variant_shows_the_sentences_of_its_language(pat: Person) -> None:
    assert html_of(reading(pat, "de-at").opens("start")) == {"lang": "de", "dir": "ltr"}
    assert html_of(reading(pat, "es-mx").opens("start")) == {"lang": "es", "dir": "ltr"}


def test_language_code_replaces_a_language_without_a_catalogue(pat: Person, settings: Any) -> None:
    # Django takes sentences that are missing in the reader's language from `LANGUAGE_CODE`.
    settings.LANGUAGE_CODE = "de"
    # A change of LANGUAGES makes Django reload the catalogues, which it merged with another default.
    settings.LANGUAGES = [("da", "Dansk"), ("de", "Deutsch")]
    assert html_of(reading(pat, "da").opens("start")) == {"lang": "de", "dir": "ltr"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_twilio_sends_the_message_in_the_language_of_the_page(pat: Person, language: str) -> None:
    expected = TWILIO.get(language, tag(language))
    assert expected in LOCALES
    reading(pat, language).opens("start").picks("sms")
    assert messages.delivered(PHONE)[0]["locale"] == expected


@pytest.mark.parametrize("language", ["de", "pt_BR", "ja", "ru"])
def test_dates_have_the_format_of_the_language(pat: Person, language: str) -> None:
    pat.opens("start").picks("sms").types_the_code()
    reading(pat, language).opens("devices")
    at = pat.page.context["activity"][0].at
    with translation.override(tag(language).lower()):
        written = date_format(local(at), "DATETIME_FORMAT")
    with translation.override("en"):
        assert written != date_format(local(at), "DATETIME_FORMAT")
    assert written in pat.page.content.decode()


def test_a_language_without_datetime_format_joins_date_and_time(pat: Person) -> None:
    # Django has no format of date and time for Arabic.
    pat.opens("start").picks("sms").types_the_code()
    reading(pat, "ar").opens("devices")
    at = local(pat.page.context["activity"][0].at)
    with translation.override("ar"):
        day, time = date_format(at, "DATE_FORMAT"), date_format(at, "TIME_FORMAT")
    assert f"{day}، {time}" in pat.page.content.decode()


def test_a_calling_code_is_isolated_in_right_to_left_languages(db: None) -> None:
    get_user_model().objects.create_user("new")
    person = Person("new")
    assert "(+1)" in person.opens("start").picks("sms").page.content.decode()
    reading(person, "ar").opens("register")
    assert "(\u2066+1\u2069)" in person.page.content.decode()


@pytest.mark.parametrize(("language", "colon"), [("en", ": "), ("fr", "\u202f: "), ("zh_Hans", "\uff1a")])
def test_a_label_ends_with_the_colon_of_the_language(demo: Person, language: str, colon: str) -> None:
    reading(demo, language).opens("start").picks("sms").registers()
    with translation.override(tag(language)):
        label = str(KINDS["phone_number"])
    assert f"<p>{label}{colon}<strong><bdi>" in demo.page.content.decode()


def test_an_email_is_written_in_the_language_of_the_page(sam: Person) -> None:
    sam.user.email = "owner@example.org"
    sam.user.save()
    reading(sam, "de").opens("start").picks("sms").types_the_code()
    sam.posts(f"/2fa/remove/{Device.objects.get(kind='email').pk}/")
    body = mail.outbox[-1].body
    assert "Guten Tag sam," in body
    assert "E-Mail-Adresse" in body
    assert "Email address" not in body


class TestTheNameOfABrowser:
    """Names of browsers, which are stored in English and shown in the language of the reader."""

    @pytest.mark.parametrize("language", LANGUAGES)
    def test_browser_names_are_translated_except_brands(self, language: str) -> None:
        with translation.override(tag(language).lower()):
            shown = shown_name("Firefox on Windows")
            assert "Firefox" in shown
            assert "Windows" in shown
            assert " on " not in shown
            # Names of one word, or names that this package does not make.
            for name in ("", "Firefox", "Windows", "Owl on Windows", "Firefox on Windows on Mars"):
                assert shown_name(name) == name

    def test_pages_lists_and_mails_show_a_browser_in_german(self, pat: Person, settings: Any) -> None:
        settings.TWILIO_2FA_TRUSTED_BROWSER_AGE = timedelta(days=30)
        pat.user.email = "owner@example.org"
        pat.user.save()
        pat.client.defaults["HTTP_USER_AGENT"] = FIREFOX
        trusts(reading(pat, "de")).opens("devices")
        # The remembered browser, its button, and the verification.
        assert pat.text.count("Firefox auf Windows") == 3
        assert [b["name"] for b in browsers.list_browsers(pat.page.wsgi_request)] == ["Firefox auf Windows"]
        assert TrustedBrowser.objects.get().name == "Firefox on Windows"
        assert "Firefox auf Windows" in mail.outbox[-1].body
        signs_in_again(pat).opens(SECRET).opens("devices")
        assert pat.page.context["activity"][0].browser == "Firefox auf Windows"
        pat.posts("devices", action="end_browsers")
        assert pat.page.status_code == 200
        assert "Firefox on" not in pat.text


@pytest.mark.parametrize("number", [2, 5, 21])
def test_a_wait_has_the_plural_form_of_the_language(number: int) -> None:
    with translation.override("ru"):
        found = str(in_words(number * 60))
    assert found == {2: "через 2 минуты", 5: "через 5 минут", 21: "через 21 минуту"}[number]
