"""A real Chromium without a window, spoken to over its DevTools pipe: no driver, no download, no dependency."""

from __future__ import annotations

import base64
import itertools
import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

DESKTOP = (1280, 800)
PHONE = (390, 844)
SECONDS = 60.0


def find_chromium() -> str:
    """Return the browser; skip the test where there is none, but not where a run decides what lands."""
    found = shutil.which("chromium")
    if found is None:
        message = "chromium is not installed (Debian: apt-get install chromium)"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return found


@dataclass
class Page:
    """One tab. `problems` is what the browser complained about: blocked by a policy, not found, an exception."""

    pipe: Pipe
    session: str
    problems: list[str] = field(default_factory=list)

    def resize(self, size: tuple[int, int]) -> None:
        """Show the page at a width and height in CSS pixels, as a phone does below 500."""
        metrics = {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": size[0] < 500}
        self.ask("Emulation.setDeviceMetricsOverride", **metrics)

    def open(self, url: str) -> None:
        """Go to an address and wait until the page is there."""
        self._await_load(lambda: self.ask("Page.navigate", url=url))

    def click(self, words: str) -> None:
        """Click the button or link that says so, and wait for the page that it leads to."""
        find = (
            "[...document.querySelectorAll('button, a')]"
            f".filter(each => each.textContent.trim().startsWith({json.dumps(words)}))[0].click()"
        )
        self._await_load(lambda: self.evaluate(find))

    def fill(self, selector: str, value: str) -> None:
        """Put a value into a field."""
        self.evaluate(f"document.querySelector({json.dumps(selector)}).value = {json.dumps(value)}")

    def evaluate(self, expression: str) -> Any:
        """Return what an expression comes to in the page; its own policy does not apply to it."""
        answer = self.ask("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    @property
    def text(self) -> str:
        """What a reader sees."""
        return str(self.evaluate("document.body.innerText"))

    @property
    def url(self) -> str:
        """Where the page is."""
        return str(self.evaluate("location.href"))

    def overflowing(self) -> list[str]:
        """Return the elements that reach beyond the right edge and cannot be scrolled to inside a box of their own."""
        return list(
            self.evaluate("""
            [...document.querySelectorAll('body *')]
              .filter(each => each.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
              .filter(each => { for (let up = each; up; up = up.parentElement)
                  if (['auto', 'scroll', 'hidden'].includes(getComputedStyle(up).overflowX)) return false;
                return true; })
              .map(each => each.tagName + ' ' + each.className + ' ' + each.textContent.slice(0, 60))
            """)
        )

    def screenshot(self, path: Path) -> None:
        """Write the whole page as a PNG."""
        image = self.ask("Page.captureScreenshot", captureBeyondViewport=True)["data"]
        path.write_bytes(base64.b64decode(image))

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a method of the DevTools protocol."""
        return self.pipe.ask(method, parameters, self.session, self.hear)

    def hear(self, event: dict[str, Any]) -> None:
        """Take note of an event."""
        said = event.get("params", {})
        if event.get("method") == "Log.entryAdded" and said["entry"]["level"] == "error":
            self.problems.append(said["entry"]["text"])
        if event.get("method") == "Runtime.exceptionThrown":
            self.problems.append(str(said))

    def _await_load(self, act: Any) -> None:
        self.pipe.loaded = False
        act()
        until = time.monotonic() + SECONDS
        while not self.pipe.loaded:
            self.pipe.read(until, self.hear)


class Pipe:
    """The two ends of the DevTools pipe: JSON, each message ended by a zero byte."""

    def __init__(self, reader: int, writer: int) -> None:
        self._reader, self._writer = reader, writer
        self._buffer = b""
        self._ids = itertools.count(1)
        self.loaded = False

    def ask(
        self, method: str, parameters: dict[str, Any], session: str | None = None, hear: Any = None
    ) -> dict[str, Any]:
        """Send a command and return its result."""
        number = next(self._ids)
        message = {"id": number, "method": method, "params": parameters}
        os.write(self._writer, json.dumps(message | ({"sessionId": session} if session else {})).encode() + b"\0")
        until = time.monotonic() + SECONDS
        while True:
            answer = self.read(until, hear)
            if answer.get("id") == number:
                assert "error" not in answer, f"{method}: {answer['error']}"
                return dict(answer["result"])

    def read(self, until: float, hear: Any = None) -> dict[str, Any]:
        """Return the next message."""
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._reader], [], [], max(until - time.monotonic(), 0))
            assert ready, "chromium does not answer"
            chunk = os.read(self._reader, 1 << 20)
            assert chunk, "chromium has ended"
            self._buffer += chunk
        raw, _, self._buffer = self._buffer.partition(b"\0")
        message: dict[str, Any] = json.loads(raw)
        self.loaded |= message.get("method") == "Page.loadEventFired"
        if hear is not None and "method" in message:
            hear(message)
        return message


@contextmanager
def browsing(
    directory: Path, *, headers: dict[str, str] | None = None, arguments: Sequence[str] = ()
) -> Iterator[Page]:
    """Run Chromium with a profile below `directory`, and hand out one page, desktop size."""
    chromium = find_chromium()
    (its_in, our_out), (our_in, its_out) = os.pipe(), os.pipe()
    options = [
        *("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"),
        *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-proxy-server"),
        *("--hide-scrollbars", f"--user-data-dir={directory / 'profile'}", "--remote-debugging-pipe", *arguments),
    ]
    with (directory / "chromium.log").open("wb") as log:
        # The pipe has to be 3 and 4.
        process = subprocess.Popen(
            ["bash", "-c", f'exec "$@" 3<&{its_in} 4>&{its_out}', "bash", chromium, *options],
            pass_fds=(its_in, its_out),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    os.close(its_in)
    os.close(its_out)
    pipe = Pipe(our_in, our_out)
    try:
        target = pipe.ask("Target.createTarget", {"url": "about:blank"})["targetId"]
        session = pipe.ask("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        page = Page(pipe, session)
        for domain in ("Page", "Log", "Runtime", "Network"):
            page.ask(f"{domain}.enable")
        if headers:
            page.ask("Network.setExtraHTTPHeaders", headers=headers)
        page.resize(DESKTOP)
        yield page
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        os.close(our_in)
        os.close(our_out)
