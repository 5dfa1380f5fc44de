"""Which files of an installed package a running function has no use for. A rule says why; none names a version."""

from __future__ import annotations

from pathlib import PurePosixPath

from layers.build.plan import AWS_SERVICES

# Read by compilers and type checkers, or made again: bytecode comes from Lambda's own version of Python.
_SUFFIXES = frozenset(
    {".a", ".c", ".cc", ".cpp", ".f90", ".h", ".hpp", ".lib", ".pc", ".pxd", ".pxi", ".pyc", ".pyi", ".pyx"}
)
_NAMES = frozenset({"py.typed", ".lock"})
_FOLDERS = frozenset({"tests", "__pycache__"})
# bin: scripts with this machine's path in their first line. cli: the commands, which no function imports, and what only
# they do: backups of a directory, verifying, restoring a table. The others are numpy's Fortran compiler, its part for
# packagers, and boto3's documentation.
_TREES = tuple(
    PurePosixPath(tree)
    for tree in (
        "bin",
        "quartzdb/cli",
        "quartzdb/maintenance/backup",
        "quartzdb/wiring/backup.py",
        "quartzdb/adapters/embedded/backup_directory.py",
        "quartzdb/adapters/embedded/backup_source.py",
        "quartzdb/adapters/aws/s3_objects.py",
        "quartzdb/adapters/aws/s3_versions.py",
        "quartzdb/maintenance/background.py",
        "quartzdb/maintenance/restoration.py",
        "quartzdb/maintenance/verification.py",
        "quartzdb/routing/decision/operator_commands.py",
        "quartzdb/services/erasure_replay.py",
        "quartzdb/wiring/erasure_replay.py",
        "quartzdb/wiring/restore.py",
        "quartzdb/wiring/s3_objects.py",
        "quartzdb_platform/cli",
        "numpy/f2py",
        "numpy/_pyinstaller",
        "numpy/_core/lib",
        "boto3/examples",
    )
)
_BOTOCORE_DATA = PurePosixPath("botocore/data")
_BOTO3_DATA = PurePosixPath("boto3/data")
# What importlib.metadata answers from, and the licences, which have to travel with the binaries.
_INFO_KEPT = (
    "METADATA",
    "entry_points.txt",
    "LICENSE",
    "LICENCE",
    "COPYING",
    "NOTICE",
    "AUTHORS",
    "licenses",
)


def is_needed(path: PurePosixPath) -> bool:
    """Whether the file, given relative to where packages are installed, belongs into the layer."""
    if path.suffix in _SUFFIXES or path.name in _NAMES or not _FOLDERS.isdisjoint(path.parts):
        return False
    if any(path.is_relative_to(tree) for tree in _TREES):
        return False
    if path.parts[0].endswith(".dist-info"):
        return path.parts[1].startswith(_INFO_KEPT)
    for data in (_BOTOCORE_DATA, _BOTO3_DATA):
        if path.is_relative_to(data):
            service = path.relative_to(data)
            # They are for documentation only.
            if path.name.startswith("examples-"):
                return False
            # Files that lie directly there are about all services.
            return len(service.parts) == 1 or service.parts[0] in AWS_SERVICES
    return True
