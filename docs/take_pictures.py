"""Takes the pictures of the pages for `docs/images`, with Chromium, from a demo as new that is being served.

make demo-reset && make demo PORT=8123 &
.venv/bin/python docs/take_pictures.py http://localhost:8123
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

IMAGES = Path(__file__).resolve().parent / "images"
PHONE = {"width": 420, "height": 560}
BESIDE = """<!doctype html>
<body style="margin: 0; padding: 24px; display: flex; align-items: start; gap: 24px; background: #e9ecef">
{images}</body>"""


class Camera:
    def __init__(self, browser: Browser, address: str) -> None:
        self.browser = browser
        self.address = address

    def sign_in(self, name: str, scheme: str = "light") -> Page:
        """A page of a browser of its own, at the wizard's first step."""
        context = self.browser.new_context(color_scheme=scheme, viewport=PHONE, device_scale_factor=2)  # type: ignore[arg-type]
        page = context.new_page()
        page.goto(f"{self.address}/login/?next=/secret/")
        page.fill("[name=username]", name)
        page.fill("[name=password]", name)
        page.keyboard.press("Enter")
        page.wait_for_url("**/2fa/**")
        return page

    def code(self, page: Page) -> str:
        newest: dict[str, str] = page.request.get(f"{self.address}/sandbox/messages.json").json()[0]
        return newest["code"]

    @staticmethod
    def take(page: Page, name: str) -> None:
        page.screenshot(path=IMAGES / f"{name}.png", full_page=True)

    def beside(self, name: str, *names: str) -> None:
        """Several pictures as one."""
        page = self.browser.new_page(
            viewport={"width": 24 + 444 * len(names), "height": 100}, device_scale_factor=2
        )
        images = (f'<img width="420" src="{(IMAGES / f"{n}.png").as_uri()}">' for n in names)
        html = IMAGES / "beside.html"
        html.write_text(BESIDE.format(images="\n".join(images)))
        page.goto(html.as_uri())
        self.take(page, name)
        html.unlink()


def walk(camera: Camera) -> None:
    """Each page once: somebody registers, and somebody else proves what is registered."""
    page = camera.sign_in("demo")
    camera.take(page, "start-registration")
    page.locator("form", has=page.locator("input[name=method][value=sms]")).get_by_role(
        "button"
    ).first.click()
    page.wait_for_url("**/register/**")
    page.fill("[name=phone_number]", "(202) 555-0188")
    camera.take(page, "register")
    page.keyboard.press("Enter")
    page.wait_for_url("**/verify/**")
    page.fill("[name=token]", "000000")
    page.keyboard.press("Enter")
    page.wait_for_load_state()
    camera.take(page, "verify-wrong")

    page = camera.sign_in("sam")
    camera.take(page, "start")
    page.locator("form", has=page.locator("input[name=method][value=sms]")).get_by_role(
        "button"
    ).first.click()
    page.wait_for_url("**/verify/**")
    page.fill("[name=token]", camera.code(page))
    camera.take(page, "verify")
    page.emulate_media(color_scheme="dark")
    page.wait_for_timeout(1000)  # Bootstrap's colours change gradually
    camera.take(page, "verify-dark")
    page.emulate_media(color_scheme="light")
    page.keyboard.press("Enter")
    page.wait_for_url("**/secret/")
    camera.take(page, "secret")
    for name, path in {
        "devices": "/2fa/devices/",
        "success": "/2fa/success/",
        "sandbox": "/sandbox/",
    }.items():
        page.goto(camera.address + path)
        camera.take(page, name)
    camera.beside("wizard", "start", "verify", "verify-dark")


if __name__ == "__main__":
    IMAGES.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        walk(Camera(chromium, sys.argv[1].rstrip("/")))
        chromium.close()
