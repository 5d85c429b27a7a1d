"""Declare the sentences, which a site can change by their message codes, and look them up."""

from __future__ import annotations

import re
from typing import Any
from unicodedata import bidirectional

from django.utils.translation import get_language_bidi
from django.utils.translation import gettext_lazy as _

from ..conf import conf
from ..contacts import CONTACTS
from ..errors import fill, labelled, listed, sentences
from ..providers import MethodProvider
from ..providers.installed import provider_of

KINDS = {"phone_number": _("Phone number"), "email": _("Email address")}

MESSAGES: dict[str, Any] = {
    "verification_resent": _("We sent the code again."),
    "verified": _("We have checked it is you."),
    "incorrect_code": _("That code is incorrect. Check it and try again."),
    "send_unsure": _(
        "We are not sure the code was sent. If you get one, enter it here. If not, send it again or "
        "try another way."
    ),
    "send_unsure_to": _(
        "We are not sure the code was sent to {value}. If you get one, enter it here. If not, send "
        "it again or try another way."
    ),
    "send_prefix": _("Enter the code that was"),
    "send_generic": _("sent"),
    "send_suffix": _("to {value}."),
}
"""The sentences by message code. `send_<method>` is the provider's `sent_wording`, or else `send_generic`.

The last three are parts of a sentence. They are used if a site changes one of them, and for methods without a
sentence of their own (`sending_wording`).
"""


FIRST_STRONG_ISOLATE, POP_DIRECTIONAL_ISOLATE = "\u2068", "\u2069"
RIGHT_TO_LEFT = ("R", "AL", "AN")


def isolated(text: str) -> str:
    """Isolate a number, an address or a name, so that it keeps its order in a sentence of any direction.

    No marks are added if both the language and the text read from left to right.
    """
    if not get_language_bidi() and not any(bidirectional(c) in RIGHT_TO_LEFT for c in text):
        return text
    return f"{FIRST_STRONG_ISOLATE}{text}{POP_DIRECTIONAL_ISOLATE}" if text else ""


def called(kind: str, *, masked: str = "", name: str = "") -> str:
    """Return a device's kind, name and masked value: "Phone number: Work, (XXX) XXX-0143"."""
    provider = provider_of(kind)
    label = str(KINDS.get(kind) or (provider.label if provider else kind))
    # The masked value of other kinds means nothing in an e-mail.
    about = listed(isolated(name), isolated(masked) if kind in CONTACTS else "")
    return labelled(label, about) if about else label


ENDS = ".!?:。"


def message(code: str, *, user: Any = None, request: Any = None, default: Any = "", **data: Any) -> str:
    """Return the sentence for a code, filled from `data`: the site's, else `default`, else `MESSAGES`."""
    told = conf.resolve("MESSAGE_DISPLAY_CB", code=code, user=user, request=request)
    text = told if told is not None else default or MESSAGES.get(code, "")
    return fill(str(text), data)


def destination_words(masked: str) -> dict[str, str]:
    """Return the values to fill sentences about a destination with: `{value}`, and `{ending}` of a number."""
    digits = "".join(re.findall(r"[0-9]", masked.partition(" ext.")[0]))
    return {"value": masked, "ending": digits or masked}


def about_destination(sentence: Any, masked: str) -> str:
    """Return a sentence filled with a masked destination. Empty if it needs one and there is none."""
    text = str(sentence)
    return fill(text, destination_words(masked)) if masked or "{" not in text else ""


def sent_sentence(provider: MethodProvider, masked: str, *, user: Any = None, request: Any = None) -> str:
    """Return the sentence that says where the code was sent.

    It is the method's own sentence, or prefix, method and suffix if the site changes one of these parts.
    """
    about = {"user": user, "request": request}
    if sentence := about_destination(provider.sending_wording, masked):
        parts_of_site = ("send_prefix", f"send_{provider.name}", "send_suffix")
        if all(conf.resolve("MESSAGE_DISPLAY_CB", code=code, **about) is None for code in parts_of_site):
            return sentence
    how = message(f"send_{provider.name}", default=provider.sent_wording or MESSAGES["send_generic"], **about)
    parts = [message("send_prefix", **about), how]
    if masked:
        parts.append(message("send_suffix", value=masked, **about))
        return sentences(*parts)
    # The suffix, which is left out, would have ended the sentence with a full stop.
    sentence = sentences(*parts)
    return sentence if not sentence or sentence[-1] in ENDS else f"{sentence}."
