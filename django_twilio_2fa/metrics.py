"""Export the figures to Prometheus. Needs the extra `metrics`.

The numbers are read from the database at each scrape. They include all servers and processes, and they do
not slow down sending and checking. Labels contain no personal data.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from datetime import date
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from prometheus_client.registry import CollectorRegistry

LABELS = ("method", "country", "purpose")
BUCKETS = (5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 300, 600)
"""The upper bounds of the histogram, in seconds."""

EVER = date(1970, 1, 1)


class Metric(NamedTuple):
    """One counter: its name without `_total`, the figures that it sums, and its help text."""

    name: str
    counts: tuple[str, ...]
    doc: str


# A send that its provider refuses moves from `sent` to `refused`. The first counter sums both, because a
# counter must not decrease.
COUNTERS = (
    Metric("twilio_2fa_sends", ("sent", "refused"), "Messages that were given to the provider."),
    Metric("twilio_2fa_sends_refused", ("refused",), "Messages that the provider refused."),
    Metric("twilio_2fa_verifications_approved", ("approved",), "Verifications that were approved."),
    Metric("twilio_2fa_verifications_failed", ("failed",), "Verifications with too many wrong codes."),
    Metric("twilio_2fa_verifications_expired", ("expired",), "Verifications whose code expired."),
    Metric("twilio_2fa_verifications_canceled", ("canceled",), "Verifications that were canceled."),
    Metric("twilio_2fa_limited", ("limited",), "Sends and checks that a limit or a budget refused."),
    Metric("twilio_2fa_locks", ("locked",), "Users and sessions that were locked."),
)
HISTOGRAM = Metric("twilio_2fa_approval_seconds", (), "Seconds from the first send to the approval.")


class FiguresCollector:
    """A collector for `prometheus_client` that reads all figures at each scrape."""

    def collect(self) -> Iterator[Any]:
        """Yield the metrics with their current values."""
        from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily

        from .process import figures_report, folding

        counts: dict[tuple[str, str, str], Counter[str]] = defaultdict(Counter)
        times: dict[tuple[str, str, str], Counter[int]] = defaultdict(Counter)
        for group, figure in folding.read(EVER, figures_report.today()).items():
            key = (group.method, group.country, group.purpose)
            counts[key].update(figure.counts)
            times[key].update(figure.times)
        for metric in COUNTERS:
            family = CounterMetricFamily(metric.name, metric.doc, labels=LABELS)
            for key in sorted(counts):
                family.add_metric(list(key), sum(counts[key][name] for name in metric.counts))
            yield family
        seconds = HistogramMetricFamily(HISTOGRAM.name, HISTOGRAM.doc, labels=LABELS)
        for key in sorted(times):
            if times[key]:
                total = sum(second * n for second, n in times[key].items())
                seconds.add_metric(list(key), _buckets(times[key]), total)
        yield seconds

    def describe(self) -> Iterable[Any]:
        """Return nothing, so that registering the collector makes no query."""
        return []


def _buckets(times: Counter[int]) -> list[tuple[str, float]]:
    found = [(f"{float(most)}", sum(n for s, n in times.items() if s <= most)) for most in BUCKETS]
    return [*found, ("+Inf", sum(times.values()))]


def register(registry: CollectorRegistry | None = None) -> FiguresCollector:
    """Register the figures with a registry, by default with that of `prometheus_client`.

    Call it once, in the process that Prometheus scrapes. Returns the collector. Raises `ImportError` without
    the extra `metrics`, and `ValueError` for a registry that has a metric of the same name.
    """
    from prometheus_client import REGISTRY

    collector = FiguresCollector()
    (registry or REGISTRY).register(collector)
    return collector
