"""Metrics for Prometheus: they agree with the figures and hold nothing personal."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from django_twilio_2fa import metrics
from django_twilio_2fa.process import figures_report, folding

from ..people import EMAIL, PHONE, Person
from .made_up import rows_of_the_last

pytestmark = pytest.mark.usefixtures("sessions_in_database")

prometheus = pytest.importorskip("prometheus_client")
DOCS = Path(__file__).resolve().parents[3] / "docs"


@pytest.fixture
def registry() -> Any:
    found = prometheus.CollectorRegistry()
    metrics.register(found)
    return found


def summed(registry: Any, name: str) -> float:
    """Return the sum of all samples with a name."""
    return sum(s.value for family in registry.collect() for s in family.samples if s.name == name)


def test_metrics_are_the_sums_of_the_figures(pat: Person, registry: Any) -> None:
    rows_of_the_last(4, 25, pat.user)
    for _ in range(2):
        total = figures_report.report(figures_report.first_day("5d"))["total"]
        for metric in metrics.COUNTERS:
            expected = sum(total[name] for name in metric.counts)
            assert summed(registry, f"{metric.name}_total") == expected
        assert summed(registry, "twilio_2fa_approval_seconds_count") == total["approved"]
        assert folding.fold() >= 0  # The second round tests the metrics after a fold.


def test_the_buckets_of_the_histogram_add_up(pat: Person, registry: Any) -> None:
    rows = rows_of_the_last(1, 80, pat.user)
    durations = [(r.approved_at - r.created_at).total_seconds() for r in rows if r.approved_at is not None]
    told: dict[str, float] = {}
    for family in registry.collect():
        for sample in family.samples:
            if sample.name == "twilio_2fa_approval_seconds_bucket":
                told[sample.labels["le"]] = told.get(sample.labels["le"], 0) + sample.value
    assert told["+Inf"] == len(durations)
    assert all(told[f"{float(most)}"] == sum(d <= most for d in durations) for most in metrics.BUCKETS[:8])


def test_counters_do_not_go_down_when_a_send_is_refused(demo: Person, registry: Any) -> None:
    demo.opens("start").picks("sms").registers("202 555 0169")  # refused as fraud
    assert summed(registry, "twilio_2fa_sends_total") == 1
    assert summed(registry, "twilio_2fa_sends_refused_total") == 1


def test_labels_and_metrics_hold_nothing_personal(sam: Person, registry: Any) -> None:
    sam.opens("start").picks("sms").types_the_code()
    text = prometheus.generate_latest(registry).decode()
    assert 'method="sms"' in text
    assert set(re.findall(r'(\w+)="', text)) == {*metrics.LABELS, "le"}
    for personal in (PHONE, PHONE[2:], EMAIL, "sam", "XXX"):
        assert personal not in text.replace("samples", "")


def test_every_metric_is_documented(db: None, registry: Any) -> None:
    page = (DOCS / "figures.md").read_text()
    names = {f"{metric.name}_total" for metric in metrics.COUNTERS} | {metrics.HISTOGRAM.name}
    assert set(re.findall(r"`(twilio_2fa_\w+)` \|", page)) == names


def test_registering_the_metrics_makes_no_query(django_assert_num_queries: Any, db: None) -> None:
    with django_assert_num_queries(0):
        metrics.register(prometheus.CollectorRegistry())
