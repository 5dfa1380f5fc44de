"""The replicator function: drives replication with the other site."""

from __future__ import annotations

from quartzdb.aws_lambda.replicator_function import replicator_function
from quartzdb.aws_lambda.settings import read_settings

handler = replicator_function(read_settings())
