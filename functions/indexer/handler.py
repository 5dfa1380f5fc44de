"""The indexer function: the stream of the table wakes it to fold what was written into segments."""

from __future__ import annotations

from quartzdb.aws_lambda.indexer_function import indexer_function
from quartzdb.aws_lambda.settings import read_settings

handler = indexer_function(read_settings())
