"""What is built: processors, layers, the packages of each, and how large they may become. Only constants and types."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

PYTHON = (3, 13)
ABI = "313"
# The runtime is Amazon Linux 2023, which has glibc 2.34. Wheels are asked for one step below, the last that all of ours
# are built for.
GLIBC_MINOR_MAX = 34
WHEEL_PLATFORM = "manylinux_2_28"
GLIBC_TARGET = "2.28"


@dataclass(frozen=True, slots=True)
class Architecture:
    """One of Lambda's processors, in the words of each tool."""

    name: str  # Lambda's word
    machine: str  # uname's, wheels' and Zig's word
    elf_machine: int
    cpu: str  # what Annoy is compiled for: what every machine of Lambda has, and nothing newer


ARCHITECTURES = (
    # v3 is AVX2 and FMA: Lambda's documentation promises AVX2. AVX-512 is on some hosts only.
    Architecture("x86_64", "x86_64", 62, "x86_64_v3"),
    # Graviton2, the oldest that Lambda runs on.
    Architecture("arm64", "aarch64", 183, "neoverse_n1"),
)

# Whatever requirements-lambda.txt locks and no other layer claims belongs to `api`. What the platform's lock
# (requirements-lambda-platform.txt) has beyond that, and its package, belong to `platform`.
API, ENGINES, QUARTZDB, PLATFORM, SIGNING = "api", "engines", "quartzdb", "platform", "signing"
BILLING = "billing"
LAYERS = (API, ENGINES, QUARTZDB, PLATFORM, SIGNING, BILLING)
# What one function has, in the order in which Lambda puts them over each other.
DATABASE_LAYERS = (API, ENGINES, QUARTZDB)
PLATFORM_LAYERS = (API, QUARTZDB, PLATFORM)
# The one that replicates, which nobody waits for. What it signs with is in the platform's lock.
SIGNING_LAYERS = (*DATABASE_LAYERS, SIGNING)
# The one that talks to Stripe. Its SDK is as large as all that the platform has beside it, and no page waits for it.
BILLING_LAYERS = (*PLATFORM_LAYERS, BILLING)
BILLING_PACKAGES = frozenset({"certifi", "charset-normalizer", "requests", "stripe"})
SIGNING_PACKAGES = frozenset({"cffi", "cryptography", "pycparser"})
# With engines belongs what finds the stems of words: only who searches or builds segments needs either.
ENGINE_PACKAGES = frozenset({"annoy", "faiss-cpu", "pystemmer"})
# An sdist only, whose default is to compile for the machine it is compiled on.
COMPILED_HERE = "annoy"

# botocore describes some four hundred services, in 28 MB. These are the ones that functions may call, 1.2 MB. HAZARD: a
# client for any other raises UnknownServiceError.
AWS_SERVICES = frozenset(
    {
        "cloudwatch",
        "dynamodb",
        "events",
        "lambda",
        "s3",
        "secretsmanager",
        "sesv2",
        "sqs",
        "ssm",
        "stepfunctions",
        "sts",
    }
)

MB = 1_000_000
# Lambda's own limit is 250 MB, meant as 2**20, for a function and all of its layers together.
LAMBDA_UNZIPPED_BYTES_MAX = 250 * 2**20
# What we hold ourselves to: some 10% above what was measured, so that growth is noticed by who causes it.
UNZIPPED_BYTES_MAX = MappingProxyType(
    {
        API: 97 * MB,
        ENGINES: 75 * MB,
        QUARTZDB: 7_000_000,
        PLATFORM: 33 * MB,
        SIGNING: 20 * MB,
        BILLING: 27 * MB,
    }
)
# Every function unpacks all of its layers, so together they get less than the parts; the rest is the function's.
TOGETHER_BYTES_MAX = 165 * MB
SIGNING_TOGETHER_BYTES_MAX = 185 * MB
