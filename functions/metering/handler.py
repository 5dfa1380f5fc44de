"""The metering function: usage lines of the database's functions, counted for what projects pay."""

from __future__ import annotations

from quartzdb_platform.aws_lambda.metering_function import metering_function
from quartzdb_platform.aws_lambda.settings import read_metering_settings

handler = metering_function(read_metering_settings())
