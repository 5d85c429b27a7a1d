"""`make live`, run against the sandbox over HTTP as if against an account."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote
from urllib.request import urlopen

import pytest

from django_twilio_2fa.sandbox.authenticators import STEP, code_at

from ..helpers import wrong_code
from ..sandbox.standalone import environment, served

ROOT = Path(__file__).resolve().parents[3]
SCRIPT = [sys.executable, "-W", "error", "-u", str(ROOT / "test_app" / "live.py")]
ACCOUNT = {
    "TWILIO_2FA_ACCOUNT_SID": "AC" + "1" * 32,
    "TWILIO_2FA_AUTH_TOKEN": "a secret",
    "TWILIO_2FA_SERVICE_ID": "VA" + "2" * 32,
}
PHONE, ADDRESS = "+12025550143", "sam@example.com"
pytestmark = pytest.mark.served

# The prompts, each with its last words.
CODE, NEXT, KEY = "if none came: ", "and enter it: ", "app shows: "


class Live:
    """A run of the script. `answer` gets the text that was printed since the last answer."""

    def __init__(self, answer: Callable[[str], str], **variables: str) -> None:
        self.process = subprocess.Popen(
            SCRIPT,
            env={**environment(), **variables},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self.process.stdin
        assert self.process.stdout
        self.printed = unseen = ""
        while letter := self.process.stdout.read(1):
            self.printed += letter
            unseen += letter
            if unseen.endswith(("[y/N] ", "country code: ", "address: ", CODE, KEY, NEXT)):
                self.process.stdin.write(answer(unseen) + "\n")
                self.process.stdin.flush()
                unseen = ""
        self.status = self.process.wait(30)
        self.process.stdin.close()
        self.process.stdout.close()

    def outcome(self, step: str) -> str:
        """Return the outcome of a step: `ok`, `skipped` or `FAILED`."""
        # Input from a pipe is not echoed, so the outcome may follow a question on the same line.
        [found] = re.findall(rf"(ok|skipped|FAILED) +{step}\b", self.printed)
        return str(found)


class Person:
    """Say yes to each step, and read the codes off the sandbox's handset."""

    def __init__(self, sandbox: str, *, wrong: str = "") -> None:
        self.sandbox = sandbox
        self.wrong = wrong
        self.key = ""
        self.to = ""

    def __call__(self, text: str) -> str:
        if text.endswith("[y/N] "):
            return "y"
        if text.endswith("country code: "):
            self.to = PHONE
        elif text.endswith("address: "):
            self.to = ADDRESS
        elif text.endswith(CODE):
            code = self.code()
            return wrong_code(code) if self.to == self.wrong else code
        else:
            if text.endswith(KEY):
                self.key = text.rpartition("app: ")[2].split()[0]
            # The last prompt asks for the next code. The sandbox accepts it one step early.
            return code_at(self.key, int(time.time()) // STEP + text.endswith(NEXT))
        return self.to

    def code(self) -> str:
        with urlopen(f"{self.sandbox}/sandbox/messages.json?to={quote(self.to)}") as answer:
            return str(json.load(answer)[0]["code"])


def requests_of(sandbox: str) -> list[str]:
    """Return the method and path of each request that the sandbox has received."""
    with urlopen(f"{sandbox}/sandbox/status") as answer:
        return [f"{r['method']} {r['path']}" for r in json.load(answer)["requests"]]


def test_without_its_variables_live_says_so_and_does_nothing(tmp_path: Path) -> None:
    live = Live(lambda text: "y")
    assert live.status == 0
    assert live.printed == f"Skipped: set {', '.join(ACCOUNT)} to run it against an account.\n"


def test_all_steps_of_live_pass(tmp_path: Path) -> None:
    with served(tmp_path) as sandbox:
        live = Live(Person(sandbox), **ACCOUNT, TWILIO_2FA_BASE_URL=sandbox)
        told = requests_of(sandbox)
    assert live.status == 0, live.printed
    steps = ("service", "lookup", "sms", "call", "whatsapp", "email", "totp")
    assert {step: live.outcome(step) for step in steps} == dict.fromkeys(steps, "ok"), live.printed
    assert live.printed.count("This costs money") == len(steps) - 1
    # The authenticator is deleted afterwards.
    assert any(r.startswith("DELETE ") and "/Factors/" in r for r in told), told


def test_live_sends_nothing_without_a_yes(tmp_path: Path) -> None:
    with served(tmp_path) as sandbox:
        live = Live(lambda text: "", **ACCOUNT, TWILIO_2FA_BASE_URL=sandbox)
        with urlopen(f"{sandbox}/sandbox/messages.json") as answer:
            assert json.load(answer) == []
        told = requests_of(sandbox)
    assert live.status == 0, live.printed
    assert live.printed.count("skipped ") == 6
    # Only the service was requested.
    assert told == [f"GET /v2/Services/{ACCOUNT['TWILIO_2FA_SERVICE_ID']}"]


def test_live_reports_a_step_that_failed(tmp_path: Path) -> None:
    with served(tmp_path) as sandbox:
        live = Live(Person(sandbox, wrong=ADDRESS), **ACCOUNT, TWILIO_2FA_BASE_URL=sandbox)
    assert live.status == 1
    assert live.outcome("email") == "FAILED", live.printed
    assert live.outcome("totp") == "ok", live.printed


@pytest.mark.parametrize("fault", ["20003", "20404"])
def test_live_stops_if_the_account_is_not_usable(tmp_path: Path, fault: str) -> None:
    with served(tmp_path, "--fault", fault) as sandbox:
        live = Live(lambda text: "y", **ACCOUNT, TWILIO_2FA_BASE_URL=sandbox)
    assert live.status == 1
    assert live.outcome("service") == "FAILED", live.printed
    assert "This costs money" not in live.printed


def test_make_live_runs_the_script() -> None:
    told = subprocess.run(["make", "-n", "live"], cwd=ROOT, capture_output=True, text=True, env=os.environ)
    assert "test_app/live.py" in told.stdout
