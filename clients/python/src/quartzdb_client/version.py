"""Which client this is."""

from __future__ import annotations

import sys

VERSION = "0.1.0"
USER_AGENT = f"quartzdb-python/{VERSION} python/{sys.version_info.major}.{sys.version_info.minor}"
