"""The search function: the same application with more memory, to which CloudFront sends queries."""

from __future__ import annotations

from quartzdb.aws_lambda.http_function import http_function
from quartzdb.aws_lambda.settings import read_settings

handler = http_function(read_settings(), searches=True)
