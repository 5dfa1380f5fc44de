"""QuartzDB as a server of the Model Context Protocol.

`command` is what is started, `server` what answers, `tools` what an agent can do. Nothing here knows the database but
by its Python client.
"""

from __future__ import annotations

__version__ = "0.1.0"
