"""A worker process, as `dockslim worker` runs one: settings from the environment."""

from __future__ import annotations

import os

from bot.settings import read_settings
from workers.app import run_worker

if __name__ == "__main__":
    run_worker(read_settings(os.environ), os.environ["DOCKSLIM_REDIS_URL"])
