"""Run the sandbox GitHub as a process of its own: `python -m cli.sandbox`."""

from __future__ import annotations

import argparse
import json
import signal
import threading
from pathlib import Path

from cli.sandbox.sandbox import Sandbox


def main() -> None:
    """Serve until interrupted; the first line printed is JSON with the address and the App's credentials."""
    parser = argparse.ArgumentParser(prog="python -m cli.sandbox", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="port to listen on (default: a free one)")
    parser.add_argument("--webhook-url", help="where webhooks are delivered")
    parser.add_argument("--webhook-secret", default="sandbox-webhook-secret", help="what they are signed with")
    parser.add_argument("--app-id", type=int, default=1001, help="number of the App")
    parser.add_argument(
        "--private-key-file", type=Path, help="the App's private key: read if it exists, else written there"
    )
    options = parser.parse_args()
    file: Path | None = options.private_key_file
    key = file.read_text() if file is not None and file.exists() else None
    sandbox = Sandbox(
        webhook_url=options.webhook_url,
        webhook_secret=options.webhook_secret,
        app_id=options.app_id,
        private_key=key,
    )
    if file is not None and key is None:
        file.touch(0o600)
        file.write_text(sandbox.private_key)
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    with sandbox, sandbox.serving(port=options.port) as url:
        about = {"url": url, "app_id": sandbox.app_id, "private_key": sandbox.private_key}
        print(json.dumps(about), flush=True)
        stopped.wait()


if __name__ == "__main__":
    main()
