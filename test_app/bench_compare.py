"""Compare whole log-ins of the working tree and of another commit: `make bench COMPARE=<commit>`.

The other commit is checked out into a temporary `git worktree` and installed beside it. The versions are
served at the same time, and short rounds of log-ins alternate between them, so that other load on the machine
slows all versions alike. The median and the middle half of the ratios of all rounds are printed.

A log-in goes from the log-in page to a protected page by text message. The client follows redirects and fills
in the page at which they end, so a version with fewer pages gets fewer requests. The log-in page is Django's.
The working tree is measured with `TwoFactorLoginView` as well.

Measured on SQLite, and on PostgreSQL if `DATABASE_URL` names a server. The delays of Twilio are first none,
then 50 ms for a request and 100 ms for a new connection.
"""

from __future__ import annotations

import os
import platform
import signal
import statistics
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

import bench
from bench import say
from bench_twilio import code_for

ROOT = bench.HERE.parent
WORKERS, THREADS, CLIENTS = 2, 4, 8
PROTECTED = "/secret/"
DISTANCES = ((0.0, 0.0), (0.05, 0.1))
AREA_CODES = ("415", "213", "212")
# The headers that a browser sends when a person opens a page.
NAVIGATION = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document", "Sec-Fetch-Site": "same-origin"}


# The client


@dataclass
class Costs:
    """The costs of the responses of one version so far."""

    requests: int = 0
    statements: int = 0
    writes: int = 0
    cpu: dict[str, float] = field(default_factory=dict)
    """The CPU seconds of each worker process since its start."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, told: str) -> None:
        statements, writes, process, cpu = told.split()
        with self.lock:
            self.requests += 1
            self.statements += int(statements)
            self.writes += int(writes)
            self.cpu[process] = max(float(cpu), self.cpu.get(process, 0.0))

    def totals(self) -> tuple[float, ...]:
        return self.requests, self.statements, self.writes, sum(self.cpu.values()) * 1000


class Browser:
    """A browser of one person, with a connection and cookies. It follows redirects."""

    def __init__(self, port: int, costs: Costs) -> None:
        self.connection = HTTPConnection("127.0.0.1", port, timeout=60)
        self.costs = costs
        self.cookies: dict[str, str] = {}

    def open(self, address: str, **form: str) -> str:
        """Open a page, or post a form to it. Return the address of the page that this leads to."""
        for _ in range(10):
            to = self._ask(address, form)
            if to is None:
                return address
            address, form = to, {}
        raise AssertionError(f"Too many redirects, the last one to {address}")

    def _ask(self, address: str, form: dict[str, str]) -> str | None:
        """Request one page. Return the address that a redirect leads to, or None for a page."""
        headers = {**NAVIGATION, "Cookie": "; ".join(f"{k}={v}" for k, v in self.cookies.items())}
        if form:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            body = urlencode({**form, "csrfmiddlewaretoken": self.cookies["csrftoken"]})
            self.connection.request("POST", address, body, headers)
        else:
            self.connection.request("GET", address, headers=headers)
        answer = self.connection.getresponse()
        answer.read()
        self.costs.add(answer.headers["X-Cost"])
        for cookie in answer.headers.get_all("Set-Cookie", []):
            self.cookies.update((k, morsel.value) for k, morsel in SimpleCookie(cookie).items())
        if 300 <= answer.status < 400:
            return urljoin(address, answer.headers["Location"])
        assert answer.status == 200, (address, answer.status)
        return None


def log_in(version: Version, name: str, phone: str) -> None:
    """Sign in, and do what the pages ask for until the protected page is there."""
    browser = Browser(version.port, version.costs)
    address = browser.open(f"{version.log_in_page}?next={PROTECTED}")
    address = browser.open(address, username=name, password="bench", next=PROTECTED)
    for _ in range(6):
        path = urlsplit(address).path
        if path == PROTECTED:
            browser.connection.close()
            return
        if path.endswith("/start/"):
            address = browser.open(address, method="sms")
        elif path.endswith("/verify/"):
            address = browser.open(address, token=code_for(phone))
        else:
            # The link of the success page leads to the protected page.
            assert path.endswith("/success/"), address
            address = browser.open(PROTECTED)
    raise AssertionError(f"{name} came no further than {address}")


# The versions


@dataclass
class Version:
    """One of the versions that are compared, with the costs of its rounds so far."""

    label: str
    paths: list[Path]
    """The folders of `sys.path` that hold its packages and its demo."""
    area_code: str
    log_in_page: str = "/login/"
    costs: Costs = field(default_factory=Costs)
    port: int = 0
    people: int = 0
    rounds: list[tuple[float, ...]] = field(default_factory=list)

    def env(self, database: str, twilio: str) -> dict[str, str]:
        path = os.pathsep.join(map(str, [bench.HERE / "bench_site", *self.paths]))
        return {
            **os.environ,
            "PYTHONPATH": path,
            "DJANGO_SETTINGS_MODULE": "bench_settings",
            "DATABASE_URL": database,
            "BENCH_TWILIO": twilio,
        }

    def prepare(self, env: dict[str, str], people: int) -> None:
        commands: tuple[list[str], ...] = (
            ["-m", "django", "migrate", "--verbosity", "0"],
            [str(bench.HERE / "bench_site" / "bench_people.py"), str(people), self.area_code],
        )
        for command in commands:
            subprocess.run([sys.executable, *command], env=env, check=True, cwd=self.paths[-1])
        self.costs, self.rounds, self.people = Costs(), [], 0

    def run_round(self, pool: ThreadPoolExecutor, flows: int) -> tuple[float, ...]:
        """Log in users who have not logged in before. Return costs per log-in, and log-ins per second."""
        numbers = range(self.people, self.people + flows)
        self.people += flows
        before, began = self.costs.totals(), time.perf_counter()
        done = [pool.submit(log_in, self, f"bench{i}", f"+1{self.area_code}{2000000 + i}") for i in numbers]
        for each in done:
            each.result()
        took = time.perf_counter() - began
        costs = [(b - a) / flows for a, b in zip(before, self.costs.totals(), strict=True)]
        return (*costs, flows / took)


@contextmanager
def checked_out(commit: str, folder: Path) -> Any:
    """Check a commit out beside the working tree, and install it with its own entry points."""
    tree, installed = folder / "tree", folder / "installed"
    git = ["git", "-C", str(ROOT), "worktree"]
    subprocess.run([*git, "add", "--quiet", "--detach", str(tree), commit], check=True)
    try:
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        options = ["--no-deps", "--no-build-isolation", "--target", str(installed)]
        subprocess.run([*pip, *options, str(tree)], check=True)
        yield [installed, tree / "test_app"]
    finally:
        subprocess.run([*git, "remove", "--force", str(tree)], check=True)


def described(commit: str) -> str:
    git = ["git", "-C", str(ROOT), "log", "-1", "--format=%h %s", commit]
    return subprocess.run(git, capture_output=True, text=True, check=True).stdout.strip()


@contextmanager
def process(command: list[str], **options: Any) -> Any:
    served = subprocess.Popen(command, **options)
    try:
        yield served
    finally:
        served.terminate()
        served.wait()


# A comparison


def run(commit: str, rounds: int, flows: int, folder: Path) -> None:
    # SIGTERM also ends the processes and removes the files.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("Terminated"))
    other = described(commit)
    with checked_out(commit, folder) as paths:
        ours = [ROOT, ROOT / "providers", bench.HERE]
        versions = [
            Version("working tree", ours, AREA_CODES[0]),
            Version("TwoFactorLoginView", ours, AREA_CODES[1], log_in_page="/login/verified/"),
            Version(other.split()[0], paths, AREA_CODES[2]),
        ]
        say(f"The working tree, at {described('HEAD')}\nagainst {other}\n")
        served = f"{WORKERS} workers of {THREADS} threads, {CLIENTS} clients"
        say(f"{served}; {rounds} rounds of {flows} log-ins of each version")
        say(f"{platform.python_implementation()} {platform.python_version()}, {os.cpu_count()} CPUs")
        for database in databases():
            for number, distance in enumerate(DISTANCES):
                part = folder / f"{database}{number}"
                part.mkdir()
                measure(versions, database, distance, rounds, flows, part)
                report(versions, database, distance)


def databases() -> list[str]:
    """Return the databases to measure: SQLite, and PostgreSQL if `DATABASE_URL` names a server."""
    has_server = os.environ.get("DATABASE_URL", "").startswith("postgres")
    return ["SQLite", "PostgreSQL"] if has_server else ["SQLite"]


def measure(
    versions: list[Version],
    database: str,
    distance: tuple[float, float],
    rounds: int,
    flows: int,
    folder: Path,
) -> None:
    """Serve all versions and a simulated Twilio, and run rounds of log-ins on each version in turn."""
    twilio_port = bench.free_port()
    twilio = f"http://127.0.0.1:{twilio_port}"
    people = flows * rounds + 4 * CLIENTS
    with ExitStack() as served:
        for number, version in enumerate(versions):
            url = f"sqlite:///{folder / f'site{number}.sqlite3'}"
            if database == "PostgreSQL":
                url, drop = bench.make_database(folder, str(number))
                served.callback(drop)
            env = version.env(url, twilio)
            version.prepare(env, people)
            version.port = bench.free_port()
            gunicorn = f"--workers {WORKERS} --threads {THREADS} --bind 127.0.0.1:{version.port}".split()
            gunicorn += ["--keep-alive", "30", "--log-level", "warning", "bench_wsgi:application"]
            command = [sys.executable, "-m", "gunicorn", *gunicorn]
            served.enter_context(process(command, env=env, cwd=version.paths[-1]))
        seconds = [str(s) for s in distance]
        command = [sys.executable, str(bench.HERE / "bench_twilio.py"), str(twilio_port), *seconds]
        served.enter_context(process(command))
        bench.until_up(twilio)
        for version in versions:
            bench.until_up(f"http://127.0.0.1:{version.port}/login/")
        with ThreadPoolExecutor(CLIENTS) as pool:
            for version in versions:
                # Warm-up: each worker loads what it needs, and reports its CPU time so far.
                version.run_round(pool, 4 * CLIENTS)
                assert len(version.costs.cpu) == WORKERS, "a worker got no request; run it again"
            for number in range(rounds):
                for version in versions if number % 2 else versions[::-1]:
                    version.rounds.append(version.run_round(pool, flows))


def report(versions: list[Version], database: str, distance: tuple[float, float]) -> None:
    far = f"{distance[0] * 1000:.0f} ms away, {distance[1] * 1000:.0f} ms more to connect"
    say(f"\n{database}, Twilio {far if any(distance) else 'at no distance'}\n")
    *ours, other = versions
    heads = "".join(f"{v.label:>20}{'ratio':>8}   {'middle half':12}" for v in ours)
    say(f"{'a log-in':22}{other.label:>10}{heads}")
    names = ("requests", "SQL statements", "of these, writes", "CPU of the server, ms", "log-ins per second")
    theirs = list(zip(*other.rounds, strict=True))
    for number, name in enumerate(names):
        line = f"{name:22}{statistics.median(theirs[number]):10.1f}"
        for version in ours:
            mine = [a_round[number] for a_round in version.rounds]
            ratios = [a / b for a, b in zip(mine, theirs[number], strict=True)]
            low, middle, high = statistics.quantiles(ratios, n=4, method="inclusive")
            between = f"{low:.2f} to {high:.2f}"
            line += f"{statistics.median(mine):20.1f}{middle:8.2f}   {between:12}"
        say(line.rstrip())
