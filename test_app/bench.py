"""Measure the demo with two workers, and the sandbox over loopback with 50 ms of latency: `make bench`.

Prints flows and requests per second, p50 and p95 per page, queries per page, connections to Twilio, and the
start-up cost of this package. A flow is a signed-in user who picks a text message and types its code.

With `--access`: the cost of the middleware per request; see `bench_access`. With `--names`: whether response
times reveal which users exist; see `bench_names`. With `--compare COMMIT`: whole log-ins of the working tree
against those of another commit; see `bench_compare`.
"""

from __future__ import annotations

import json
import os
import platform
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import requests

HERE = Path(__file__).resolve().parent
WORKERS, LATENCY = 2, 0.05


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def until_up(url: str) -> None:
    for _ in range(300):
        try:
            requests.get(url, timeout=5)
        except requests.ConnectionError:
            time.sleep(0.1)
        else:
            return
    raise SystemExit(f"{url} does not answer")


class Flow:
    """The pages of the wizard that a user goes through, each with its times and queries."""

    def __init__(self, site: str, twilio: str) -> None:
        self.site, self.twilio = site, twilio
        self.took: dict[str, list[float]] = defaultdict(list)
        self.queries: dict[str, list[int]] = defaultdict(list)

    def run(self, person: dict[str, str]) -> None:
        session = requests.Session()
        session.cookies.set("sessionid", person["session"])
        session.cookies.set("csrftoken", "a" * 32)
        self.page(session, "GET start", "/2fa/start/")
        self.page(session, "POST start", "/2fa/start/", method="sms")
        self.page(session, "GET verify", "/2fa/verify/")
        told = requests.get(f"{self.twilio}/sandbox/messages", {"to": person["phone"]}, timeout=30).json()
        self.page(session, "POST verify", "/2fa/verify/", token=told["messages"][0]["code"])
        answer = self.page(session, "GET success", "/2fa/success/")
        assert answer.status_code == 200, answer.status_code

    def page(self, session: requests.Session, name: str, path: str, **data: str) -> requests.Response:
        began = time.perf_counter()
        if data:
            data["csrfmiddlewaretoken"] = "a" * 32
            answer = session.post(self.site + path, data, allow_redirects=False, timeout=60)
        else:
            answer = session.get(self.site + path, allow_redirects=False, timeout=60)
        self.took[name].append(time.perf_counter() - began)
        self.queries[name].append(int(answer.headers["X-Queries"]))
        assert answer.status_code < 400, (name, answer.status_code)
        return answer


def make_people(n: int) -> list[dict[str, str]]:
    """Create signed-in users with a phone each. Call this in a process that has set up Django."""
    from django.contrib.auth import get_user_model
    from django.test import Client

    from django_twilio_2fa.contacts import PhoneNumber
    from django_twilio_2fa.models import Device

    people = []
    for i in range(n):
        user = get_user_model().objects.create_user(f"bench{i}")
        phone = PhoneNumber(f"+1415{2000000 + i}")
        Device.objects.register(user, phone)
        client = Client()
        client.force_login(user)
        people.append({"phone": str(phone), "session": client.cookies["sessionid"].value})
    return people


def start_up(runs: int = 20) -> dict[str, tuple[float, ...]]:
    """Return the start-up cost of fresh processes: ms in total, of CPU and of garbage collection, and MiB.

    The rows: a project of Django's own apps, the additional cost of this package, and its additional cost if
    a URL is reversed as well. They are measured in turns, so that other load on the machine slows them alike.
    """
    program = str(HERE / "bench_site" / "bench_startup.py")
    # Modules are compiled only once, as on a server.
    env = {
        k: v for k, v in os.environ.items() if k not in ("PYTHONDONTWRITEBYTECODE", "DJANGO_SETTINGS_MODULE")
    }
    took: dict[tuple[str, ...], list[tuple[float, ...]]] = {(): [], ("kit",): [], ("kit", "reverse"): []}
    for number in range(runs + 1):
        for which, results in took.items():
            out = subprocess.run(
                [sys.executable, program, *which], env=env, capture_output=True, text=True, check=True
            )
            if number:  # the first run compiles
                results.append(tuple(map(float, out.stdout.split())))
    bare, loaded, asked = ([statistics.median(c) for c in zip(*rows, strict=True)] for rows in took.values())
    return {
        "Django alone": tuple(bare),
        "package adds": tuple(a - b for a, b in zip(loaded, bare, strict=True)),
        "once asked": tuple(a - b for a, b in zip(asked, bare, strict=True)),
    }


def main() -> None:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--flows", type=int, default=300)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--names", type=int, nargs="?", const=200, help="The number of names of each kind.")
    parser.add_argument("--start-up", action="store_true", help="Only the start-up cost of this package.")
    parser.add_argument("--access", action="store_true", help="Only the cost of the middleware per request.")
    parser.add_argument("--compare", metavar="COMMIT", help="Compare whole log-ins with those of a commit.")
    parser.add_argument("--rounds", type=int, default=8, help="The number of rounds of each version.")
    parser.add_argument("--round-flows", type=int, default=48, help="The number of log-ins in a round.")
    options = parser.parse_args()
    if options.access:
        import bench_access

        bench_access.report(say)
        return
    if options.start_up:
        report_start_up()
        return
    with tempfile.TemporaryDirectory() as folder:
        if options.names:
            import bench_names

            raise SystemExit(not bench_names.run(options.names, Path(folder)))
        if options.compare:
            import bench_compare

            bench_compare.run(options.compare, options.rounds, options.round_flows, Path(folder))
            return
        run(options.flows, options.clients, Path(folder))


def prepare(folder: Path) -> tuple[dict[str, str], Any]:
    """Migrate databases for the site and for Twilio. Return the environment, and what drops the site's.

    Sets up Django in this process, with the database of the site.
    """
    own = {"DJANGO_SETTINGS_MODULE": "demo.settings_bench", "PYTHONPATH": str(HERE)}
    env = {**os.environ, **own, "BENCH_TWILIO_DATABASE": f"sqlite:///{folder / 'twilio.sqlite3'}"}
    env["DATABASE_URL"], drop = make_database(folder)
    for url in (env["DATABASE_URL"], env["BENCH_TWILIO_DATABASE"]):
        migrate = [sys.executable, str(HERE / "manage.py"), "migrate", "--verbosity", "0"]
        subprocess.run(migrate, env={**env, "DATABASE_URL": url}, check=True)
    os.environ.update(env)
    import django

    django.setup()
    return env, drop


def site(port: int) -> list[str]:
    """Return the command that serves the demo."""
    gunicorn = f"--workers {WORKERS} --threads 8 --bind 127.0.0.1:{port} --log-level warning".split()
    application = "django.core.wsgi:get_wsgi_application()"
    return [sys.executable, "-m", "gunicorn", *gunicorn, "--chdir", str(HERE), application]


def run(flows: int, clients: int, folder: Path) -> None:
    site_port, twilio_port = free_port(), free_port()
    site_at, twilio = f"http://127.0.0.1:{site_port}", f"http://127.0.0.1:{twilio_port}"
    env, drop = prepare(folder)
    env["BENCH_TWILIO"] = twilio
    for_twilio = {**env, "DATABASE_URL": env["BENCH_TWILIO_DATABASE"]}
    manage = [sys.executable, str(HERE / "manage.py")]
    people = make_people(flows)
    from django.db import connections

    connections.close_all()
    slow = ["--fault", "delay", "--seconds", str(LATENCY)]
    served = [
        subprocess.Popen(
            [*manage, "twilio_2fa_sandbox", "--port", str(twilio_port), *slow],
            env=for_twilio,
            stdout=subprocess.DEVNULL,
        ),
        subprocess.Popen(site(site_port), env=env),
    ]
    try:
        until_up(f"{twilio}/sandbox/status")
        until_up(f"{site_at}/login/")
        flow = Flow(site_at, twilio)
        before = requests.get(f"{twilio}/sandbox/status", timeout=30).json()["connections"]
        began = time.perf_counter()
        with ThreadPoolExecutor(clients) as pool:
            list(pool.map(flow.run, people))
        took = time.perf_counter() - began
        status: dict[str, Any] = requests.get(f"{twilio}/sandbox/status", timeout=30).json()
        opened = status["connections"] - before
        report(flow, flows, clients, took, opened, len(status["requests"]), env["DATABASE_URL"])
    finally:
        for process in served:
            process.terminate()
            process.wait()
        drop()


def make_database(folder: Path, suffix: str = "") -> tuple[str, Any]:
    """Create a database on the server of DATABASE_URL, or in a file. Return its URL, and what removes it."""
    url = os.environ.get("DATABASE_URL", "")
    if not url.startswith("postgres"):
        return f"sqlite:///{folder / 'site.sqlite3'}", lambda: None
    import psycopg

    name = f"twilio_2fa_bench_{os.getpid()}{suffix and f'_{suffix}'}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")

    def drop() -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")

    return url.rpartition("/")[0] + f"/{name}", drop


def report(flow: Flow, flows: int, clients: int, took: float, opened: int, asked: int, database: str) -> None:
    pages = sum(len(times) for times in flow.took.values())
    kind = database.partition(":")[0]
    say(f"{WORKERS} workers of 8 threads, {clients} clients, {kind}, Twilio {LATENCY * 1000:.0f} ms away")
    say(f"{platform.python_implementation()} {platform.python_version()}, {os.cpu_count()} CPUs")
    say()
    say(f"{flows / took:8.1f} flows per second")
    say(f"{pages / took:8.1f} requests per second")
    say(f"{opened * 100 / flows:8.1f} connections to Twilio per 100 flows")
    say(f"{asked / flows:8.1f} requests to Twilio per flow")
    say()
    say(f"{'page':14}{'p50 ms':>8}{'p95 ms':>8}{'queries':>9}")
    for name, times in flow.took.items():
        p50, p95 = statistics.median(times) * 1000, statistics.quantiles(times, n=20)[-1] * 1000
        queries = sorted(set(flow.queries[name]))
        shown = str(queries[0]) if len(queries) == 1 else f"{queries[0]}-{queries[-1]}"
        say(f"{name:14}{p50:8.0f}{p95:8.0f}{shown:>9}")
    say()
    # In a small process, because on Linux a child begins with the memory peak of its parent.
    subprocess.run([sys.executable, __file__, "--start-up"], check=True)
    say()
    say(json.dumps({"flows": flows, "seconds": round(took, 2), "connections": opened}))


def report_start_up() -> None:
    say(f"{'start-up':14}{'ms':>8}{'CPU ms':>8}{'of it gc':>10}{'MiB':>8}")
    for what, (wall, cpu, collecting, memory) in start_up().items():
        say(f"{what:14}{wall:8.0f}{cpu:8.0f}{collecting:10.0f}{memory:8.1f}")


def say(text: str = "") -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
