"""The platform function: accounts, projects and keys, for every path below /platform."""

from __future__ import annotations

from quartzdb_platform.aws_lambda.platform_function import platform_function
from quartzdb_platform.aws_lambda.settings import read_settings

handler = platform_function(read_settings())
