"""Declare the requests and responses of the endpoints."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers
from rest_framework.fields import empty

from .. import tokens


class Words(serializers.CharField):
    """Text that the database accepts: no NUL, and by default at most 320 characters."""

    def __init__(self, **kwargs: Any) -> None:
        needed = kwargs.get("required", False)
        optional = {} if needed else {"required": False, "allow_blank": True, "default": ""}
        super().__init__(**{"max_length": 320, **optional, **kwargs})

    def to_internal_value(self, data: Any) -> str:
        # JSON numbers are not accepted, because a leading zero would be lost.
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class JSONObject(serializers.DictField):
    """A JSON object. In form data, which cannot contain one, the field counts as missing."""

    def get_value(self, dictionary: Any) -> Any:
        return dictionary.get(self.field_name, empty)


class Texts(JSONObject):
    """A JSON object with a few texts and short names."""

    child = serializers.CharField(max_length=2000)
    most, longest_name = 20, 64

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, dict):
            short = all(len(name) <= self.longest_name and name.isprintable() for name in map(str, data))
            if len(data) > self.most or not short:
                self.fail("not_a_dict", input_type="object")
            if not all(isinstance(value, str) for value in data.values()):
                self.fail("not_a_dict", input_type="object")
        return super().to_internal_value(data)


class SendSerializer(serializers.Serializer[Any]):
    method = Words(help_text="Name of the method. Optional if `device` is given.")
    device = Words(help_text="Id of a registered device.")
    phone_number = Words(help_text="A number to register, or to verify without a user.")
    phone_country = Words(
        help_text="The number's country (ISO 3166-1, two letters), unless it begins with `+`."
    )
    email = Words(help_text="An address to register, or to verify without a user.")


class SentSerializer(serializers.Serializer[Any]):
    verification_id = serializers.UUIDField()
    display = serializers.CharField()
    can_resend_in = serializers.IntegerField(help_text="Seconds.")
    expires_in = serializers.IntegerField(help_text="Seconds.")
    attempts = serializers.IntegerField(help_text="Tokens tried so far.")
    sends = serializers.IntegerField(help_text="Messages sent so far.")
    ceremony = serializers.DictField(
        required=False,
        help_text="The data that the client computes its `answer` from. Missing if a user enters the token.",
    )


class RegisterSerializer(serializers.Serializer[Any]):
    method = Words(required=True, help_text="Name of a method with devices of its own kind.")
    name = Words(max_length=64, help_text="The user's name for the device.")
    data = Texts(  # type: ignore[assignment]
        required=False,
        default=dict,
        help_text="Data of the client for the method: for `push`, the `public_key` of a browser (SPKI in "
        "base64). Without it, an app with Twilio's library is registered.",
    )


class RegisteringSerializer(SentSerializer):
    registration = serializers.DictField(
        help_text="Data that the client needs or the user has to see, such as an authenticator's secret or, "
        "for an app with Twilio's library, `access_token`, `identity` and `service_sid`. Not shown again."
    )


class VerifySerializer(serializers.Serializer[Any]):
    verification_id = serializers.UUIDField()
    code = Words(
        max_length=tokens.LONGEST_INPUT,
        help_text="The code, or the message that contains it. Omit it for a method that waits for approval.",
    )
    answer = JSONObject(
        required=False,
        allow_null=True,
        default=None,
        help_text="The value that the client has computed from the `ceremony`, in place of a code.",
    )
    trust_browser = serializers.BooleanField(
        required=False,
        default=False,
        help_text="True to remember the browser with a cookie, if the site allows that. Not for API tokens.",
    )


class VerifiedSerializer(serializers.Serializer[Any]):
    verified = serializers.BooleanField()
    signed_in = serializers.BooleanField(
        help_text="True if this request signed the user in, after their password or with a passkey."
    )
    display = serializers.CharField()
    attempts = serializers.IntegerField()
    sends = serializers.IntegerField()
    phone_required = serializers.BooleanField(help_text="True if a phone number still has to be registered.")
    backups = serializers.ListField(
        child=serializers.CharField(),
        help_text="Methods to offer as a backup. Empty unless a first device has just been registered.",
    )


class LogInBegunSerializer(serializers.Serializer[Any]):
    login_id = serializers.CharField()
    ceremony = serializers.DictField(help_text="The data that the client computes its `answer` from.")
    expires_in = serializers.IntegerField(help_text="Seconds.")


class LogInSerializer(serializers.Serializer[Any]):
    login_id = Words(required=True)
    answer = JSONObject(help_text="The value that the client has computed from the `ceremony`.")


class CancelSerializer(serializers.Serializer[Any]):
    verification_id = serializers.UUIDField()


class SuccessSerializer(serializers.Serializer[Any]):
    success = serializers.BooleanField()


class MethodDeviceSerializer(serializers.Serializer[Any]):
    id = serializers.CharField()
    name = serializers.CharField(allow_blank=True)
    obfuscated = serializers.CharField(allow_blank=True)


class MethodSerializer(serializers.Serializer[Any]):
    value = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    icon = serializers.CharField()
    obfuscated = serializers.CharField(allow_blank=True)
    devices = MethodDeviceSerializer(many=True)


class MethodsSerializer(serializers.Serializer[Any]):
    verification_methods = serializers.DictField(child=MethodSerializer())


class PhoneNumberSerializer(serializers.Serializer[Any]):
    phone_number = Words(required=True)
    phone_country = Words()
    method = Words(help_text="Name of the method that sends the code. By default, the first possible one.")
    instead_of = serializers.UUIDField(
        required=False,
        allow_null=True,
        default=None,
        help_text="A `verification_id` of a registration that this one corrects. It is canceled.",
    )


class EmailSerializer(serializers.Serializer[Any]):
    email = Words(required=True)
    method = Words(help_text="Name of the method that sends the code. By default, the first possible one.")
    instead_of = serializers.UUIDField(
        required=False,
        allow_null=True,
        default=None,
        help_text="A `verification_id` of a registration that this one corrects. It is canceled.",
    )


class DeviceSerializer(serializers.Serializer[Any]):
    id = serializers.CharField()
    kind = serializers.CharField()
    obfuscated = serializers.CharField(allow_blank=True)
    name = serializers.CharField(allow_blank=True)
    is_default = serializers.BooleanField(help_text="True if the user has made it the default.")
    left = serializers.IntegerField(
        allow_null=True, help_text="The number of unused recovery codes. Null for other devices."
    )


class DeviceChangeSerializer(serializers.Serializer[Any]):
    name = Words(max_length=64, default=None, help_text="The new name. Empty to remove the name.")
    is_default = serializers.BooleanField(
        required=False,
        default=False,
        help_text="True to make it the default, in place of the earlier default.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["name"] is None and not attrs["is_default"]:
            raise serializers.ValidationError({"name": [_("This field is required.")]})
        return attrs


class BrowserSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField(allow_blank=True)
    trusted_at = serializers.DateTimeField()
    last_used_at = serializers.DateTimeField()
    is_current = serializers.BooleanField(help_text="True if this request comes from this browser.")


class RecognizedSerializer(serializers.Serializer[Any]):
    verified = serializers.BooleanField()


class ActivitySerializer(serializers.Serializer[Any]):
    at = serializers.DateTimeField()
    method = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    value = serializers.CharField(
        allow_blank=True, help_text="The masked number or address, or the name of a browser."
    )
    status = serializers.CharField(help_text="pending, approved, canceled, expired or failed.")
    result = serializers.CharField(help_text="The status in words.")
    browser = serializers.CharField(
        allow_blank=True, help_text='The browser, such as "Firefox on Windows". Empty if unknown.'
    )


class ErrorSerializer(serializers.Serializer[Any]):
    """The body of every error response."""

    success = serializers.BooleanField(help_text="Always false.")
    error_code = serializers.CharField()
    display = serializers.CharField()
    data = serializers.DictField()  # type: ignore[assignment]
    blocking = serializers.BooleanField(help_text="True if the user cannot try again.")
