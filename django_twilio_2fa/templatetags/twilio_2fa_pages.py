"""Template tags of the pages."""

from __future__ import annotations

from html import unescape
from typing import Any

from django import template
from django.template.loader_tags import BLOCK_CONTEXT_KEY
from django.utils.html import format_html, strip_tags
from django.utils.safestring import SafeString

from ..errors import labelled, listed
from ..moments import date_and_time
from ..process.wording import isolated

register = template.Library()

LONGEST_UNBROKEN = 20
"""The length of the longest phone number. It fits into a window of 320 pixels."""

register.filter("isolated", isolated)
register.filter("labelled", labelled)
register.filter("date_and_time", date_and_time, expects_localtime=True)


@register.filter("listed")
def with_value(name: str, value: str) -> str:
    """Join a name and a number or address with the comma of the active language."""
    return listed(name, isolated(value))


@register.filter
def whole(value: str) -> SafeString:
    """Return a number or a name as HTML. If it is short, it is kept on one line."""
    kept = "twilio-2fa-whole" if len(value) <= LONGEST_UNBROKEN else ""
    return format_html('<bdi class="{}">{}</bdi>', kept, value)


@register.filter
def submits_itself(attrs: dict[str, Any]) -> bool:
    """Return whether the pages' script submits the form once the input with these attributes is full."""
    return "data-submit-when-full" in attrs


@register.simple_tag(takes_context=True)
def block_text(context: Any, name: str) -> str:
    """Return the text of a block without tags. The page's title repeats the heading, even a site's own."""
    blocks = context.render_context.get(BLOCK_CONTEXT_KEY)
    block = blocks.get_block(name) if blocks else None
    if block is None:
        return ""
    # The block has escaped its values, and the template escapes what this returns.
    return " ".join(unescape(strip_tags(block.render(context))).split())
