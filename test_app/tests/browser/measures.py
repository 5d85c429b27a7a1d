"""Checks of an open page: with axe-core, in small windows, with text spacing and in forced colours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest

PHONE_SIZE = {"width": 390, "height": 740}
# WCAG 1.4.10: 1280 pixels at 400 %.
NARROW = {"width": 320, "height": 256}
# WCAG 1.4.4: 1280 pixels at 200 %.
ZOOMED = {"width": 640, "height": 400}
SCHEMES = ("light", "dark")

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]

# The text spacing of WCAG 1.4.12. The content security policy of the pages allows this stylesheet.
SPACE_OUT = """() => {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(`
    * { line-height: 1.5 !important; letter-spacing: .12em !important; word-spacing: .16em !important; }
    p { margin-bottom: 2em !important; }`);
  document.adoptedStyleSheets = [sheet];
}"""

# Returns the controls that are smaller than WCAG 2.5.8 requires. A label is part of its checkbox.
SMALL_TARGETS = """() => [...document.querySelectorAll("main :is(a, button, summary, input, select)")]
  .filter(e => e.checkVisibility() && !e.closest(".alert, [type=hidden]"))
  .map(e => [e.textContent.trim() || e.name, e.getBoundingClientRect()])
  .filter(([, box]) => box.width < 24 || box.height < 24)
  .map(([words, box]) => `${words}: ${box.width} x ${box.height}`)"""

# Returns the elements whose text does not fit into their box. The caret needs a pixel.
CUT_OFF = """() => [...document.querySelectorAll("main *")]
  .filter(e => e.checkVisibility() && !e.closest(".visually-hidden") && e.scrollWidth > e.clientWidth + 1)
  .filter(e => getComputedStyle(e).display !== "inline" && e.clientWidth > 0)
  .map(e => `${e.tagName}.${e.className}: ${e.scrollWidth} > ${e.clientWidth}`)"""

# Defines `contrast(one, other)` for two colours in any CSS notation.
CONTRAST = """
  const dot = new OffscreenCanvas(1, 1).getContext("2d", {willReadFrequently: true});
  function luminance(colour) {
    dot.clearRect(0, 0, 1, 1);
    dot.fillStyle = colour;
    dot.fillRect(0, 0, 1, 1);
    const parts = [...dot.getImageData(0, 0, 1, 1).data].slice(0, 3).map(n => n / 255);
    const [r, g, b] = parts.map(n => n <= .04045 ? n / 12.92 : ((n + .055) / 1.055) ** 2.4);
    return .2126 * r + .7152 * g + .0722 * b;
  }
  function contrast(one, other) {
    const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
    return (light + .05) / (dark + .05);
  }
  function behind(e) {
    for (; e; e = e.parentElement) {
      const colour = getComputedStyle(e).backgroundColor;
      if (!/^rgba.*, 0\\)$/.test(colour)) return colour;
    }
    return "Canvas";
  }
"""

# Returns the controls without an edge in forced colours, where backgrounds do not show. A checkbox must have
# the appearance of the browser: a picture of a tick may not show.
WITHOUT_EDGE = f"""() => {{ {CONTRAST}
  const edged = ".btn:not(.btn-link), .form-control, .form-select, .form-check-input, .alert,"
    + " .twilio-2fa-icon, .twilio-2fa-steps > li, .twilio-2fa-choice-later, .twilio-2fa-devices > li";
  const wrong = [];
  for (const e of document.querySelectorAll(`main :is(${{edged}})`)) {{
    const style = getComputedStyle(e);
    if (!e.checkVisibility() || (e.type === "checkbox" && style.appearance === "auto")) continue;
    const width = parseFloat(style.borderTopWidth);
    const drawn = width >= 1 && !["none", "hidden"].includes(style.borderTopStyle);
    if (!drawn || contrast(style.borderTopColor, behind(e.parentElement)) < 3 || e.type === "checkbox")
      wrong.push(`${{e.tagName}}.${{e.className}}: ${{style.borderTop}}`);
  }}
  for (const e of document.querySelectorAll("main .btn-link"))
    if (parseFloat(getComputedStyle(e).borderTopWidth)) wrong.push(`a box around ${{e.textContent}}`);
  return wrong;
}}"""

# Returns the contrast of the focus outline with its surroundings: WCAG 1.4.11.
OUTLINE = f"""() => {{ {CONTRAST}
  const e = document.activeElement, style = getComputedStyle(e);
  if (style.outlineStyle === "none" || parseFloat(style.outlineWidth) < 2) return 0;
  return contrast(style.outlineColor, behind(e.parentElement));
}}"""


@cache
def axe() -> str:
    package = pytest.importorskip("axe_playwright_python")
    return (Path(package.__file__).parent / "axe.min.js").read_text()


def violations(window: Any, rules: list[str] | None = None) -> list[str]:
    """Return what axe-core finds on the page, with the elements."""
    if not window.evaluate("'axe' in window"):
        window.evaluate(axe())
    options = {"runOnly": rules or TAGS, "resultTypes": ["violations"]}
    found = window.evaluate("options => axe.run(document, options)", options)["violations"]
    return [f"{v['id']}: {n['html']} {n['failureSummary']}" for v in found for n in v["nodes"]]


def fits(window: Any) -> bool:
    return bool(window.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))


@contextmanager
def seen(window: Any, **media: str) -> Iterator[None]:
    """Show the page in another colour scheme or in forced colours, then restore it."""
    window.emulate_media(**media)
    yield
    window.emulate_media(**dict.fromkeys(media, "null"))


@contextmanager
def sized(window: Any, size: dict[str, int]) -> Iterator[None]:
    before = window.viewport_size
    window.set_viewport_size(size)
    yield
    window.set_viewport_size(before)


def cut_off(window: Any) -> list[str]:
    return [*([] if fits(window) else ["the page is too wide"]), *window.evaluate(CUT_OFF)]


def faults(window: Any) -> Iterator[str]:
    """Yield the faults of the page in each display mode: colour schemes, forced colours and window sizes."""
    # Bootstrap changes colours gradually. Reduced motion makes it change them at once.
    window.emulate_media(reduced_motion="reduce")
    found = {"targets of 24 pixels": window.evaluate(SMALL_TARGETS)}
    for scheme in SCHEMES:
        with seen(window, color_scheme=scheme):
            found[f"axe, {scheme}"] = violations(window)
        with seen(window, color_scheme=scheme, forced_colors="active"):
            found[f"forced colours, {scheme}, text"] = violations(window, ["color-contrast"])
            found[f"forced colours, {scheme}, edges"] = window.evaluate(WITHOUT_EDGE)
    with sized(window, ZOOMED):
        found["200 %"] = cut_off(window)
    with sized(window, NARROW):
        found["320 pixels"] = cut_off(window)
        window.evaluate(SPACE_OUT)
        found["320 pixels, text spacing"] = cut_off(window)
    window.evaluate("() => { document.adoptedStyleSheets = []; }")
    for way, wrong in found.items():
        yield from (f"{way}: {what}" for what in wrong)
