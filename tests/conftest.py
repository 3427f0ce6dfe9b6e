"""Settings for the whole suite."""

from __future__ import annotations

import os

from hypothesis import settings

# Examples are drawn anew at a developer's desk; where a run decides what lands, it is the same run for the same code.
# No deadline: how long one example takes says more of the machine than of the code.
settings.register_profile("desk", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "desk")
