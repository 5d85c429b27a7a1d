"""The sandbox as a command that needs no Django project."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client

from ..helpers import held_port, wait_until
from .standalone import COMMAND, environment, served

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "sandbox.md").read_text()
ACCOUNT = "AC" + "1" * 32
SERVICE = "VA" + "2" * 32
TO = "+12025550143"

pytestmark = pytest.mark.served


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("empty")


@pytest.fixture(scope="module")
def address(folder: Path) -> Iterator[str]:
    with served(folder) as found:
        yield found


@pytest.fixture(autouse=True)
def nothing_delivered(address: str) -> None:
    requests.delete(f"{address}/sandbox/messages", timeout=5)
    requests.delete(f"{address}/sandbox/faults", timeout=5)


def service(address: str, account: str = ACCOUNT, token: str = "any") -> Any:
    client = Client(account, token)
    client.verify.base_url = address
    return client.verify.v2.services(SERVICE)


def messages(address: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = requests.get(f"{address}/sandbox/messages.json", timeout=5).json()
    return found


def block(language: str) -> str:
    """Return the code block in a language below the heading `Without Django` of the page."""
    section = PAGE.partition("\n## Without Django")[2].partition("\n## ")[0]
    found = re.search(rf"^```{language}\n(.*?)^```", section, re.S | re.M)
    assert found
    return found[1]


def run(command: list[str], code: str, address: str, folder: Path, **extra: str) -> str:
    done = subprocess.run(
        [*command, code.replace("http://127.0.0.1:8010", address)],
        cwd=folder,
        env={**environment(), **extra},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


class TestThePageInTheDocs:
    def test_the_python_example_is_approved(self, address: str, folder: Path) -> None:
        code = block("python")
        assert run([sys.executable, "-c"], code, address, folder) == "approved\n"

    @pytest.mark.skipif(not shutil.which("curl"), reason="needs curl")
    def test_the_curl_example_is_approved(self, address: str, folder: Path) -> None:
        said = run(["sh", "-ec"], block("sh"), address, folder)
        assert '"status": "pending"' in said
        assert '"status": "approved"' in said.splitlines()[-1].rpartition("}{")[2]

    @pytest.mark.node
    def test_the_node_example_is_approved(self, address: str, folder: Path) -> None:
        from .node import modules

        code = block("js")
        assert run(["node", "-e"], code, address, folder, NODE_PATH=str(modules())) == "approved\n"

    def test_the_page_names_every_option(self) -> None:
        section = PAGE.partition("\n## Without Django")[2].partition("\n## ")[0]
        done = subprocess.run(
            [*COMMAND, "--help"], env=environment(), capture_output=True, text=True, timeout=60
        )
        options = set(re.findall(r"^  (--[\w-]+)", done.stdout, re.M))
        assert len(options) > 5
        assert {o for o in options if f"`{o}`" not in section} == set()


class TestServed:
    def test_the_sandbox_writes_nothing_to_the_folder(self, address: str, folder: Path) -> None:
        service(address).verifications.create(to=TO, channel="sms")
        assert list(folder.iterdir()) == []

    def test_the_handset_shows_the_code(self, address: str) -> None:
        service(address).verifications.create(to=TO, channel="sms")
        page = requests.get(f"{address}/", timeout=5)
        assert page.url == f"{address}/sandbox/"
        assert messages(address)[0]["code"] in page.text
        for path in re.findall(r'(?:href|src)="(/[^"]+)"', page.text):
            assert requests.get(address + path, timeout=5).status_code == 200, path
        other = requests.get(f"{address}/sandbox/", {"to": "+12025550147", "fragment": "1"}, timeout=5)
        assert TO not in other.text
        assert "<html" not in other.text

    def test_names_from_an_application_are_escaped(self, address: str) -> None:
        service(address).verifications.create(to=TO, channel="sms", custom_friendly_name="<b>")
        assert "<b>" not in requests.get(f"{address}/sandbox/", timeout=5).text

    def test_a_moved_clock_ends_a_code(self, address: str) -> None:
        service(address).verifications.create(to=TO, channel="sms")
        code = messages(address)[0]["code"]
        assert requests.post(f"{address}/sandbox/clock", {"seconds": 601}, timeout=5).status_code == 200
        with pytest.raises(TwilioRestException) as caught:
            service(address).verification_checks.create(to=TO, code=code)
        assert caught.value.code == 20404
        assert requests.get(f"{address}/sandbox/clock", timeout=5).json()["ahead"] >= 601

    @pytest.mark.parametrize(
        "form", [{}, {"seconds": "soon"}, {"seconds": -1}, {"seconds": "nan"}, {"seconds": 1e99}]
    )
    def test_the_clock_refuses_invalid_seconds(self, address: str, form: dict[str, Any]) -> None:
        answer = requests.post(f"{address}/sandbox/clock", form, timeout=5)
        assert (answer.status_code, list(answer.json())) == (400, ["error"])

    def test_a_fault_is_injected_on_request(self, address: str) -> None:
        assert "60410" in requests.get(f"{address}/sandbox/faults", timeout=5).json()
        requests.post(f"{address}/sandbox/faults", {"fault": "60410"}, timeout=5)
        with pytest.raises(TwilioRestException) as caught:
            service(address).verifications.create(to=TO, channel="sms")
        assert caught.value.code == 60410

    def test_magic_numbers_are_listed_and_work(self, address: str) -> None:
        magic = {m["to"]: m for m in requests.get(f"{address}/sandbox/magic", timeout=5).json()}
        with pytest.raises(TwilioRestException) as caught:
            service(address).verifications.create(to="+12025550169", channel="sms")
        assert caught.value.code == magic["+12025550169"]["code"] == 60410

    def test_addresses_of_pages_lead_to_the_sandbox(self, address: str) -> None:
        names = ["one", "two", "three"]
        limits = service(address).rate_limits
        for name in names:
            limits.create(unique_name=name)
        assert [limit.unique_name for limit in limits.list(page_size=1)] == names
        assert limits.list()[0].url.startswith(f"{address}/v2/Services/")

    def test_a_phone_opens_the_address_of_a_silent_authentication(self, address: str) -> None:
        sent = service(address).verifications.create(to=TO, channel="sna")
        assert sent.sna["url"].startswith(f"{address}/sandbox/sna/")
        assert requests.get(sent.sna["url"], timeout=5).text.startswith("ErrorCode=0&")
        assert requests.get(f"{address}/sandbox/sna/x", timeout=5).status_code == 404
        assert service(address).verification_checks.create(to=TO).status == "approved"

    @pytest.mark.parametrize("host", ["evil.example/x", "", "a b"])
    def test_an_invalid_host_header_is_not_repeated(self, address: str, host: str) -> None:
        url = f"{address}/v2/Services/{SERVICE}"
        found = requests.get(url, headers={"Host": host}, auth=(ACCOUNT, "any"), timeout=5).json()
        assert found["url"] == url

    def test_webhooks_are_delivered_and_listed(self, address: str) -> None:
        service(address).webhooks.create(
            friendly_name="x", event_types=["factor.created"], webhook_url=f"{address}/sandbox/hook"
        )
        entity = service(address).entities("ann-12345678")
        entity.new_factors.create(friendly_name="Ann", factor_type="totp")

        def delivered() -> list[dict[str, Any]]:
            found: list[dict[str, Any]] = requests.get(f"{address}/sandbox/webhooks", timeout=5).json()
            return found

        wait_until(lambda: bool(delivered()), 10)
        assert (delivered()[0]["parameters"]["type"], delivered()[0]["status"]) == ("factor.created", 404)

    @pytest.mark.parametrize(
        ("data", "headers"),
        [
            (b"\xff\xfe=\xff&To=%FF%00", {}),
            (b'{"identity": ', {"Content-Type": "application/json"}),
            (
                b'{"identity": "ann-12345678", "friendly_name": "\\ud800", "config": {"relying_party": '
                b'{"id": "x", "origins": ["x"]}}}',
                {"Content-Type": "application/json"},
            ),
            (b"[1]", {"Content-Type": "application/json"}),
            (b"To=1&To=2&Channel=sms&Channel=call", {}),
        ],
    )
    @pytest.mark.parametrize(
        "path",
        [
            "/v2/Services/VA/Verifications",
            f"/v2/Services/{SERVICE}/Verifications",
            f"/v2/Services/{SERVICE}/Passkeys/Factors",
            "/x",
        ],
    )
    def test_bad_input_is_an_error_of_the_client(
        self, address: str, path: str, data: bytes, headers: dict[str, str]
    ) -> None:
        answer = requests.post(address + path, data, headers=headers, auth=(ACCOUNT, "any"), timeout=5)
        assert answer.status_code in (400, 404)
        assert answer.json()["code"] in (20404, 60200)

    def test_a_body_without_end_is_refused(self, address: str) -> None:
        host, _, port = address.removeprefix("http://").partition(":")
        with socket.create_connection((host, int(port)), 5) as connection:
            connection.sendall(b"POST /v2/x HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n")
            assert b" 413 " in connection.recv(1000)


class TestOptions:
    def test_settings_of_a_django_project_do_not_matter(self, tmp_path: Path) -> None:
        with served(tmp_path, DJANGO_SETTINGS_MODULE="nowhere.settings") as address:
            assert service(address).fetch().sid == SERVICE

    def test_other_accounts_are_refused_if_one_is_named(self, tmp_path: Path) -> None:
        with served(tmp_path, "--account-sid", ACCOUNT, "--auth-token", "right") as address:
            assert service(address, token="right").fetch().sid == SERVICE
            for account, token in ((ACCOUNT, "wrong"), ("AC" + "3" * 32, "right")):
                with pytest.raises(TwilioRestException) as caught:
                    service(address, account, token).fetch()
                assert caught.value.status == 401

    def test_the_handset_shows_the_time_of_the_machine(self, tmp_path: Path) -> None:
        with served(tmp_path, TZ="Asia/Kathmandu") as address:
            service(address).verifications.create(to=TO, channel="sms")
            assert re.search(r'datetime="[^"]+\+05:45"', requests.get(address, timeout=5).text)

    def test_a_database_file_keeps_the_state(self, tmp_path: Path) -> None:
        for sends in (1, 2):
            with served(tmp_path, "--database", "kept.sqlite3", "--code-length", "4") as address:
                service(address).verifications.create(to=TO, channel="sms")
                assert [len(m["code"]) for m in messages(address)] == [4] * sends

    @pytest.mark.parametrize(
        ("options", "complaint"),
        [
            (["--account-sid", ACCOUNT], "Give both"),
            (["--fault", "flood"], "There is no fault flood"),
            (["--code-length", "11"], "a number from 4 to 10"),
            (["--port", "99999"], "A port is a number"),
        ],
    )
    def test_wrong_options_are_explained(self, tmp_path: Path, options: list[str], complaint: str) -> None:
        done = self.refused(tmp_path, "--port", "0", *options)
        assert complaint in done.stderr
        assert "Traceback" not in done.stderr

    def test_a_port_that_is_taken_is_explained(self, tmp_path: Path) -> None:
        with held_port(listening=True) as port:
            assert f"Port {port} cannot be used" in self.refused(tmp_path, "--port", str(port)).stderr

    def refused(self, folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [*COMMAND, *options], cwd=folder, env=environment(), capture_output=True, text=True, timeout=60
        )
        assert done.returncode != 0
        return done
