"""The commands of docs/api.md and the recipes work as written."""

from __future__ import annotations

import re
import shutil
import subprocess
import unittest
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.test import Client

from django_twilio_2fa.models import Device
from django_twilio_2fa.sandbox import messages

from .. import loops
from ..helpers import wrong_code
from ..people import PHONE, Person

DOCS = Path(__file__).resolve().parents[3] / "docs"
# The reader's curl, except that it prints no progress and fails if the answer is an error.
CURL = 'curl() { command curl --no-progress-meter --fail-with-body "$@"; }'


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", (DOCS / page).read_text(), re.S | re.M)


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
@pytest.mark.django_db(transaction=True)
def test_every_curl_line_works_as_written(live_server: Any, settings: Any) -> None:
    settings.TWILIO_2FA_ALLOWED_METHODS = [*settings.TWILIO_2FA_ALLOWED_METHODS, "totp"]
    call_command("demo_users")
    lines = "\n".join(blocks("api.md", "bash"))
    assert len(re.findall(r"\bcurl ", lines)) >= 12
    script = lines.replace("http://localhost:8000", live_server.url)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", f"{CURL}\n{script}"], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert '"verified":true' in done.stdout
    assert "The owl flies at midnight." in done.stdout
    assert Device.objects.filter(user__username="sam").count() == 1


@pytest.mark.django_db(transaction=True)
def test_the_example_test_of_the_passkeys_page_passes(settings: Any) -> None:
    settings.TWILIO_2FA_ALLOWED_METHODS = ["passkey"]
    [code] = [block for block in blocks("passkeys.md", "python") if "TestCase" in block]
    scope: dict[str, Any] = {"__name__": "tests_of_a_site"}
    exec(compile(code, "passkeys.md", "exec"), scope)
    result = unittest.TestResult()
    unittest.defaultTestLoader.loadTestsFromTestCase(scope["PasskeyTests"]).run(result)
    assert (result.testsRun, result.errors, result.failures) == (1, [], [])


class TestRecipes:
    def run(self, number: int) -> dict[str, Any]:
        scope: dict[str, Any] = {}
        exec(compile(blocks("recipes.md", "python")[number], "recipes.md", "exec"), scope)
        return scope

    def test_the_recipe_for_a_checkout_works(self, db: None, settings: Any, rf: Any) -> None:
        settings.TWILIO_2FA_ALLOW_USERLESS = True
        scope = self.run(0)
        request = rf.get("/")
        request.session = {}
        assert scope["confirm"](request, "123456")
        assert scope["ask"](request, "owl")
        assert scope["ask"](request, PHONE) == ""
        assert scope["confirm"](request, wrong_code(messages.last_code()))
        assert scope["confirm"](request, messages.last_code()) == ""

    def test_the_recipe_for_a_management_command_works(
        self, pat: Person, monkeypatch: Any, capsys: Any
    ) -> None:
        command = self.run(1)["Command"]()
        monkeypatch.setattr("builtins.input", lambda prompt: messages.last_code(PHONE))
        command.handle(username="pat")
        assert "It is them." in capsys.readouterr().out

    @pytest.mark.django_db(transaction=True)
    def test_the_recipe_for_an_async_view_works(self, rf: Any) -> None:
        from asgiref.sync import sync_to_async

        user = get_user_model().objects.create_user("ann")
        from django_twilio_2fa.testing import register_device

        register_device(user)
        transfer = self.run(2)["transfer"]

        client = Client()
        client.force_login(user)
        session = client.session

        async def asks(**values: str) -> int:
            request = rf.post("/", values)
            request.session = session
            return int((await transfer(request)).status_code)

        async def walk() -> None:
            # No code has been sent in this session yet.
            assert await asks(code="123456") == 404
            assert await asks() == 200
            code = await sync_to_async(messages.last_code)()
            assert await asks(code="1") == 400
            assert await asks(code=code) == 200
            assert await asks(code=code) == 404
            await sync_to_async(session.flush)()
            assert await asks() == 401

        loops.run(walk)
