"""Processes that are killed during a send or a check: counts hold, and the user can continue."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import time
from multiprocessing import forkserver
from pathlib import Path
from random import Random
from typing import Any

import pytest

from .. import crashing
from ..helpers import wait_until, wrong_code
from ..loopback_twilio import LoopbackTwilio
from ..people import PHONE

ROUNDS = int(os.environ.get("TWILIO_2FA_ROUNDS", "2"))

pytestmark = pytest.mark.slow


class Site:
    """A site with its own database. Each process runs one action of the verifier."""

    def __init__(self, processes: Any, database: Path, twilio: LoopbackTwilio | None = None) -> None:
        self.processes = processes
        self.database = database
        self.twilio: Any = twilio

    def start(self, *args: str) -> Action:
        return Action(self.processes, str(self.database), self.twilio.address if self.twilio else "", *args)

    def does(self, *args: str) -> dict[str, Any]:
        return self.start(*args).ends()

    def is_killed_while_twilio_answers(self, *args: str) -> None:
        before = len(self.twilio.requests)
        action = self.start(*args)

        def is_asked() -> bool:
            assert action.is_running(), action.ends()
            return len(self.twilio.requests) > before

        wait_until(is_asked, 30)
        assert action.is_killed() == -signal.SIGKILL


class Action:
    """A process that runs one action with `crashing.main`."""

    def __init__(self, processes: Any, *args: str) -> None:
        self.answer, theirs = processes.Pipe(duplex=False)
        self.process = processes.Process(target=crashing.main, args=(theirs, *args))
        self.process.start()
        theirs.close()

    def is_running(self) -> bool:
        return bool(self.process.is_alive())

    def is_killed(self) -> int | None:
        """Kill the process, if it has not ended yet. Return its exit code."""
        self.process.kill()
        return self._is_over()

    def _is_over(self) -> int | None:
        self.process.join(60)
        status: int | None = self.process.exitcode
        self.process.close()
        self.answer.close()
        return status

    def ends(self) -> dict[str, Any]:
        """Wait for the process. Return its answer."""
        assert self.answer.poll(60)
        told = self.answer.recv()
        assert self._is_over() == 0, told
        found: dict[str, Any] = told
        return found


@pytest.fixture(scope="module")
def processes() -> Any:
    """Return a context that starts processes, forked from a process in which Django is set up."""
    started = multiprocessing.get_context("forkserver")
    started.set_forkserver_preload(["tests.forked"])
    with pytest.MonkeyPatch.context() as patch:
        # Before 3.12.4 Python does not pass `sys.path` to that process, and reports no error.
        patch.setenv("PYTHONPATH", str(Path(__file__).resolve().parents[2]))
        forkserver.ensure_running()
    return started


@pytest.fixture(scope="module")
def migrated(processes: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a database with all tables and one user, to be copied."""
    database: Path = tmp_path_factory.mktemp("migrated") / "site.sqlite3"
    Site(processes, database).does("set-up")
    return database


@pytest.fixture
def site(processes: Any, migrated: Path, tmp_path: Path, served_twilio: LoopbackTwilio) -> Site:
    served_twilio.is_new()
    return Site(processes, Path(shutil.copy(migrated, tmp_path)), served_twilio)


def test_a_process_killed_in_a_send_keeps_the_cooldown(site: Site) -> None:
    site.twilio.does("hang", on="Verifications", seconds=20)
    site.is_killed_while_twilio_answers("send")
    # The reserved send stays counted: the cooldown holds, and the code that arrived is valid.
    told = site.does("send")
    assert told["error"] == "resend_cooldown"
    assert (told["status"], told["sends"]) == ("pending", 1)
    assert site.twilio.sends() == len(site.twilio.delivered(PHONE)) == 1
    told = site.does("check", site.twilio.delivered(PHONE)[0])
    assert (told["error"], told["status"], told["attempts"]) == ("", "approved", 1)


def test_a_process_killed_in_a_check_loses_no_approval(site: Site) -> None:
    site.does("send")
    code = site.twilio.delivered(PHONE)[0]
    site.twilio.does("hang", on="VerificationCheck", seconds=20)
    site.is_killed_while_twilio_answers("check", code)
    # The lease holds until no answer can come. A check during the lease does not count as an attempt.
    told = site.does("check", code)
    assert (told["error"], told["status"], told["attempts"]) == ("check_in_progress", "pending", 1)
    told = site.does("check-after-lease", code)
    # Twilio approved it, but the answer is lost. The user is asked to request a new code. The attempts stay
    # counted.
    assert (told["error"], told["status"], told["attempts"]) == ("verification_expired", "expired", 2)
    assert site.twilio.checks() == 2
    told = site.does("send")
    assert (told["error"], told["status"]) == ("", "pending")
    assert site.does("check", site.twilio.delivered(PHONE)[0])["status"] == "approved"


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_processes_killed_at_any_moment_keep_the_counts(site: Site, seed: int) -> None:
    random = Random(seed)
    site.twilio.does("delay", times=0, seconds=0.05)
    sends = checks = 0
    for _ in range(8):
        action = random.choice(["send", "check-after-lease"])
        args = [action] if action == "send" else [action, "000001"]
        process = site.start(*args)
        if random.random() < 0.8:
            time.sleep(random.uniform(0, 0.3))
            process.is_killed()
        else:
            process.ends()
        sends += action == "send"
        checks += action != "send"
    # Twilio never gets more requests than were reserved, and at most one send for each verification.
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
        # The process was killed before it asked Twilio. The user can send again after the cooldown.
        assert site.does("send-after-cooldown")["error"] == ""
        codes = site.twilio.delivered(PHONE)
    assert site.does("check-after-lease", codes[0])["status"] == "approved"


def test_a_process_killed_in_a_wrong_check_gives_no_free_try(site: Site) -> None:
    site.does("send")
    code = site.twilio.delivered(PHONE)[0]
    wrong = wrong_code(code)
    for n in range(1, 6):
        site.twilio.does("hang", on="VerificationCheck", seconds=20)
        site.is_killed_while_twilio_answers("check-after-lease", wrong)
        assert site.does("state")["attempts"] == n
    told = site.does("check-after-lease", code)
    assert told["error"] == "max_attempts_reached"
    assert site.twilio.checks() == 5
