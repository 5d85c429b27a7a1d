"""Twilio's own libraries against the sandbox, through a proxy that validates each request and response."""

from __future__ import annotations

import copy
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from .. import openapi
from ..helpers import free_port, wait_until
from .node import modules
from .standalone import environment, served

pytestmark = [
    pytest.mark.node,
    pytest.mark.skipif(not openapi.HERE, reason="Twilio's OpenAPI files are not beside the checkout"),
]

VERIFY = openapi.FILES[0]
TO = "+12025550143"
WALK = Path(__file__).with_name("walk.cjs")


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    modules()
    with served(tmp_path_factory.mktemp("empty")) as address:
        yield address


def description(folder: Path) -> Path:
    """Write Twilio's description with an explicit encoding of arrays in forms. Return its path.

    Without it, Prism takes arrays for strings: https://github.com/stoplightio/prism/issues/2473.
    """
    found = copy.deepcopy(openapi.load(VERIFY))
    for item in found["paths"].values():
        forms = item.get("post", {}).get("requestBody", {}).get("content", {})
        if form := forms.get("application/x-www-form-urlencoded"):
            arrays = [n for n, s in form["schema"]["properties"].items() if s.get("type") == "array"]
            form["encoding"] = {name: {"style": "form", "explode": True} for name in arrays}
    path = folder / "verify.json"
    path.write_text(json.dumps(found, default=str))
    return path


@pytest.fixture(scope="module")
def proxy(sandbox: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    port = free_port()
    prism = modules() / ".bin" / "prism"
    described = description(tmp_path_factory.mktemp("described"))
    process = subprocess.Popen(
        [prism, "proxy", described, sandbox, "--port", str(port), "--verboseLevel", "silent"],
        env=environment(),
    )

    def answers() -> bool:
        assert process.poll() is None
        try:
            requests.get(f"http://127.0.0.1:{port}/v2/Templates", timeout=5)
        except requests.ConnectionError:
            return False
        return True

    try:
        wait_until(answers)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


def test_the_proxy_reports_wrong_requests_and_responses(proxy: str, sandbox: str) -> None:
    url = f"{proxy}/v2/Services/VA{'2' * 32}/Verifications"
    answer = requests.post(url, {"Channel": "sms"}, auth=("AC" + "1" * 32, "any"), timeout=10)
    assert "To" in answer.headers["sl-violations"]
    requests.post(f"{sandbox}/sandbox/faults", {"fault": "html-200"}, timeout=5)
    url = f"{proxy}/v2/Services/VA{'2' * 32}"
    answer = requests.get(url, auth=("AC" + "1" * 32, "any"), timeout=10)
    assert "response" in answer.headers["sl-violations"]


def test_twilios_node_library_passes_the_proxy(proxy: str, sandbox: str) -> None:
    done = subprocess.run(
        ["node", WALK, proxy, sandbox],
        env={**environment(), "NODE_PATH": str(modules())},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    seen: list[dict[str, Any]] = json.loads(done.stdout)
    wrong = [s for s in seen if s["status"] >= 400 or s["violations"]]
    assert not wrong, wrong
    assert {s["origin"] for s in seen} == {proxy}
    walked = {_operation(s["method"], s["path"]) for s in seen}
    described = {
        f"{method.upper()} {path}"
        for path, item in openapi.load(VERIFY)["paths"].items()
        for method in ("get", "post", "put", "delete")
        if method in item
    }
    assert described - walked == set()


def use_everything(verify: Any, sandbox: str) -> None:
    """Use each resource once through Twilio's Python library."""
    service = verify.services(verify.services.create(friendly_name="Owl Bank").sid)
    service.update(code_length=8)
    limit = service.rate_limits(service.rate_limits.create(unique_name="address").sid)
    limit.buckets.create(max=5, interval=60)
    sent = service.verifications.create(to=TO, channel="sms", rate_limits={"address": "192.0.2.1"})
    service.verifications(sent.sid).fetch()
    message, *_others = requests.get(f"{sandbox}/sandbox/messages.json", {"to": TO}, timeout=10).json()
    assert service.verification_checks.create(to=TO, code=message["code"]).status == "approved"
    silent = service.verifications.create(to="+12025550144", channel="auto")
    requests.get(silent.sna["url"], timeout=10)
    assert service.verification_checks.create(to="+12025550144").status == "approved"
    service.webhooks.create(friendly_name="x", event_types=["factor.deleted", "*"], webhook_url=sandbox)
    service.messaging_configurations.create(country="CA", messaging_service_sid="MG" + "1" * 32)
    service.access_tokens.create(identity="ann-12345678", factor_type="push")
    entity = service.entities("ann-12345678")
    factor = entity.new_factors.create(friendly_name="Ann", factor_type="totp")
    entity.factors(factor.sid).update(friendly_name="Phone")
    entity.delete()
    assert len(verify.verification_attempts.list(page_size=1, verify_service_sid=sent.service_sid)) == 1
    assert verify.verification_attempts_summary().fetch().total_converted > 0
    verify.safelist.create(phone_number=TO)
    assert verify.templates.list()
    verify.forms("form-push").fetch()
    for listed in (service.rate_limits, limit.buckets, service.webhooks, service.entities, verify.services):
        listed.list()
    service.delete()


def test_twilios_python_library_passes_the_proxy(proxy: str, sandbox: str) -> None:
    answers: list[requests.Response] = []
    http = TwilioHttpClient()
    http.session.hooks["response"].append(lambda answer, **_: answers.append(answer))
    client = Client("AC" + "1" * 32, "any", http_client=http)
    client.verify.base_url = proxy
    use_everything(client.verify.v2, sandbox)
    assert len(answers) > 20
    assert [a.headers["sl-violations"] for a in answers if "sl-violations" in a.headers] == []


def _operation(method: str, path: str) -> str:
    _file, template, _described = openapi.operation(method, re.sub("%2B", "+", path))
    return f"{method} {template}"
