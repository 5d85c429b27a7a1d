"""Template tags of the pages."""

from __future__ import annotations

from datetime import datetime
from html import unescape
from typing import Any

from django import template
from django.conf import global_settings
from django.template.loader_tags import BLOCK_CONTEXT_KEY
from django.utils import formats
from django.utils.html import strip_tags

from ..process.wording import isolated, listed

register = template.Library()

register.filter("isolated", isolated)


@register.filter("listed")
def with_value(name: str, value: str) -> str:
    """Return a name and a value, which is a number or an address."""
    return listed(name, isolated(value))


@register.filter(expects_localtime=True)
def date_and_time(moment: datetime | None) -> str:
    """Return a moment in the format of the language. Where Django has only the English one, its parts."""
    if not moment:
        return ""
    if formats.get_format("DATETIME_FORMAT") != global_settings.DATETIME_FORMAT:
        return formats.date_format(moment, "DATETIME_FORMAT")
    return listed(formats.date_format(moment, "DATE_FORMAT"), formats.time_format(moment, "TIME_FORMAT"))


@register.filter
def submits_itself(attrs: dict[str, Any]) -> bool:
    """Return whether the script of the pages submits a form as soon as this input of it is full."""
    return "data-submit-when-full" in attrs


@register.simple_tag(takes_context=True)
def block_text(context: Any, name: str) -> str:
    """Return the text of a block, without tags: the title is the heading, also a site's own."""
    blocks = context.render_context.get(BLOCK_CONTEXT_KEY)
    block = blocks.get_block(name) if blocks else None
    if block is None:
        return ""
    # The block has escaped its values, and the template escapes what this returns.
    return " ".join(unescape(strip_tags(block.render(context))).split())
