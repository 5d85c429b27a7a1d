"""Declare the requests and responses of the endpoints."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from .. import tokens


class Words(serializers.CharField):
    """Text that the database will take: no NUL, and no longer than anything that is asked for here."""

    def __init__(self, **kwargs: Any) -> None:
        needed = kwargs.get("required", False)
        optional = {} if needed else {"required": False, "allow_blank": True, "default": ""}
        super().__init__(**{"max_length": 320, **optional, **kwargs})

    def to_internal_value(self, data: Any) -> str:
        # A number is no text: a leading zero would be lost.
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class SendSerializer(serializers.Serializer[Any]):
    method = Words(help_text="Name of the method; may be left out where `device` is given.")
    device = Words(help_text="Id of a registered device.")
    phone_number = Words(help_text="A number to be registered, or to be verified for nobody.")
    phone_country = Words(help_text="Its country (ISO 3166-1, two letters), unless it begins with `+`.")
    email = Words(help_text="An address to be registered, or to be verified for nobody.")


class SentSerializer(serializers.Serializer[Any]):
    verification_id = serializers.UUIDField()
    display = serializers.CharField()
    can_resend_in = serializers.IntegerField(help_text="Seconds.")
    expires_in = serializers.IntegerField(help_text="Seconds.")
    attempts = serializers.IntegerField(help_text="Tokens tried so far.")
    sends = serializers.IntegerField(help_text="Messages sent so far.")


class VerifySerializer(serializers.Serializer[Any]):
    verification_id = serializers.UUIDField()
    code = Words(
        max_length=tokens.LONGEST_INPUT,
        help_text="The code, or the message that holds it. Left out for a method that waits for an approval.",
    )


class VerifiedSerializer(serializers.Serializer[Any]):
    verified = serializers.BooleanField()
    display = serializers.CharField()
    attempts = serializers.IntegerField()
    sends = serializers.IntegerField()


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
    method = Words(help_text="How its code is to come; the first that can take it if left out.")


class EmailSerializer(serializers.Serializer[Any]):
    email = Words(required=True)
    method = Words(help_text="How its code is to come; the first that can take it if left out.")


class DeviceSerializer(serializers.Serializer[Any]):
    id = serializers.CharField(read_only=True)
    kind = serializers.CharField(read_only=True)
    obfuscated = serializers.CharField(read_only=True, allow_blank=True)
    name = Words(max_length=64, required=True, allow_blank=True)


class ErrorSerializer(serializers.Serializer[Any]):
    """Every error of the API."""

    success = serializers.BooleanField(help_text="Always false.")
    error_code = serializers.CharField()
    display = serializers.CharField()
    data = serializers.DictField()  # type: ignore[assignment]
    blocking = serializers.BooleanField(help_text="Whether there is nothing to try again.")
