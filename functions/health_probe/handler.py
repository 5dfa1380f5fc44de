"""The health probe function: looks at both origins every second or so, and has the routing follow."""

from __future__ import annotations

from quartzdb.aws_lambda.health_probe_function import health_probe_function
from quartzdb.aws_lambda.settings import read_settings

handler = health_probe_function(read_settings())
