"""A process that is killed between reserving and recording, for real: the user goes on, nothing twice."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from .loopback_twilio import LoopbackTwilio
from .people import PHONE

ROUNDS = int(os.environ.get("TWILIO_2FA_ROUNDS", "2"))
DATABASE = "site.sqlite3"
ROOT = Path(__file__).resolve().parents[1]


class Site:
    """A site of its own: processes that run one action of the verifier's each, on one database."""

    def __init__(self, folder: Path, address: str, twilio: Any = None) -> None:
        self.twilio = twilio
        self.env = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "demo.settings_test",
            "DATABASE_URL": f"sqlite:///{folder / DATABASE}",
            "SITE_TWILIO": address,
            "PYTHONPATH": str(ROOT),
        }

    def start(self, *args: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "tests.crashing", *args]
        return subprocess.Popen(
            command, env=self.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def does(self, *args: str) -> dict[str, Any]:
        process = self.start(*args)
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        found: dict[str, Any] = json.loads(out)
        return found

    def is_killed_while_twilio_answers(self, *args: str) -> None:
        before = len(self.twilio.requests)
        process = self.start(*args)
        until = time.monotonic() + 30
        while len(self.twilio.requests) == before:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < until
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert process.returncode == -signal.SIGKILL


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a database with all tables and one user, to be copied."""
    folder = tmp_path_factory.mktemp("migrated")
    Site(folder, "").does("set-up")
    return folder / DATABASE


@pytest.fixture
def site(migrated: Path, tmp_path: Path) -> Iterator[Site]:
    shutil.copy(migrated, tmp_path / DATABASE)
    twilio = LoopbackTwilio(tmp_path)
    yield Site(tmp_path, twilio.address, twilio)
    twilio.stop()


def test_killed_in_a_send(site: Site) -> None:
    site.twilio.does("hang", on="Verifications", seconds=20)
    site.is_killed_while_twilio_answers("send")
    # What was reserved is there: nothing is sent again before its time, and the code that came is good.
    told = site.does("send")
    assert told["error"] == "resend_cooldown"
    assert (told["status"], told["sends"]) == ("pending", 1)
    assert site.twilio.sends() == len(site.twilio.delivered(PHONE)) == 1
    told = site.does("check", site.twilio.delivered(PHONE)[0])
    assert (told["error"], told["status"], told["attempts"]) == ("", "approved", 1)


def test_killed_in_a_check(site: Site) -> None:
    site.does("send")
    code = site.twilio.delivered(PHONE)[0]
    site.twilio.does("hang", on="VerificationCheck", seconds=20)
    site.is_killed_while_twilio_answers("check", code)
    # The lease holds until the answer cannot come any more; meanwhile nothing is spent.
    told = site.does("check", code)
    assert (told["error"], told["status"], told["attempts"]) == ("check_in_progress", "pending", 1)
    told = site.does("check-after-lease", code)
    # Twilio approved it and nobody heard: that is said, and a new code leads on. No try came back.
    assert (told["error"], told["status"], told["attempts"]) == ("verification_expired", "expired", 2)
    assert site.twilio.checks() == 2
    told = site.does("send")
    assert (told["error"], told["status"]) == ("", "pending")
    assert site.does("check", site.twilio.delivered(PHONE)[0])["status"] == "approved"


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_killed_at_any_moment(site: Site, seed: int) -> None:
    """Sends and checks, each killed after a random time or not at all: the counts hold, and it goes on."""
    random = Random(seed)
    site.twilio.does("delay", times=0, seconds=0.05)
    sends = checks = 0
    for _ in range(8):
        action = random.choice(["send", "check-after-lease"])
        args = [action] if action == "send" else [action, "000001"]
        process = site.start(*args)
        if random.random() < 0.8:
            time.sleep(random.uniform(0.05, 0.9))
            process.send_signal(signal.SIGKILL)
        process.communicate(timeout=60)
        sends += action == "send"
        checks += action != "send"
    # Never more at Twilio than was reserved here; and of each verification, within its cooldown, one message.
    told = site.does("state")
    asked = [r["path"].rpartition("/")[2] for r in site.twilio.requests]
    assert asked.count("Verifications") <= told.get("all_sends", 0) <= min(sends, told.get("rows", 0))
    assert asked.count("VerificationCheck") <= told.get("all_attempts", 0) <= checks
    assert told.get("attempts", 0) <= 5
    site.twilio.is_well()
    if told and (told["status"] == "failed" or told["attempts"] >= 5):
        assert site.does("send")["error"] in ("max_attempts_reached", "resend_cooldown")
        return
    if not told or not told["sends"]:
        assert site.does("send")["error"] == ""
    codes = site.twilio.delivered(PHONE)
    if not codes:
        # Reserved, and killed before Twilio was asked: a cooldown, and then it goes on.
        assert site.does("send-after-cooldown")["error"] == ""
        codes = site.twilio.delivered(PHONE)
    assert site.does("check-after-lease", codes[0])["status"] == "approved"


def test_killed_in_a_wrong_check_gives_no_free_try(site: Site) -> None:
    site.does("send")
    code = site.twilio.delivered(PHONE)[0]
    wrong = "000000" if code != "000000" else "111111"
    for n in range(1, 6):
        site.twilio.does("hang", on="VerificationCheck", seconds=20)
        site.is_killed_while_twilio_answers("check-after-lease", wrong)
        assert site.does("state")["attempts"] == n
    told = site.does("check-after-lease", code)
    assert told["error"] == "max_attempts_reached"
    assert site.twilio.checks() == 5
