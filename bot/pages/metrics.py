"""Metrics: the counts of the record as Prometheus reads them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric

from bot.record import BUCKETS, Facts

_COUNTERS = {
    "deliveries": ("Webhook deliveries by event and outcome.", ("event", "outcome")),
    "jobs": ("Jobs by the action that asked for them and how they ended.", ("reason", "ending")),
    "findings": ("Findings that reviews told of, by rule.", ("rule",)),
    "suggestions": ("Suggestions that were made, and that were committed.", ("state",)),
    "suggested_bytes": ("Bytes that suggestions are known to save.", ()),
    "accepted_bytes": ("Bytes that committed suggestions are known to save.", ()),
    "builds": ("Images that were ordered to be built, by whether they were measured.", ("outcome",)),
    "github_requests": ("Requests to GitHub by who asked: jobs of an installation, or the App itself.", ("as",)),
}
_HISTOGRAMS = {
    "delivery_seconds": "How long a delivery took until its answer.",
    "job_seconds": "How long a job took.",
}


def write_metrics(facts: Facts, waiting: int) -> bytes:
    """Return the figures in Prometheus's text format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector([*_counters(facts), *_histograms(facts), *_gauges(facts, waiting)]))
    return generate_latest(registry)


class _Collector:
    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = list(families)

    def collect(self) -> Iterable[Metric]:
        return self._families


def _counters(facts: Facts) -> Iterator[Metric]:
    for name, (text, labels) in _COUNTERS.items():
        family = CounterMetricFamily(f"dockslim_{name}", text, labels=labels)
        found = {tuple(rest): value for (first, *rest), value in facts.counts.items() if first == name}
        # What has no labels is 0 from the start; of what has, the labels are not known before.
        for values, value in (found or ({} if labels else {(): 0.0})).items():
            family.add_metric(values, value)
        yield family


def _histograms(facts: Facts) -> Iterator[Metric]:
    for name, text in _HISTOGRAMS.items():
        total = 0.0
        buckets = []
        for bound in (*map(repr, BUCKETS), "+Inf"):
            total += facts.counts.get((name, bound), 0.0)
            buckets.append((bound, total))
        family = HistogramMetricFamily(f"dockslim_{name}", text)
        family.add_metric((), buckets, facts.counts.get((name, "sum"), 0.0))
        yield family


def _gauges(facts: Facts, waiting: int) -> Iterator[Metric]:
    remaining = GaugeMetricFamily(
        "dockslim_github_remaining_requests",
        "Requests that an installation has left in its hour.",
        labels=("installation",),
    )
    for installation, left in facts.remaining.items():
        remaining.add_metric((installation,), left)
    yield remaining
    yield GaugeMetricFamily("dockslim_queue_jobs", "Jobs that have not ended.", value=waiting)
