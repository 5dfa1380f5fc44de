"""The platform's upkeep function: each minute, what is due of the platform's scheduled steps."""

from __future__ import annotations

from quartzdb_platform.aws_lambda.settings import read_settings
from quartzdb_platform.aws_lambda.upkeep_function import upkeep_function

handler = upkeep_function(read_settings())
