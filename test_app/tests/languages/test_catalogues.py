"""The catalogues of the package and its providers. `make messages` writes them."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Callable, Iterator
from gettext import GNUTranslations, c2py
from pathlib import Path
from typing import Any

import django
import polib
import pytest

from . import LANGUAGES, PACKAGES, tag

PLACEHOLDER = re.compile(r"%\(\w+\)[a-z]|%[a-z]|\{\w+\}|</?\w+>|https?")
# The plural form of each number, by CLDR's rules.
ONE_OR_MORE = {0: 1, 1: 0, 2: 1, 5: 1, 21: 1, 101: 1}
NONE_OR_ONE = {0: 0, 1: 0, 2: 1, 5: 1, 21: 1}
ONE_FORM = {0: 0, 1: 0, 2: 0, 21: 0}
EAST_SLAVIC = {0: 2, 1: 0, 2: 1, 4: 1, 5: 2, 11: 2, 12: 2, 14: 2, 21: 0, 22: 1, 25: 2, 101: 0, 111: 2}
PLURALS: dict[str, dict[int, int]] = {
    "ar": {0: 0, 1: 1, 2: 2, 3: 3, 10: 3, 11: 4, 99: 4, 100: 5, 102: 5, 103: 3, 111: 4},
    "cs": {0: 2, 1: 0, 2: 1, 4: 1, 5: 2, 22: 2, 101: 2},
    "fr": NONE_OR_ONE,
    "he": {0: 2, 1: 0, 2: 1, 3: 2, 10: 2, 20: 2, 21: 2},
    "hi": NONE_OR_ONE,
    "pl": {0: 2, 1: 0, 2: 1, 4: 1, 5: 2, 12: 2, 14: 2, 21: 2, 22: 1, 25: 2, 101: 2, 112: 2},
    "pt_BR": NONE_OR_ONE,
    "ru": EAST_SLAVIC,
    "uk": EAST_SLAVIC,
    **dict.fromkeys(("de", "el", "es", "it", "nl", "sv", "tr"), ONE_OR_MORE),
    **dict.fromkeys(("id", "ja", "ko", "vi", "zh_Hans", "zh_Hant"), ONE_FORM),
}

TAGS = re.compile(r"<[^>]*>")
CJK = r"[\u3000-\u30ff\u4e00-\u9fff\uff00-\uffef]"
# Punctuation that a language does not have, if its rule is strict. Placeholders and tags are removed before.
NOT_WRITTEN = {
    "ar": re.compile(r"[,;?]"),
    "el": re.compile(r"\?"),
    "es": re.compile(r"^[^¿]*\?|¿[^?]*$|^[^¡]*!|¡[^!]*$"),
    "fr": re.compile(r"(?<!\u202f)[:;?!»]|«(?!\u202f)"),
    "hi": re.compile(r"[\u0900-\u097f]\."),
    # A colon and a space end a label in Japanese, as on the pages of Google and Microsoft.
    "ja": re.compile(rf"{CJK}[,.;?!()]|[,.;?!()]{CJK}|(?<={CJK}) (?={CJK})"),
    **dict.fromkeys(
        ("zh_Hans", "zh_Hant"), re.compile(rf"{CJK}[,.:;?!()]|[,.:;?!()]{CJK}|(?<={CJK}) (?={CJK})")
    ),
}
QUOTES = re.compile("[\"'“”„\u2018«»「」״]")
# The quotation marks of each language.
QUOTED = {
    **dict.fromkeys(("ar", "el", "es", "fr", "ru", "uk"), "«»"),
    **dict.fromkeys(("cs", "de"), "„“"),
    **dict.fromkeys(("hi", "id", "it", "ko", "pt_BR", "tr", "vi", "zh_Hans"), "“”"),
    **dict.fromkeys(("ja", "zh_Hant"), "「」"),
    "he": "״״",
    "nl": "\u2018\u2019",
    "pl": "„”",
    "sv": "””",
}
# Words that are the same in English, with the languages that have them.
SAME = {
    # Names.
    "WhatsApp": "cs de el es fr he hi id it ja ko nl pl pt_BR ru sv tr uk vi zh_Hans zh_Hant",
    "ltr": "cs de el es fr hi id it ja ko nl pl pt_BR ru sv tr uk vi zh_Hans zh_Hant",
    # The name of a file, in Latin letters.
    "recovery-codes": "ar he hi ja ko zh_Hans zh_Hant",
    # Borrowed from English, or from the same language as in English.
    "Account": "it nl",
    "accounts": "nl",
    "Browser": "de id it nl",
    "browser": "id it nl",
    "Budget: %(budget)s": "de it nl sv",
    "Conversion": "fr",
    "Email": "el id it vi",
    "Error:": "es",
    "later": "nl",
    "Message": "fr",
    "Passkey": "de it nl sv",
    "Period": "sv",
    "Site": "fr nl pt_BR tr",
}


def path_of(package: Path, language: str) -> Path:
    return package / "locale" / language / "LC_MESSAGES" / "django.po"


CATALOGUES = [
    pytest.param(path_of(package, language), id=f"{package.name}-{language}")
    for package in PACKAGES
    for language in LANGUAGES
]


def rule_of(catalogue: Any) -> tuple[int, Callable[[int], int]]:
    """Return the number of plural forms, and the function that returns the form of a number."""
    rule = re.fullmatch(r"nplurals=(\d+); plural=(.+);", catalogue.metadata["Plural-Forms"])
    assert rule
    return int(rule[1]), c2py(rule[2])


def for_one_number(catalogue: Any) -> set[int]:
    """Return the plural forms that have only one number, such as those for 1 and 2 in Arabic and Hebrew."""
    _number, form = rule_of(catalogue)
    taken = Counter(form(n) for n in range(1000))
    return {n for n, times in taken.items() if times == 1}


def translations(entry: Any, alone: set[int]) -> list[tuple[str, str, tuple[str, ...]]]:
    """Return each translation of an entry, its original, and the placeholders that it may leave out."""
    if not entry.msgid_plural:
        return [(entry.msgstr, entry.msgid, ())]
    forms = sorted(entry.msgstr_plural.items())
    counts = ("%(n)d", "%(n)s", "%(left)s", "%(minutes)s")
    return [(text, entry.msgid_plural, counts if n in alone else ()) for n, text in forms]


def edges(text: str) -> tuple[bool, bool]:
    return text[:1].isspace(), text[-1:].isspace()


def faults(entry: Any, alone: set[int]) -> Iterator[str]:
    """Yield the faults of an entry of a catalogue. `alone` has the plural forms that have only one number."""
    if entry.obsolete or entry.fuzzy:
        yield "fuzzy or obsolete"
    for text, original, optional in translations(entry, alone):
        if not text.strip():
            yield "missing"
            continue
        wanted, found = sorted(PLACEHOLDER.findall(original)), sorted(PLACEHOLDER.findall(text))
        if found not in (wanted, [p for p in wanted if p not in optional]):
            yield f"other placeholders: {text}"
        if edges(text) != edges(original):
            yield f"begins or ends with another space: {text!r}"


def texts_of(entry: Any) -> list[str]:
    return [text for text, _original, _optional in translations(entry, set())]


def words_of(text: str) -> str:
    """Return a text without tags, and with a letter in place of each placeholder."""
    return PLACEHOLDER.sub("x", TAGS.sub("", text))


def is_english(entry: Any, language: str) -> bool:
    """Return whether an entry with words is left in English by mistake."""
    has_words = re.search(r"[A-Za-z]{2}", PLACEHOLDER.sub("", entry.msgid))
    return bool(has_words and entry.msgid in texts_of(entry)) and (
        language not in SAME.get(entry.msgid, "").split()
    )


def wrong_marks(text: str, language: str) -> str:
    """Return the punctuation of a text that its language does not have."""
    words = words_of(text)
    rule = NOT_WRITTEN.get(language)
    quotes = set(QUOTES.findall(words)) - set(QUOTED[language])
    return "".join([*(rule.findall(words) if rule else ()), *sorted(quotes)])


@pytest.mark.parametrize("path", CATALOGUES)
def test_no_message_is_missing_or_fuzzy_or_broken(path: Path) -> None:
    catalogue = polib.pofile(str(path))
    alone = for_one_number(catalogue)
    assert [(entry.msgid, fault) for entry in catalogue for fault in faults(entry, alone)] == []


@pytest.mark.parametrize("path", CATALOGUES)
def test_no_message_is_left_in_english(path: Path) -> None:
    catalogue = polib.pofile(str(path))
    language = catalogue.metadata["Language"]
    assert [entry.msgid for entry in catalogue if is_english(entry, language)] == []


def test_each_exception_from_translation_is_used() -> None:
    # Remove a language or a word from SAME if the catalogue no longer has it.
    used: set[tuple[str, str]] = set()
    for path in (path_of(package, language) for package in PACKAGES for language in LANGUAGES):
        catalogue = polib.pofile(str(path))
        language = catalogue.metadata["Language"]
        used.update((e.msgid, language) for e in catalogue if e.msgid in texts_of(e))
    assert {(word, language) for word in SAME for language in SAME[word].split()} <= used


@pytest.mark.parametrize("path", CATALOGUES)
def test_punctuation_follows_the_rules_of_the_language(path: Path) -> None:
    catalogue = polib.pofile(str(path))
    language = catalogue.metadata["Language"]
    texts = [text for entry in catalogue for text in texts_of(entry)]
    assert [(text, marks) for text in texts if (marks := wrong_marks(text, language))] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_plural_forms_follow_the_rules_of_the_language(language: str) -> None:
    for package in PACKAGES:
        catalogue = polib.pofile(str(path_of(package, language)))
        number, form = rule_of(catalogue)
        assert {n: form(n) for n in PLURALS[language]} == PLURALS[language]
        forms = set(range(number))
        assert forms == set(PLURALS[language].values())
        assert all(set(e.msgstr_plural) == forms for e in catalogue if e.msgid_plural)


@pytest.mark.parametrize("path", CATALOGUES)
def test_the_compiled_catalogue_matches_the_text(path: Path) -> None:
    catalogue = polib.pofile(str(path))
    with path.with_suffix(".mo").open("rb") as f:
        compiled = GNUTranslations(f)
    expected: dict[Any, str] = {}
    for entry in catalogue:
        key = f"{entry.msgctxt}\x04{entry.msgid}" if entry.msgctxt else entry.msgid
        if entry.msgid_plural:
            expected.update({(key, n): text for n, text in entry.msgstr_plural.items()})
        else:
            expected[key] = entry.msgstr
    read = dict(compiled._catalog)  # type: ignore[attr-defined]
    read.pop("")
    assert read == expected


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_catalogue_names_its_language(language: str) -> None:
    for package in PACKAGES:
        assert polib.pofile(str(path_of(package, language))).metadata["Language"] == language
    kit = polib.pofile(str(path_of(PACKAGES[0], language)))
    assert kit.find("en", msgctxt="language tag").msgstr == tag(language)
    assert kit.find("ltr", msgctxt="text direction").msgstr == ("rtl" if language in ("ar", "he") else "ltr")


@pytest.mark.parametrize("package", PACKAGES, ids=lambda p: p.name)
def test_every_package_has_every_language_and_no_other(package: Path) -> None:
    assert sorted(p.name for p in (package / "locale").iterdir()) == sorted(LANGUAGES)


def sentences(package: Path) -> set[str]:
    """Return the sentences that a package marks for translation as plain strings."""
    marks = {"_", "gettext", "gettext_lazy", "ngettext", "ngettext_lazy", "pgettext", "pgettext_lazy"}
    found = set()
    for path in package.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in marks:
                texts = [
                    a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)
                ]
                found.update(texts[1:] if node.func.id.startswith("pgettext") else texts)
    for path in (*package.rglob("*.html"), *package.rglob("*.txt")):
        found.update(re.findall(r'\{% translate "([^"]+)"', path.read_text()))
    return found


@pytest.mark.parametrize("package", PACKAGES, ids=lambda p: p.name)
def test_the_catalogues_have_every_marked_sentence(package: Path) -> None:
    # This test does not need GNU gettext. The gate runs `make messages`, which finds more sentences.
    marked = sentences(package)
    assert marked
    for language in LANGUAGES:
        catalogue = polib.pofile(str(path_of(package, language)))
        assert marked <= {text for e in catalogue for text in (e.msgid, e.msgid_plural)}


class TestFaultsAreFound:
    """The functions of this module, which have to find each fault."""

    def fault_of(self, **told: Any) -> list[str]:
        return list(faults(polib.POEntry(**told), {1}))

    def test_a_missing_or_fuzzy_translation_is_found(self) -> None:
        assert self.fault_of(msgid="Code", msgstr="") == ["missing"]
        assert self.fault_of(msgid="Code", msgstr="Code", flags=["fuzzy"]) == ["fuzzy or obsolete"]

    @pytest.mark.parametrize(
        ("forms", "fault"),
        [
            (["%(n)d", "%(n)d", "%(n)d"], []),
            (["%(n)d", "one", "%(n)d"], []),
            (["%(n)d", "", "%(n)d"], ["missing"]),
            (["many", "one", "%(n)d"], ["other placeholders: many"]),
        ],
    )
    def test_only_a_form_for_one_number_may_omit_the_number(self, forms: list[str], fault: list[str]) -> None:
        plural = {"msgid": "%(n)d day", "msgid_plural": "%(n)d days"}
        assert self.fault_of(**plural, msgstr_plural=dict(enumerate(forms))) == fault

    @pytest.mark.parametrize("text", ["Bis", "Bis %(tim)s", "Bis %(time)d", "%(time)s {x}", "%(time)s</b>"])
    def test_other_placeholders_are_found(self, text: str) -> None:
        assert self.fault_of(msgid="Until %(time)s", msgstr=text) == [f"other placeholders: {text}"]
        assert self.fault_of(msgid="Until %(time)s", msgstr="Bis %(time)s") == []

    def test_a_message_in_english_is_found(self) -> None:
        assert is_english(polib.POEntry(msgid="Copy", msgstr="Copy"), "de")
        assert not is_english(polib.POEntry(msgid="Copy", msgstr="Kopieren"), "de")
        forms = {0: "%(n)d days", 1: "%(n)d Tage"}
        plural = polib.POEntry(msgid="%(n)d days", msgid_plural="%(n)d days", msgstr_plural=forms)
        assert is_english(plural, "de")

    @pytest.mark.parametrize(
        ("msgid", "language", "found"),
        [("Passkey", "de", False), ("Passkey", "fr", True), ("%(n)s s", "fr", False)],
    )
    def test_only_listed_words_may_be_the_same_as_in_english(
        self, msgid: str, language: str, found: bool
    ) -> None:
        assert is_english(polib.POEntry(msgid=msgid, msgstr=msgid), language) is found

    @pytest.mark.parametrize(
        ("language", "text", "marks"),
        [
            ("es", "¿Iniciar sesión?", ""),
            ("es", "Hola. ¿Iniciar sesión", "¿Iniciar sesión"),
            ("es", "Iniciar sesión?", "Iniciar sesión?"),
            ("fr", "Se connecter\u202f?", ""),
            ("fr", "Se connecter ?", "?"),
            ("fr", "Code\u202f: %(code)s", ""),
            ("fr", "le « code »", "«»"),
            ("ar", "مرحبًا,", ","),
            ("el", "Σύνδεση;", ""),
            ("el", "Σύνδεση?", "?"),
            ("hi", "कोड गलत है.", "ै."),
            ("ja", "コード。2 桁です", ""),
            ("ja", "コード,コード", "ド,"),
            ("ja", "コード コード", " "),
            ("zh_Hans", "验证码\uff1a%(code)s", ""),
            ("zh_Hans", "验证码:%(code)s", "码:"),
            ("de", "„Code“", ""),
            ("de", "“Code”", "”"),
            ("de", 'Ihr "Code"', '"'),
            ("sv", '<a href="%(url)s">Kod</a>', ""),
        ],
    )
    def test_punctuation_of_another_language_is_found(self, language: str, text: str, marks: str) -> None:
        assert wrong_marks(text, language) == marks


# Words on pages of Django's admin, which Django translates.
WORDS_OF_THE_ADMIN = {"Home", "Log in", "Method", "Show", "user"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_django_replaces_no_translation_of_this_package(language: str) -> None:
    # Django takes a message without a context from the first app that has it, often one of Django's own.
    theirs = {
        entry
        for path in (Path(django.__file__).parent / "contrib").glob(f"*/locale/{language}/LC_MESSAGES/*.po")
        for entry in ((e.msgctxt, e.msgid, e.msgstr) for e in polib.pofile(str(path)) if e.msgstr)
    }
    names = {(context, message) for context, message, _ in theirs}
    for package in PACKAGES:
        for entry in polib.pofile(str(package / "locale" / language / "LC_MESSAGES" / "django.po")):
            if (entry.msgctxt, entry.msgid) in names and entry.msgid not in WORDS_OF_THE_ADMIN:
                assert (entry.msgctxt, entry.msgid, entry.msgstr) in theirs, entry.msgid
