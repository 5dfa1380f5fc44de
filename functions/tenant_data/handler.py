"""The tenant data function: sizes, archives and deletion of what tenants have, for the platform's functions."""

from __future__ import annotations

from quartzdb.aws_lambda.settings import read_settings
from quartzdb.aws_lambda.tenant_data_function import tenant_data_function

handler = tenant_data_function(read_settings())
