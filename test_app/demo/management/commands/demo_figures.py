"""`manage.py demo_figures`: make up a year of figures for their page in the admin."""

from __future__ import annotations

import math
import random
from argparse import ArgumentParser
from datetime import date, timedelta
from typing import Any

from django.core.management.base import BaseCommand

from django_twilio_2fa.models import DailyAttempt, DailyFigure, Purpose

# The number of messages on a usual day.
METHODS = {"sms": 60, "call": 5, "email": 25, "totp": 0, "whatsapp": 8}
COUNTRIES = {"US": 0.6, "GB": 0.2, "DE": 0.15, "FR": 0.05}


class Command(BaseCommand):
    help = "Replaces the figures by a year of made-up ones, with a night of text-message pumping."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--days", type=int, default=364)

    def handle(self, *, days: int, **options: Any) -> None:
        made = random.Random(20)  # noqa: S311 - no secret: the same year every time
        DailyFigure.objects.all().delete()
        DailyAttempt.objects.all().delete()
        today = date.today()
        for ago in range(days, -1, -1):
            day = today - timedelta(days=ago)
            weekly = 0.6 if day.weekday() > 4 else 1.0
            growth = 0.6 + 0.8 * (days - ago) / max(1, days) + 0.1 * math.sin(ago / 9)
            for method, usual in METHODS.items():
                places = COUNTRIES if method not in ("email", "totp") else {"": 1.0}
                for country, share in places.items():
                    n = int(made.gauss(1, 0.15) * (usual or 30) * share * weekly * growth)
                    self._store(made, day, method, country, max(0, n))
            if ago == 40:
                self._store(made, day, "sms", "LV", 900, converts=0.01)
        self.stdout.write(f"{DailyFigure.objects.count()} figures were made up.")

    def _store(
        self, made: random.Random, day: date, method: str, country: str, n: int, converts: float = 0.88
    ) -> None:
        for purpose, share in ((Purpose.PROVE, 0.8), (Purpose.ENROL, 0.2)):
            tried = int(n * share)
            if not tried:
                continue
            approved = sum(made.random() < converts for _ in range(tried))
            left = tried - approved
            times: dict[str, int] = {}
            for _ in range(approved):
                seconds = str(max(3, min(119, int(made.lognormvariate(2.9, 0.5)))))
                times[seconds] = times.get(seconds, 0) + 1
            sends = METHODS[method] > 0
            DailyFigure.objects.create(
                day=day,
                method=method,
                country=country,
                purpose=purpose,
                verifications=tried,
                sent=tried + tried // 9 if sends else 0,
                approved=approved,
                failed=left // 4,
                expired=left - left // 4 - left // 5,
                canceled=left // 5,
                refused=made.choice((0, 0, 1)) if sends else 0,
                limited=made.choice((0, 0, 0, 2)),
                locked=made.choice((0,) * 20 + (1,)),
                times=times,
            )
            if sends and method != "email":
                sent = tried + tried // 9
                DailyAttempt.objects.create(
                    day=day,
                    method=method,
                    country=country,
                    purpose=purpose,
                    attempts=sent,
                    converted=approved,
                    known=sent,
                    delivered=int(sent * 0.97),
                    price="0.0083",
                    currency="usd",
                )
