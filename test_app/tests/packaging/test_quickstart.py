"""Follow docs/quickstart.md as it is written: its commands, its files, and each step in the browser."""

from __future__ import annotations

import html
import os
import re
import shlex
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ..helpers import free_port, wait_until
from .commands import ROOT, run
from .visitor import Visitor

pytestmark = pytest.mark.packaging

USER = {"username": "sam", "password": "of the quick start"}


def blocks_of(page: str) -> list[tuple[str, str]]:
    return re.findall(r"^```(\w+)\n(.*?)^```", page, re.S | re.M)


def steps_of(page: str) -> list[str]:
    """Return the numbered steps of the last part with such steps."""
    found = re.findall(r"^\d+\. (.*?)(?=^\d+\. |\n\n)", page, re.S | re.M)
    return [" ".join(step.split()) for step in found]


def as_text(page: str) -> str:
    return html.unescape(" ".join(re.sub(r"<[^>]+>", " ", page).split()))


class Reader:
    """A reader who follows the page in a folder of their own."""

    def __init__(self, folder: Path, empty_environment: Callable[[str], Path]) -> None:
        self.folder = folder
        self.empty_environment = empty_environment
        self.port = free_port()

    def read(self, page: str) -> Visitor:
        """Do what each block says. Return the browser after the last step."""
        for language, block in blocks_of(page):
            if language == "python":
                self.add(block)
                continue
            for command in block.splitlines():
                if command == "python manage.py runserver":
                    with self.served():
                        return self.follow(steps_of(page))
                self.enter(command)
        raise AssertionError("The page does not start the server.")

    def add(self, block: str) -> None:
        """Add a block to the end of the file that its first line names."""
        name, _, code = block.partition("\n")
        with (self.folder / name.removeprefix("# ")).open("a") as file:
            file.write(code)

    def enter(self, command: str) -> None:
        first, *rest = shlex.split(command)
        if rest[:3] == ["-m", "pip", "install"]:
            self.python = self.empty_environment(rest[3])
        elif rest == ["manage.py", "createsuperuser"]:
            answers = [f"--username={USER['username']}", "--email=sam@example.com", "--noinput"]
            os.environ["DJANGO_SUPERUSER_PASSWORD"] = USER["password"]
            try:
                run(self.python, *rest, *answers, cwd=self.folder)
            finally:
                del os.environ["DJANGO_SUPERUSER_PASSWORD"]
        elif first == "python":
            run(self.python, *rest, cwd=self.folder)
        else:
            run(self.python, "-m", {"django-admin": "django"}[first], *rest, cwd=self.folder)

    @contextmanager
    def served(self) -> Iterator[None]:
        command = [self.python, "manage.py", "runserver", "--noreload", str(self.port)]
        clean = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "DJANGO_SETTINGS_MODULE")}
        with (self.folder.parent / "served").open("w") as out:
            process = subprocess.Popen(command, cwd=self.folder, env=clean, stdout=out, stderr=out)
        try:
            wait_until(lambda: "Quit the server" in (self.folder.parent / "served").read_text())
            yield
        finally:
            process.terminate()
            process.wait(timeout=30)

    def follow(self, steps: list[str]) -> Visitor:
        """Open the addresses, enter what is in backticks, and choose what is bold."""
        browser = Visitor(f"http://localhost:{self.port}/")
        entered = dict(USER)
        for step in steps:
            for address, value, label in re.findall(r"<(http\S+)>|`([^`]+)`|\*\*(.+?)\*\*", step):
                if address:
                    path = address.removeprefix("http://localhost:8000")
                    assert path.startswith("/"), address
                    if "in another tab" not in step:
                        browser.open(path)
                        continue
                    with browser.opener.open(browser.address.rstrip("/") + path, timeout=30) as answer:
                        entered["token"] = re.findall(r"\b\d{6}\b", as_text(answer.read().decode()))[0]
                elif value:
                    entered["phone_number"] = value
                elif re.search(rf"[Cc]hoose \*\*{re.escape(label)}", step):
                    self.choose(browser, label, entered)
                else:
                    assert label in as_text(browser.page), (step, as_text(browser.page))
        return browser

    @staticmethod
    def choose(browser: Visitor, label: str, entered: dict[str, str]) -> None:
        """Submit the form of the button that begins with this label, with what was entered in its fields."""
        for form in re.findall(r"<form.*?</form>", browser.page, re.S):
            for attributes, text in re.findall(r"<button([^>]*)>(.*?)</button>", form, re.S) or re.findall(
                r'<input([^>]*type="submit"[^>]*value="([^"]*)"[^>]*)>', form
            ):
                if not as_text(text).startswith(label):
                    continue
                pairs = dict(re.findall(r'(name|value)="([^"]*)"', attributes))
                fields = {pairs["name"]: pairs.get("value", "")} if "name" in pairs else {}
                for tag in re.findall(r"<input([^>]*)>", form):
                    of = dict(re.findall(r'(\w+)="([^"]*)"', tag))
                    if of.get("type") == "hidden":
                        fields[of["name"]] = of.get("value", "")
                    elif of.get("name") in entered:
                        fields[of["name"]] = entered[of["name"]]
                chosen = re.search(r'<option value="([^"]*)"[^>]*selected', form)
                if chosen:
                    fields["country_code"] = chosen[1]
                action = re.search(r'<form[^>]*action="([^"]*)"', form)
                browser.open(html.unescape(action[1]) if action and action[1] else browser.url, fields)
                return
        raise AssertionError(f"There is no button {label}: {as_text(browser.page)}")


@pytest.fixture
def reader(tmp_path: Path, empty_environment: Callable[[str], Path]) -> Reader:
    (tmp_path / "site").mkdir()
    return Reader(tmp_path / "site", empty_environment)


def test_the_quick_start_leads_to_a_verified_user(reader: Reader) -> None:
    browser = reader.read((ROOT / "docs" / "quickstart.md").read_text())

    assert browser.path == "/secret/"
    assert browser.page == "sam is verified."
