"""Map the paths of Twilio's API to the functions that answer them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from .answers import Result
from .parameters import HEX
from .resources import (
    access_tokens,
    attempts,
    challenges,
    entities,
    factors,
    forms,
    lookups,
    messaging_configurations,
    passkeys,
    rate_limits,
    safelist,
    services,
    templates,
    verifications,
    webhooks,
)

PART = re.compile(r"\{(\w+)(?::(\w\w))?\}")


def _pattern_of(part: re.Match[str]) -> str:
    name, prefix = part.groups()
    return f"(?P<{name}>{prefix}{HEX})" if prefix else f"(?P<{name}>[^/]+)"


@dataclass(frozen=True)
class Route:
    """A method and path of the API with the function that answers them.

    In the path, `{name}` is a part without a slash, and `{name:XX}` a SID that begins with XX. `devices`:
    push devices may use the route, too. `signs`: the function gets the auth token of the request.
    """

    method: str
    path: str
    handler: Callable[..., Result]
    devices: bool = False
    signs: bool = False

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        return re.compile(PART.sub(_pattern_of, self.path))


SERVICE = "/v2/Services/{service:VA}"
ENTITY = f"{SERVICE}/Entities/{{identity}}"
FACTOR = f"{ENTITY}/Factors/{{sid:YF}}"
CHALLENGE = f"{ENTITY}/Challenges/{{sid:YC}}"
LIMIT = f"{SERVICE}/RateLimits/{{sid:RK}}"
BUCKETS = f"{SERVICE}/RateLimits/{{rate_limit:RK}}/Buckets"
BUCKET = f"{BUCKETS}/{{sid:BL}}"
WEBHOOK = f"{SERVICE}/Webhooks/{{sid:YW}}"
COUNTRY = f"{SERVICE}/MessagingConfigurations/{{country}}"
NUMBER = "/v2/SafeList/Numbers/{number}"

ROUTES = (
    Route("GET", "/v2/Services", services.list_services),
    Route("POST", "/v2/Services", services.create_service),
    Route("GET", SERVICE, services.fetch_service),
    Route("POST", SERVICE, services.update_service),
    Route("DELETE", SERVICE, services.delete_service),
    Route("POST", f"{SERVICE}/Verifications", verifications.start),
    Route("POST", f"{SERVICE}/VerificationCheck", verifications.check),
    Route("GET", f"{SERVICE}/Verifications/{{id}}", verifications.fetch),
    Route("POST", f"{SERVICE}/Verifications/{{id}}", verifications.update),
    Route("GET", f"{SERVICE}/Entities", entities.list_entities),
    Route("POST", f"{SERVICE}/Entities", entities.create_entity),
    Route("GET", ENTITY, entities.fetch_entity),
    Route("DELETE", ENTITY, entities.delete_entity),
    Route("GET", f"{ENTITY}/Factors", factors.list_factors),
    Route("POST", f"{ENTITY}/Factors", factors.create_factor, devices=True),
    Route("GET", FACTOR, factors.fetch_factor, devices=True),
    Route("POST", FACTOR, factors.update_factor, devices=True),
    Route("DELETE", FACTOR, factors.delete_factor, devices=True),
    Route("GET", f"{ENTITY}/Challenges", challenges.list_challenges, devices=True),
    Route("POST", f"{ENTITY}/Challenges", challenges.create_challenge),
    Route("GET", CHALLENGE, challenges.fetch_challenge, devices=True),
    Route("POST", CHALLENGE, challenges.update_challenge, devices=True),
    Route("POST", f"{CHALLENGE}/Notifications", challenges.create_notification),
    Route("POST", f"{SERVICE}/AccessTokens", access_tokens.create_token),
    Route("GET", f"{SERVICE}/AccessTokens/{{sid:YK}}", access_tokens.fetch_token),
    Route("GET", f"{SERVICE}/RateLimits", rate_limits.list_limits),
    Route("POST", f"{SERVICE}/RateLimits", rate_limits.create_limit),
    Route("GET", LIMIT, rate_limits.fetch_limit),
    Route("POST", LIMIT, rate_limits.update_limit),
    Route("DELETE", LIMIT, rate_limits.delete_limit),
    Route("GET", BUCKETS, rate_limits.list_buckets),
    Route("POST", BUCKETS, rate_limits.create_bucket),
    Route("GET", BUCKET, rate_limits.fetch_bucket),
    Route("POST", BUCKET, rate_limits.update_bucket),
    Route("DELETE", BUCKET, rate_limits.delete_bucket),
    Route("GET", f"{SERVICE}/Webhooks", webhooks.list_webhooks),
    Route("POST", f"{SERVICE}/Webhooks", webhooks.create_webhook, signs=True),
    Route("GET", WEBHOOK, webhooks.fetch_webhook),
    Route("POST", WEBHOOK, webhooks.update_webhook),
    Route("DELETE", WEBHOOK, webhooks.delete_webhook),
    Route("GET", f"{SERVICE}/MessagingConfigurations", messaging_configurations.list_configurations),
    Route("POST", f"{SERVICE}/MessagingConfigurations", messaging_configurations.create_configuration),
    Route("GET", COUNTRY, messaging_configurations.fetch_configuration),
    Route("POST", COUNTRY, messaging_configurations.update_configuration),
    Route("DELETE", COUNTRY, messaging_configurations.delete_configuration),
    Route("POST", f"{SERVICE}/Passkeys/Factors", passkeys.create_factor),
    Route("POST", f"{SERVICE}/Passkeys/VerifyFactor", passkeys.verify_factor),
    Route("POST", f"{SERVICE}/Passkeys/Challenges", passkeys.create_challenge),
    Route("POST", f"{SERVICE}/Passkeys/ApproveChallenge", passkeys.approve_challenge),
    Route("POST", "/v2/SafeList/Numbers", safelist.add_number),
    Route("GET", NUMBER, safelist.fetch_number),
    Route("DELETE", NUMBER, safelist.remove_number),
    Route("GET", "/v2/Attempts", attempts.list_attempts),
    Route("GET", "/v2/Attempts/Summary", attempts.fetch_summary),
    Route("GET", "/v2/Attempts/{sid:VL}", attempts.fetch_attempt),
    Route("GET", "/v2/Templates", templates.list_templates),
    Route("GET", "/v2/Forms/{form_type}", forms.fetch_form),
    Route("GET", "/v1/PhoneNumbers/{number}", lookups.fetch_v1),
    Route("GET", "/v2/PhoneNumbers/{number}", lookups.fetch_v2),
)
