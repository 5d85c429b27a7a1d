"""Measure whether response times reveal which user names exist: `make bench ARGS=--names`.

An attacker names users (`ALLOW_UNAUTHENTICATED_USERS`) of three kinds in turns: users with a device, names
without a user, and users without a device. The steps for each name: send, resend, a wrong code, and cancel.
Prints the median of each step, and fails if the medians of a step differ by more than 10 %.

The first run has only the decoys: each request to Twilio takes 50 ms, give or take 10. The second run has the
minimum time of the settings as well: a send takes Twilio three times as long as the request of a decoy. The
first run also fails if the machine is so busy that a missing request to Twilio would not be noticed.
"""

from __future__ import annotations

import json
import os
import platform
import random
import statistics
import subprocess
import sys
import time
from argparse import ArgumentParser
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import bench
import requests

KINDS = ("somebody", "nobody", "nothing registered")
JITTER, LATENCY = 0.01, 0.05
APART = 0.1


class Times:
    """The times of each step for each kind of name."""

    def __init__(self, site: str) -> None:
        self.site = site
        self.took: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))

    def walk(self, told: tuple[str, str]) -> None:
        kind, name = told
        session = requests.Session()
        # The time to connect to the site is not measured.
        session.get(f"{self.site}/login/", timeout=60)

        def asks(step: str, endpoint: str, status: int, **values: str) -> Any:
            began = time.perf_counter()
            answer = session.post(f"{self.site}/api/2fa/{endpoint}/?user_id={name}", values, timeout=60)
            self.took[step][kind].append(time.perf_counter() - began)
            assert answer.status_code == status, (step, kind, answer.status_code, answer.text)
            return answer.json()

        id = asks("send", "send", 200, method="sms")["verification_id"]
        asks("resend", "send", 200, method="sms")
        asks("check", "verify", 400, verification_id=id, code="000000")
        asks("cancel", "cancel", 200, verification_id=id)

    def table(self) -> tuple[list[str], bool]:
        """Return the medians in ms as a Markdown table, and whether they are close enough to each other."""
        lines = [f"| | {' | '.join(KINDS)} | apart |", "|---|---|---|---|---|"]
        alike = True
        for step, by_kind in self.took.items():
            medians = [statistics.median(by_kind[kind]) * 1000 for kind in KINDS]
            apart = max(medians) / min(medians) - 1
            alike = alike and apart <= APART
            shown = " | ".join(f"{median:.1f} ms" for median in medians)
            lines.append(f"| {step} | {shown} | {apart:.1%} |")
        return lines, alike


def make_names(n: int, run: str) -> list[tuple[str, str]]:
    """Return names of each kind, in turns. Create the users that exist."""
    from django.contrib.auth import get_user_model

    from django_twilio_2fa.contacts import PhoneNumber
    from django_twilio_2fa.models import Device

    names = []
    for i in range(n):
        user = get_user_model().objects.create_user(f"{run}-somebody{i}")
        Device.objects.register(user, PhoneNumber(f"+1415{2000000 + i}"))
        get_user_model().objects.create_user(f"{run}-nothing{i}")
        turn = [
            ("somebody", user.username),
            ("nobody", f"{run}-nobody{i}"),
            ("nothing registered", f"{run}-nothing{i}"),
        ]
        random.shuffle(turn)
        names += turn
    return names


def run(n: int, folder: Path) -> bool:
    env, drop = bench.prepare(folder)
    names = {which: make_names(n, which) for which in ("decoys", "least")}
    from django.db import connections

    connections.close_all()
    say(f"{bench.WORKERS} workers of 8 threads, {env['DATABASE_URL'].partition(':')[0]}, {n} of each kind")
    say(f"{platform.python_implementation()} {platform.python_version()}, {os.cpu_count()} CPUs")
    try:
        say()
        say(f"With nothing but the decoys, Twilio {LATENCY * 1000:.0f} ± {JITTER * 1000:.0f} ms away:")
        alike = measured(names["decoys"], env, least="0", clients=4, sends_take=1.0)
        say()
        say("With the least time of a second, a send three times as long as anything else:")
        return measured(names["least"], env, least="1", clients=16, sends_take=3.0) and alike
    finally:
        drop()


def measured(names: list[tuple[str, str]], env: dict[str, str], **how: Any) -> bool:
    site_port, twilio_port = bench.free_port(), bench.free_port()
    env = {**env, "BENCH_TWILIO": f"http://127.0.0.1:{twilio_port}", "BENCH_NAMES": how["least"]}
    slow = [sys.executable, __file__, "--twilio", str(twilio_port), "--sends-take", str(how["sends_take"])]
    served = [
        subprocess.Popen(slow, env=env),
        subprocess.Popen(bench.site(site_port), env=env),
    ]
    try:
        bench.until_up(f"{env['BENCH_TWILIO']}/sandbox/status")
        times = Times(f"http://127.0.0.1:{site_port}")
        bench.until_up(f"{times.site}/login/")
        with ThreadPoolExecutor(how["clients"]) as pool:
            # Warm-up: each worker opens its first connection.
            list(pool.map(Times(times.site).walk, [("nobody", f"warm{how['least']}-{i}") for i in range(12)]))
            list(pool.map(times.walk, names))
    finally:
        for process in served:
            process.terminate()
            process.wait()
    lines, alike = times.table()
    say("\n".join(["", *lines]))
    send = statistics.median(times.took["send"]["somebody"])
    if how["least"] == "0" and 2 * APART * send > LATENCY:
        say(f"\nToo busy: of {send * 1000:.0f} ms, Twilio's {LATENCY * 1000:.0f} would not stand out.")
        return False
    return alike


def serve(port: int, sends_take: float) -> None:
    """Serve a distant Twilio: an answer takes `LATENCY` ± `JITTER`, and a send `sends_take` times as long.

    Its answers have the shape of the sandbox's answers, but nothing is stored, because the work of a sandbox
    on the same machine would distort the times.
    """
    import django

    django.setup()
    from django_twilio_2fa.sandbox import engine, server
    from django_twilio_2fa.sandbox.models import SandboxVerification, new_sid
    from django_twilio_2fa.sandbox.resources import verifications

    def answered(method: str, path: str, values: dict[str, str]) -> tuple[int, dict[str, Any] | None]:
        if method == "GET":
            answer = engine.handle(engine.Request(method, path, values, "AC" + "5" * 32, "sandbox"))
            return answer.status, answer.body
        sid = values.get("VerificationSid") or new_sid("VE")
        to, channel = values.get("To", ""), values.get("Channel", "sms")
        return 201, verifications.check_body(SandboxVerification(sid=sid, to=to, channel=channel))

    class Distant(server.Handler):
        def serve(self, path: str, values: dict[str, str]) -> None:
            far = random.uniform(LATENCY - JITTER, LATENCY + JITTER)
            time.sleep(far * (sends_take if path.endswith("/Verifications") else 1))
            status, body = answered(self.command, path, values)
            self.send(status, json.dumps(body).encode(), {})

    served = server.SandboxServer(port)
    served.RequestHandlerClass = Distant
    served.run()


def say(text: str = "") -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    parser = ArgumentParser()
    parser.add_argument("--twilio", type=int, required=True)
    parser.add_argument("--sends-take", type=float, required=True)
    options = parser.parse_args()
    serve(options.twilio, options.sends_take)
