"""The compactor function: scheduled maintenance of every namespace, and the steps of large merges."""

from __future__ import annotations

from quartzdb.aws_lambda.compactor_function import compactor_function
from quartzdb.aws_lambda.settings import read_settings

handler = compactor_function(read_settings())
