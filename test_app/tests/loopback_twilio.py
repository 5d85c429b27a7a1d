"""The sandbox in a separate process on loopback, with a separate database. It replaces Twilio in tests."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import requests

MANAGE = Path(__file__).resolve().parents[1] / "manage.py"

# Faults that withhold the answer. The seconds that a test waits for an answer with such a fault, and without.
# On a busy machine, an answer can take longer than a test should wait for an answer that never comes.
SILENT = {"hang", "slow"}
SHORTLY, PATIENTLY = 0.5, 10.0


class LoopbackTwilio:
    """The process of `manage.py twilio_2fa_sandbox`, controlled over HTTP."""

    def __init__(self, folder: Path) -> None:
        env = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "demo.settings_test",
            "DATABASE_URL": f"sqlite:///{folder / 'twilio.sqlite3'}",
        }
        manage = [sys.executable, str(MANAGE)]
        subprocess.run(
            [*manage, "migrate", "twilio_2fa_sandbox", "--verbosity", "0"], env=env, check=True, timeout=120
        )
        command = [*manage, "twilio_2fa_sandbox", "--port", "0"]
        self.process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.address = self.process.stdout.readline().rpartition("= ")[2].strip().strip("'")
        assert self.address.startswith("http://127.0.0.1:"), self.address

    def wait_for_answers(self, seconds: float) -> None:
        """Set how long the test waits for an answer. The fixture `twilio_over_http` replaces this."""

    def stop(self) -> None:
        self.process.kill()
        self.process.communicate()

    def does(self, fault: str, **options: Any) -> None:
        """Make the next requests fail. Options: `on`, `times` (0 for all requests), `seconds`."""
        if fault in SILENT:
            self.wait_for_answers(SHORTLY)
        answer = requests.post(f"{self.address}/sandbox/faults", {"fault": fault, **options}, timeout=5)
        assert answer.status_code == 200, answer.text
        while fault == "refuse" and self._takes_connections():
            time.sleep(0.01)

    def _wait(self) -> None:
        """Wait until the process accepts connections."""
        while not self._takes_connections():
            time.sleep(0.01)

    def _takes_connections(self) -> bool:
        host, _, port = self.address.removeprefix("http://").partition(":")
        try:
            socket.create_connection((host, int(port)), 1).close()
        except OSError:
            return False
        return True

    def is_well(self) -> None:
        """Remove the fault and the list of requests."""
        self._wait()
        self.wait_for_answers(PATIENTLY)
        requests.delete(f"{self.address}/sandbox/faults", timeout=5)

    def is_new(self) -> None:
        """Remove the fault, the list of requests and the delivered messages."""
        self.is_well()
        requests.delete(f"{self.address}/sandbox/messages", timeout=5)

    @property
    def requests(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._status["requests"]
        return found

    @property
    def connections(self) -> int:
        return int(self._status["connections"])

    @property
    def _status(self) -> dict[str, Any]:
        self._wait()
        found: dict[str, Any] = requests.get(f"{self.address}/sandbox/status", timeout=5).json()
        return found

    def sends(self) -> int:
        """Return the number of requests to send a code."""
        return len([r for r in self.requests if r["path"].endswith("/Verifications")])

    def checks(self) -> int:
        return len([r for r in self.requests if r["path"].endswith("/VerificationCheck")])

    def delivered(self, to: str) -> list[str]:
        """Return the codes that were delivered to an address, newest first."""
        self._wait()
        url = f"{self.address}/sandbox/messages"
        return [m["code"] for m in requests.get(url, {"to": to}, timeout=5).json()["messages"]]
