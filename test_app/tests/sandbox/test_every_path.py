"""Every operation of Twilio's OpenAPI description of Verify is answered as described."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from django_twilio_2fa.sandbox import authenticators, messages
from django_twilio_2fa.sandbox.http import sandbox_request

from .. import openapi
from .asking import IDENTITY, SERVICE, TO, created, delete, get, post
from .passkey_device import PasskeyDevice
from .push_device import PushDevice

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(not openapi.HERE, reason="Twilio's OpenAPI files are not beside the checkout"),
]

VERIFY = "twilio_verify_v2.yaml"
ENTITY = f"{SERVICE}/Entities/{IDENTITY}"
RELYING_PARTY = {"id": "example.com", "name": "Example", "origins": ["https://example.com"]}


def operations() -> set[str]:
    return {
        f"{method.upper()} {path}"
        for path, item in openapi.load(VERIFY)["paths"].items()
        for method in ("get", "post", "put", "delete")
        if method in item
    }


@pytest.fixture
def answered() -> Iterator[set[str]]:
    """Return the operations that succeeded. `conftest` compares their answers with the schemas."""
    found: set[str] = set()

    def note(**told: Any) -> None:
        if told["status"] < 300:
            _file, template, _described = openapi.operation(told["method"], told["path"])
            found.add(f"{told['method']} {template}")

    sandbox_request.connect(note)
    yield found
    sandbox_request.disconnect(note)


def crud(path: str, create: dict[str, Any], update: dict[str, Any] | None, name: str = "sid") -> str:
    """Create, list, fetch, update and delete a resource. Create another, and return its path."""
    one = f"{path}/{created(path, create)[name]}"
    get(path)
    get(one)
    if update is not None:
        post(one, update)
    delete(one)
    return f"{path}/{created(path, create)[name]}"


def services_and_what_they_hold() -> None:
    crud("/v2/Services", {"FriendlyName": "Owl Bank"}, {"CodeLength": "8"})
    buckets = crud(f"{SERVICE}/RateLimits", {"UniqueName": "address"}, {"Description": "By IP"}) + "/Buckets"
    crud(buckets, {"Max": "5", "Interval": "60"}, {"Max": "6"})
    messaging = {"Country": "CA", "MessagingServiceSid": "MG" + "1" * 32}
    other = {"MessagingServiceSid": "MG" + "2" * 32}
    crud(f"{SERVICE}/MessagingConfigurations", messaging, other, "country")
    webhook = {"FriendlyName": "x", "EventTypes": ["*"], "WebhookUrl": "http://127.0.0.1:9/"}
    crud(f"{SERVICE}/Webhooks", webhook, {"Status": "disabled"})
    crud(f"{SERVICE}/Entities", {"Identity": IDENTITY}, None, "identity")
    token = created(f"{SERVICE}/AccessTokens", {"Identity": IDENTITY, "FactorType": "push"})
    get(f"{SERVICE}/AccessTokens/{token['sid']}")


def verifications() -> None:
    send = {"To": TO, "Channel": "sms"}
    one = f"{SERVICE}/Verifications/" + created(f"{SERVICE}/Verifications", send)["sid"]
    get(one)
    post(one, {"Status": "canceled"})
    created(f"{SERVICE}/Verifications", send)
    created(f"{SERVICE}/VerificationCheck", {"To": TO, "Code": messages.last_code(TO)})
    attempts = get("/v2/Attempts")["attempts"]
    assert len(attempts) == 2
    get(f"/v2/Attempts/{attempts[0]['sid']}")
    get("/v2/Attempts/Summary")
    created("/v2/SafeList/Numbers", {"PhoneNumber": TO})
    get(f"/v2/SafeList/Numbers/{TO}")
    delete(f"/v2/SafeList/Numbers/{TO}")
    get("/v2/Templates")
    get("/v2/Forms/form-push")


def factors() -> None:
    device = PushDevice()
    push = created(f"{ENTITY}/Factors", device.parameters)
    path = f"{ENTITY}/Factors/{push['sid']}"
    post(path, {"AuthPayload": device.signs(push["sid"])})
    get(path)
    get(f"{ENTITY}/Factors")
    asked = created(f"{ENTITY}/Challenges", {"FactorSid": push["sid"], "Details.Message": "Sign in?"})
    challenge = f"{ENTITY}/Challenges/{asked['sid']}"
    fetched = get(challenge)
    created(f"{challenge}/Notifications", {"Ttl": "60"})
    fields = fetched.headers["Twilio-Verify-Signature-Fields"]
    post(challenge, {"AuthPayload": device.answers(fetched.body, fields, "approved")})
    get(f"{ENTITY}/Challenges")
    delete(path)
    totp = created(f"{ENTITY}/Factors", {"FactorType": "totp", "FriendlyName": "Ann"})
    code = authenticators.current_code(totp["binding"]["secret"])
    post(f"{ENTITY}/Factors/{totp['sid']}", {"AuthPayload": code})
    created(f"{ENTITY}/Challenges", {"FactorSid": totp["sid"]})


def passkeys() -> None:
    device = PasskeyDevice()
    asked = {"identity": IDENTITY, "friendly_name": "Ann", "config": {"relying_party": RELYING_PARTY}}
    factor = created(f"{SERVICE}/Passkeys/Factors", asked)
    post(f"{SERVICE}/Passkeys/VerifyFactor", device.creates(factor["options"]))
    challenge = created(f"{SERVICE}/Passkeys/Challenges", {"identity": IDENTITY})
    post(f"{SERVICE}/Passkeys/ApproveChallenge", device.gets(challenge["options"]))


def test_every_operation_of_verify_is_answered(answered: set[str]) -> None:
    services_and_what_they_hold()
    verifications()
    factors()
    passkeys()
    assert operations() - answered == set()
    assert len(answered) > 50


def test_items_of_lists_have_the_keys_of_the_examples() -> None:
    services_and_what_they_hold()
    verifications()
    factors()
    for template, item in openapi.load(VERIFY)["paths"].items():
        listed = item.get("get", {}).get("responses", {}).get("200", {}).get("content", {})
        examples = [e["value"] for e in listed.get("application/json", {}).get("examples", {}).values()]
        keys = {k: set(e[k][0]) for e in examples if "meta" in e for k in [e["meta"]["key"]] if e[k]}
        for key, expected in keys.items():
            limit = get(f"{SERVICE}/RateLimits")["rate_limits"][0]["sid"]
            parts = {"ServiceSid": SERVICE.rpartition("/")[2], "Identity": IDENTITY, "RateLimitSid": limit}
            found = get(template.format(**parts))[key]
            assert found, template
            assert all(set(row) == expected for row in found), (template, set(found[0]) ^ expected)
