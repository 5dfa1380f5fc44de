"""Imports and uses what was packed, with Lambda's version of Python and nothing else on its path.

Only for layers of this machine's processor: no other code can be run here.
"""

from __future__ import annotations

import json
import tempfile
import zipfile
from collections.abc import Iterable
from pathlib import Path

from layers.build.interpreter import Interpreter
from layers.build.plan import AWS_SERVICES
from layers.build.run import run

_BEGIN = """
import json, sys
folders, services = json.loads(sys.argv[1])
sys.path += folders
"""
_END = """
outside = [
    name for name, module in sys.modules.items()
    if "site-packages" in (getattr(module, "__file__", None) or "")
]
assert not outside, outside
"""
USE_OF_DATABASE = """
import numpy as np
vectors = np.eye(8, dtype="f4") + np.arange(64, dtype="f4").reshape(8, 8) / 1e3
# A library linked with fast-math may switch the whole process to treating tiny numbers as zero.
from annoy import AnnoyIndex
assert np.float32(1e-40) * np.float32(1) != 0
for metric in ("angular", "euclidean", "dot", "manhattan", "hamming"):
    index = AnnoyIndex(8, metric)
    for row, vector in enumerate(vectors):
        index.add_item(row, vector > 0.5 if metric == "hamming" else vector)
    index.build(4, n_jobs=1)
    found = index.get_nns_by_item(3, 1 if metric != "hamming" else 8, search_k=1000)
    assert 3 in found, (metric, found)

import faiss
flat = faiss.IndexFlatL2(8)
flat.add(vectors)
assert flat.search(vectors, 1)[1].ravel().tolist() == list(range(8))
coded = faiss.index_factory(8, "IVF2,RaBitQ")
coded.train(np.tile(vectors, (20, 1)))
coded.add(vectors)
assert coded.search(vectors, 1)[1].shape == (8, 1)

import Stemmer
assert Stemmer.Stemmer("english").stemWord("wings") == "wing"

import orjson, pyroaring, xxhash
assert list(pyroaring.BitMap.deserialize(pyroaring.BitMap([1, 70000]).serialize())) == [1, 70000]
assert orjson.loads(orjson.dumps({"a": [1]})) == {"a": [1]}
assert xxhash.xxh3_64_hexdigest(b"") == "2d06800538d394c2"

import mangum
from aws_lambda_powertools import Logger, Metrics
import boto3
for service in services:
    boto3.client(service, region_name="us-east-1", aws_access_key_id="none", aws_secret_access_key="none")

import quartzdb.api.app, quartzdb.wiring.embedded, quartzdb.wiring.aws, quartzdb.storage.index.query
"""
USE_OF_SIGNING = """
from quartzdb.adapters.ed25519 import public_key_text, signing, verifying
secret = "s" * 32
assert verifying([public_key_text(secret)])(b"text", signing(lambda: secret)(b"text"))
"""
USE_OF_PLATFORM = """
import quartzdb_platform.aws_lambda.platform_function
from quartzdb_platform.aws_platform import AwsPlatformSettings, open_aws_platform
from quartzdb_platform.api.app import create_app
settings = AwsPlatformSettings("t", "d", "https://db.example.com", "no-reply@example.com", "c", region="us-east-1")
assert "/platform/v1/sign-in" in create_app(open_aws_platform(settings, settings.clients())).openapi()["paths"]
"""
USE_OF_BILLING = """
import stripe
client = stripe.StripeClient("sk_test_none", base_addresses={"api": "http://127.0.0.1:1"})
assert client.v1.customers and client.v1.billing.meter_events and client.v1.checkout.sessions
"""


def smoke_test(layers: Iterable[Path], use: str, interpreter: Interpreter) -> None:
    """Unpack the zip files as Lambda would and use what is in them, as the program says. Raises BuildFailed."""
    with tempfile.TemporaryDirectory() as opt:
        for path in layers:
            with zipfile.ZipFile(path) as archive:
                archive.extractall(opt)
        arguments = json.dumps([[f"{opt}/python"], sorted(AWS_SERVICES)])
        # -I -S: without the interpreter's own packages, so that nothing missing is found by luck.
        run([interpreter.path, "-I", "-S", "-c", f"{_BEGIN}{use}{_END}", arguments])
