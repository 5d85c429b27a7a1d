"""Takes the pictures of `docs/images`, with Chromium: `make pictures`.

Serves a demo of its own, with a database of its own. Takes each page in four languages, at two widths, light
and dark, into `docs/_build/pictures`, where somebody can look at them. What the docs show is made of these.
"""

from __future__ import annotations

import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from PIL import Image, ImageDraw
from playwright.sync_api import Browser, Page, sync_playwright

DOCS = Path(__file__).resolve().parent
IMAGES = DOCS / "images"
TAKEN = DOCS / "_build" / "pictures"
MANAGE = [sys.executable, str(DOCS.parent / "test_app" / "manage.py")]
LANGUAGES = ("en", "de", "ar", "ja")
WIDTHS = (390, 1280)
SCHEMES = ("light", "dark")
# What view_flow.md shows in English: light, on a phone.
SHOWN = ("start-registration", "register", "verify-wrong", "start", "verify", "success", "devices")
GAP, BACKGROUND = 24, (206, 212, 218)


class Demo:
    """A served demo, whose database is as new before each walk."""

    def __init__(self, folder: Path) -> None:
        self.database, self.new = folder / "demo.sqlite3", folder / "new.sqlite3"
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        # The pages show the host: a name without a port is the same each time.
        self.address = "http://localtest.me"
        self.messages = f"http://localhost:{self.port}/sandbox/messages.json"

    @contextmanager
    def served(self) -> Iterator[None]:
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("TWILIO_", "DJANGO_", "DEMO_"))}
        clean |= {"DATABASE_URL": f"sqlite:///{self.database}", "DEMO_ENV_FILE": os.devnull}
        clean["DEMO_METHODS"] = "sms,call,whatsapp,email,totp,passkey,push,recovery"
        subprocess.run([*MANAGE, "demo", "--prepare"], env=clean, check=True)
        shutil.copy(self.database, self.new)
        process = subprocess.Popen(
            [*MANAGE, "demo", "--port", str(self.port)],
            env=clean,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            until = time.monotonic() + 60
            while not self.answers():
                if process.poll() is not None or time.monotonic() > until:
                    raise SystemExit("The demo does not start.")
                time.sleep(0.2)
            yield
        finally:
            process.terminate()
            process.wait()

    def answers(self) -> bool:
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", self.port)) == 0

    def reset(self) -> None:
        with closing(sqlite3.connect(self.new)) as new, closing(sqlite3.connect(self.database)) as used:
            new.backup(used)


class Camera:
    """Takes pages in one language, at one width."""

    def __init__(self, browser: Browser, demo: Demo, language: str, width: int) -> None:
        self.browser, self.demo, self.language, self.width = browser, demo, language, width

    def sign_in(self, name: str) -> Page:
        """Return a page of a browser of its own, at the wizard's first step."""
        context = self.browser.new_context(
            locale=self.language,
            viewport={"width": self.width, "height": 560 if self.width < 600 else 720},
            device_scale_factor=2 if self.width < 600 else 1,
            reduced_motion="reduce",
        )
        page = context.new_page()
        page.goto(f"{self.demo.address}/login/?next=/secret/")
        page.fill("[name=username]", name)
        page.fill("[name=password]", name)
        page.keyboard.press("Enter")
        page.wait_for_url("**/2fa/**")
        return page

    def code(self, page: Page) -> str:
        newest: dict[str, str] = page.request.get(self.demo.messages).json()[0]
        return newest["code"]

    def take(self, page: Page, name: str) -> None:
        page.wait_for_load_state()
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            page.wait_for_timeout(400)  # Bootstrap's colours change gradually
            page.screenshot(path=taken(name, self.language, self.width, scheme), full_page=True)

    @staticmethod
    def pick_text_message(page: Page) -> None:
        form = page.locator("form", has=page.locator("input[name=method][value=sms]")).first
        form.get_by_role("button").first.click()

    def walk(self) -> None:
        """Open each page once: somebody registers, and somebody else verifies with what is registered."""
        page = self.sign_in("demo")
        self.take(page, "start-registration")
        self.pick_text_message(page)
        page.wait_for_url("**/register/**")
        page.fill("[name=phone_number]", "(202) 555-0188")
        self.take(page, "register")
        page.keyboard.press("Enter")
        page.wait_for_url("**/verify/**")
        page.fill("[name=token]", "000000" if self.code(page) != "000000" else "111111")
        page.keyboard.press("Enter")
        page.locator(".alert-danger, .invalid-feedback, [aria-invalid=true]").first.wait_for()
        self.take(page, "verify-wrong")

        page = self.sign_in("sam")
        self.take(page, "start")
        self.pick_text_message(page)
        page.wait_for_url("**/verify/**")
        self.take(page, "verify")
        page.fill("[name=token]", self.code(page))
        page.keyboard.press("Enter")
        page.wait_for_url("**/secret/")
        for name in ("devices", "success"):
            page.goto(f"{self.demo.address}/2fa/{name}/")
            self.take(page, name)


def taken(name: str, language: str = "en", width: int = 390, scheme: str = "light") -> Path:
    return TAKEN / f"{name}-{language}-{width}-{scheme}.png"


def beside(*rows: list[Path], width: int) -> Image.Image:
    """Return several pictures as one, each row scaled to a width."""
    lines = []
    for row in rows:
        each = (width - GAP * (len(row) + 1)) // len(row)
        lines.append([])
        for path in row:
            with Image.open(path) as image:
                height = round(image.height * each / image.width)
                lines[-1].append(image.convert("RGB").resize((each, height), Image.Resampling.LANCZOS))
    height = GAP + sum(max(image.height for image in line) + GAP for line in lines)
    sheet = Image.new("RGB", (width, height), BACKGROUND)
    y = GAP
    for line in lines:
        x = GAP
        for image in line:
            sheet.paste(image, (x, y))
            ImageDraw.Draw(sheet).rectangle(
                (x - 1, y - 1, x + image.width, y + image.height), outline="#adb5bd"
            )
            x += image.width + GAP
        y += max(image.height for image in line) + GAP
    return sheet


def save(image: Image.Image, name: str) -> None:
    """Save a picture with a palette, which takes less space."""
    image.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(IMAGES / f"{name}.png", optimize=True)


def show() -> None:
    """Make the pictures of the docs of those that were taken."""
    for name in SHOWN:
        with Image.open(taken(name)) as image:
            save(image, name)
    first = [taken("start"), taken("verify"), taken("verify", scheme="dark")]
    save(beside(first, width=1200), "wizard")
    for language in LANGUAGES:
        phone = [
            taken("start", language),
            taken("verify", language),
            taken("verify-wrong", language, scheme="dark"),
            taken("devices", language, scheme="dark"),
        ]
        desk = [taken("register", language, 1280), taken("verify", language, 1280, "dark")]
        save(beside(phone, desk, width=1200), f"pages-{language}")


def main() -> None:
    IMAGES.mkdir(exist_ok=True)
    shutil.rmtree(TAKEN, ignore_errors=True)
    TAKEN.mkdir(parents=True)
    if "Noto Sans CJK" not in subprocess.run(["fc-list"], capture_output=True, text=True).stdout:
        print("Japanese needs a font: apt-get install fonts-noto-cjk", file=sys.stderr)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        demo = Demo(Path(folder))
        chromium = playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=["--no-sandbox", f"--host-resolver-rules=MAP localtest.me:80 127.0.0.1:{demo.port}"],
        )
        with demo.served():
            for language in LANGUAGES:
                for width in WIDTHS:
                    demo.reset()
                    Camera(chromium, demo, language, width).walk()
        chromium.close()
    show()


if __name__ == "__main__":
    main()
