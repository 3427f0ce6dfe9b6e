"""Webhook deliveries: signed, sent in order by one thread, logged, and sent again on request."""

from __future__ import annotations

import hashlib
import hmac
import itertools
import json
import queue
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

import httpx

from cli.sandbox.faults import Faults
from cli.sandbox.state import App, Json, new_id, now

# GitHub Docs, "Best practices for using webhooks": a server answers within 10 seconds or the delivery fails.
TIMEOUT_SECONDS = 10.0
# GitHub Docs, "Webhook events and payloads": payloads are capped at 25 MB, larger ones are not sent.
PAYLOAD_BYTES = 25 * 1024 * 1024
SHUFFLE_SECONDS = 0.5
UNSENT = "Not sent"


@dataclass(eq=False, slots=True)
class Delivery:
    """One attempt to deliver one event."""

    event: str
    action: str | None
    body: bytes
    installation_id: int | None
    repository_id: int | None
    guid: str = field(default_factory=lambda: str(uuid.uuid4()))
    redelivery: bool = False
    status: str = UNSENT
    status_code: int = 0
    duration: float = 0.0
    url: str | None = None
    request_headers: dict[str, str] = field(default_factory=dict)
    response_headers: dict[str, str] = field(default_factory=dict)
    response_body: str = ""
    id: int = field(default_factory=new_id)
    delivered_at: datetime = field(default_factory=now)

    @property
    def payload(self) -> Json:
        """The payload, decoded."""
        decoded: Json = json.loads(self.body)
        return decoded

    def again(self) -> Delivery:
        """Return a fresh attempt with the same GUID."""
        return Delivery(self.event, self.action, self.body, self.installation_id, self.repository_id, self.guid, True)


class Webhooks:
    """Sends what happens to the App's hook URL and remembers how it went."""

    def __init__(self, app: App, faults: Faults) -> None:
        self._app = app
        self._faults = faults
        self._queue: queue.Queue[Delivery | None] = queue.Queue()
        self._log: list[Delivery] = []
        self._lock = threading.Lock()
        self._idle = threading.Condition(self._lock)
        self._pending = 0
        self._thread: threading.Thread | None = None

    def __iter__(self) -> Iterator[Delivery]:
        with self._lock:
            return iter(self._log.copy())

    def __len__(self) -> int:
        return len(self._log)

    def find(self, identifier: int) -> Delivery | None:
        """Return a delivery of the log."""
        return next((delivery for delivery in self if delivery.id == identifier), None)

    def clear(self) -> None:
        """Forget what was delivered."""
        with self._lock:
            self._log.clear()

    def send(self, delivery: Delivery) -> None:
        """Log a delivery and queue it, unless the App has no hook URL or the payload is too large."""
        with self._lock:
            self._log.append(delivery)
            if self._app.webhook_url is None or len(delivery.body) > PAYLOAD_BYTES:
                return
            self._pending += 1
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="sandbox-webhooks", daemon=True)
                self._thread.start()
        self._queue.put(delivery)

    def wait(self, timeout: float) -> bool:
        """Wait until nothing is queued or under way."""
        with self._idle:
            return self._idle.wait_for(lambda: self._pending == 0, timeout)

    def close(self) -> None:
        """Deliver what is queued, then stop the thread."""
        with self._lock:
            thread, self._thread = self._thread, None
        if thread is not None:
            self._queue.put(None)
            thread.join(TIMEOUT_SECONDS + 1)

    def _work(self) -> None:
        # trust_env off: a proxy of the machine must not see (or swallow) local deliveries.
        with httpx.Client(timeout=TIMEOUT_SECONDS, trust_env=False) as client:
            held: list[Delivery] = []
            while True:
                try:
                    delivery = self._queue.get(timeout=SHUFFLE_SECONDS if held else None)
                except queue.Empty:
                    self._release(client, held)
                    continue
                if delivery is None:
                    self._release(client, held)
                    return
                self._meet_faults(client, delivery, held)

    def _meet_faults(self, client: httpx.Client, delivery: Delivery, held: list[Delivery]) -> None:
        fault = self._faults.strike_delivery(delivery.event)
        mischief = fault.mischief if fault else None
        if mischief == "shuffle":
            held.append(delivery)
            if fault is not None and self._faults.remaining.get(fault):
                return
            self._release(client, held)
        elif mischief == "drop":
            delivery.status, delivery.status_code = "failed to connect to host", 502
            self._done()
        else:
            for _ in range(2 if mischief == "duplicate" else 1):
                self._post(client, delivery)
            self._done()

    def _release(self, client: httpx.Client, held: list[Delivery]) -> None:
        while held:
            self._post(client, held.pop())
            self._done()

    def _done(self) -> None:
        with self._idle:
            self._pending -= 1
            self._idle.notify_all()

    def _post(self, client: httpx.Client, delivery: Delivery) -> None:
        url = self._app.webhook_url
        if url is None:
            return
        delivery.url, delivery.delivered_at = url, now()
        delivery.request_headers = self._headers(delivery)
        started = time.monotonic()
        try:
            response = client.post(url, content=delivery.body, headers=delivery.request_headers)
        except httpx.TimeoutException:
            delivery.status, delivery.status_code = "timed out", 504
        except httpx.HTTPError:
            delivery.status, delivery.status_code = "failed to connect to host", 502
        else:
            delivery.status_code = response.status_code
            delivery.status = "OK" if response.is_success else f"Invalid HTTP Response: {response.status_code}"
            delivery.response_headers = dict(response.headers)
            delivery.response_body = response.text[:10_000]
        delivery.duration = round(time.monotonic() - started, 2)

    def _headers(self, delivery: Delivery) -> dict[str, str]:
        secret = self._app.webhook_secret.encode()
        return {
            "Accept": "*/*",
            "Content-Type": "application/json",
            "User-Agent": f"GitHub-Hookshot/{hashlib.sha256(delivery.guid.encode()).hexdigest()[:7]}",
            "X-GitHub-Delivery": delivery.guid,
            "X-GitHub-Event": delivery.event,
            "X-GitHub-Hook-ID": str(self._app.hook_id),
            "X-GitHub-Hook-Installation-Target-ID": str(self._app.id),
            "X-GitHub-Hook-Installation-Target-Type": "integration",
            "X-Hub-Signature": f"sha1={hmac.new(secret, delivery.body, 'sha1').hexdigest()}",
            "X-Hub-Signature-256": f"sha256={hmac.new(secret, delivery.body, 'sha256').hexdigest()}",
        }


def page(deliveries: Webhooks, cursor: str | None, size: int) -> tuple[list[Delivery], str | None]:
    """Return one page of the log, newest first, and the cursor of the next."""
    # What is still under way, or was never sent, is in no log.
    newest = sorted((each for each in deliveries if each.status != UNSENT), key=lambda delivery: -delivery.id)
    start = int(cursor.removeprefix("v1_")) if cursor and cursor.removeprefix("v1_").isdigit() else None
    wanted = [delivery for delivery in newest if start is None or delivery.id <= start]
    shown = list(itertools.islice(wanted, size))
    return shown, f"v1_{wanted[size].id}" if len(wanted) > size else None
