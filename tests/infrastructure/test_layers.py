"""The layers are the same bytes whoever builds them, stay within their sizes, and run on every host of Lambda.

What needs the network, another version of Python or minutes of compiling is checked by `make layers-verify`.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import zipfile
from pathlib import Path, PurePosixPath

import pytest

from benchmarks.import_graph import imported, module_of
from layers.build.archive import pack
from layers.build.budget import check_budget
from layers.build.elf import functions_of, read_elf, strip_unloaded
from layers.build.failure import BuildFailed
from layers.build.instructions import too_new
from layers.build.interpreter import find_interpreter
from layers.build.kernel_library import WIDE_SUFFIX
from layers.build.libraries import check_libraries
from layers.build.lock import read_lock
from layers.build.plan import ENGINE_PACKAGES, LAMBDA_UNZIPPED_BYTES_MAX, TOGETHER_BYTES_MAX
from layers.build.prune import is_needed
from layers.build.stage import prune

REPOSITORY = Path(__file__).parents[2]
PACKAGES = (("quartzdb", "quartzdb"), ("platform", "quartzdb_platform"))
"""Of layers, and those of ours in them."""
COMPILER = shutil.which("c++")
needs_x86_64_compiler = pytest.mark.skipif(
    COMPILER is None or platform.machine() != "x86_64" or platform.system() != "Linux",
    reason="compiles machine code for x86_64 Linux with this machine's C++ compiler",
)


def _tree(root: Path, names: list[str]) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(f"content of {name}\n" * 100)
    return root


# --- archives ---------------------------------------------------------------------------------------------------------


def test_same_content_is_the_same_archive(tmp_path: Path) -> None:
    """Neither when, nor in which order, nor with which permissions the files were made shows in the zip file."""
    names = ["python/b.py", "python/a/z.py", "python/a/lib.so", "python/a-b.py", "python/ü.txt"]
    first = _tree(tmp_path / "first", names)
    second = _tree(tmp_path / "second", names[::-1])
    for path in second.rglob("*.py"):
        path.chmod(0o600)
        os.utime(path, (1, 1))
    (second / "python" / "empty").mkdir()

    one, other = pack(first, tmp_path / "one.zip"), pack(second, tmp_path / "other.zip")

    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "other.zip").read_bytes()
    assert (one.sha256, one.content_sha256) == (other.sha256, other.content_sha256)
    assert one.unzipped_bytes == sum(path.stat().st_size for path in first.rglob("*") if path.is_file())


def test_other_content_is_another_archive(tmp_path: Path) -> None:
    """One byte, or one name, is seen in both hashes."""
    packed = []
    for index, (name, text) in enumerate([("a.py", "1"), ("a.py", "2"), ("b.py", "1")]):
        folder = tmp_path / str(index)
        folder.mkdir()
        (folder / name).write_text(text)
        packed.append(pack(folder, tmp_path / f"{index}.zip"))
    assert len({each.sha256 for each in packed}) == 3
    assert len({each.content_sha256 for each in packed}) == 3


def test_lambda_can_read_what_was_packed(tmp_path: Path) -> None:
    """Lambda runs as another user, so every file is readable by all, whatever it was here."""
    folder = _tree(tmp_path / "tree", ["python/a.py", "python/b.so", "python/libc.so.6.0"])
    (folder / "python" / "a.py").chmod(0o600)
    pack(folder, tmp_path / "layer.zip")
    with zipfile.ZipFile(tmp_path / "layer.zip") as archive:
        modes = {entry.filename: entry.external_attr >> 16 & 0o777 for entry in archive.infolist()}
    assert modes == {"python/a.py": 0o644, "python/b.so": 0o755, "python/libc.so.6.0": 0o755}


# --- budgets ----------------------------------------------------------------------------------------------------------


def test_layers_within_their_budgets_pass() -> None:
    """A budget is a maximum, not a bound to stay below."""
    check_budget({"a": 10, "b": 20}, each_max={"a": 10, "b": 20}, together_max=30)


@pytest.mark.parametrize(
    ("sizes", "says"),
    [
        ({"a": 11_000_000, "b": 1}, "a is 11.0 MB unzipped; its budget is 10.0 MB"),
        ({"a": 9_000_000, "b": 9_000_000}, "together they are 18.0 MB; their budget is 15.0 MB"),
    ],
)
def test_a_layer_beyond_its_budget_fails_the_build(sizes: dict[str, int], says: str) -> None:
    """Alone or together, and the message says which and by how much."""
    with pytest.raises(BuildFailed, match=says):
        check_budget(sizes, each_max={"a": 10_000_000, "b": 10_000_000}, together_max=15_000_000)


def test_the_budgets_leave_room_for_a_function() -> None:
    """Lambda counts the function's own code with its layers."""
    assert TOGETHER_BYTES_MAX < LAMBDA_UNZIPPED_BYTES_MAX * 0.9


# --- what goes in -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "numpy/__init__.py",
        "numpy/_core/_multiarray_umath.cpython-313-x86_64-linux-gnu.so",
        "numpy.libs/libscipy_openblas64_-32a4b2a6.so",
        "faiss_cpu.libs/libgfortran-83c28eba.so.5.0.0",
        "numpy/testing/__init__.py",
        "pydantic-2.14.3.dist-info/METADATA",
        "numpy-2.4.6.dist-info/licenses/LICENSE.txt",
        "opentelemetry_api-1.45.2.dist-info/entry_points.txt",
        "botocore/data/endpoints.json",
        "botocore/data/dynamodb/2012-08-10/service-2.json.gz",
        "boto3/data/s3/2006-03-01/resources-1.json",
        "botocore/cacert.pem",
        "six.py",
        "quartzdb/api/docs_page/page.html",
    ],
)
def test_what_runs_is_kept(path: str) -> None:
    """Modules, shared objects with versions in their names, data, licences, and what importlib.metadata reads."""
    assert is_needed(PurePosixPath(path))


@pytest.mark.parametrize(
    "path",
    [
        "bin/f2py",
        "quartzdb/cli/main.py",
        "quartzdb/maintenance/backup/taking.py",
        "quartzdb/wiring/backup.py",
        "quartzdb_platform/cli/serve.py",
        "numpy/__init__.pyi",
        "numpy/_core/tests/test_api.py",
        "numpy/_core/include/numpy/arrayobject.h",
        "numpy/f2py/crackfortran.py",
        "fastapi/__pycache__/__init__.cpython-311.pyc",
        "pydantic/py.typed",
        "pydantic-2.14.3.dist-info/RECORD",
        "pydantic-2.14.3.dist-info/INSTALLER",
        "botocore/data/ec2/2016-11-15/service-2.json.gz",
        "boto3/data/ec2/2016-11-15/resources-1.json",
        "boto3/examples/s3.rst",
        ".lock",
    ],
)
def test_what_only_builds_tests_or_types_is_left_out(path: str) -> None:
    """As is what names this machine (scripts, INSTALLER), which would make builds differ."""
    assert not is_needed(PurePosixPath(path))


def test_nothing_that_is_kept_of_ours_imports_what_is_left_out() -> None:
    """Neither at once nor when it is needed."""
    roots = [REPOSITORY / "layers" / layer / "python" / package for layer, package in PACKAGES]
    files = [
        (root, file)
        for root in roots
        for file in root.rglob("*.py")
        if is_needed(PurePosixPath(file.relative_to(root.parent)))
    ]
    assert len(files) > 500
    for root, file in files:
        for other in roots:
            for name in imported(file.read_text(), other.name):
                module = module_of(name, other)
                assert module is None or is_needed(PurePosixPath(module.relative_to(other.parent))), (
                    f"{file.relative_to(root)} imports {name}"
                )


def test_pruning_leaves_no_empty_folders(tmp_path: Path) -> None:
    """An empty folder would be importable as a namespace package."""
    _tree(tmp_path, ["bin/tool", "a/__init__.py", "a/tests/deep/test_a.py", "a/include/a.h"])
    prune(tmp_path)
    assert [path.relative_to(tmp_path).as_posix() for path in sorted(tmp_path.rglob("*"))] == [
        "a",
        "a/__init__.py",
    ]


@pytest.mark.parametrize("lock", ["requirements-lambda.txt", "requirements-lambda-platform.txt"])
def test_functions_run_the_versions_that_are_tested(lock: str) -> None:
    """Every package of the layers has the version and the hashes of requirements.txt."""
    tested = read_lock((REPOSITORY / "requirements.txt").read_text())
    deployed = read_lock((REPOSITORY / lock).read_text())
    different = {
        name: (package.version, tested[name].version if name in tested else None)
        for name, package in deployed.items()
        if name not in tested or tested[name].version != package.version
    }
    assert different == {}
    assert all(package.hashes for package in deployed.values())
    assert deployed.keys() >= ENGINE_PACKAGES


def test_the_platforms_layer_has_what_the_platform_needs() -> None:
    """Beside what the other layers have, in their versions."""
    shared = read_lock((REPOSITORY / "requirements-lambda.txt").read_text())
    deployed = read_lock((REPOSITORY / "requirements-lambda-platform.txt").read_text())
    assert {name: deployed[name].version for name in shared} == {
        name: package.version for name, package in shared.items()
    }
    wanted = re.findall(
        r"^([A-Za-z0-9._-]+)", (REPOSITORY / "requirements-platform.in").read_text(), re.MULTILINE
    )
    assert {re.sub(r"[-_.]+", "-", name).lower() for name in wanted} <= deployed.keys()


def test_what_serves_one_machine_stays_off_lambda() -> None:
    """The command line and the server, with what they alone need, are in no layer."""
    deployed = read_lock((REPOSITORY / "requirements-lambda-platform.txt").read_text())
    assert deployed.keys().isdisjoint(
        {"click", "rich", "uvicorn", "uvloop", "httptools", "wordllama", "hnswlib"}
    )


# --- machine code -----------------------------------------------------------------------------------------------------

_ADD = """
extern "C" void add(float *a, const float *b, int n) { for (int i = 0; i < n; i++) a[i] += b[i] * 3.5f; }
extern "C" int answer() { return 42; }
"""


def _compiled(tmp_path: Path, *flags: str, source: str = _ADD) -> bytes:
    assert COMPILER is not None
    written, built = tmp_path / "add.cc", tmp_path / "add.so"
    written.write_text(source)
    subprocess.run([COMPILER, "-O3", "-shared", "-fPIC", *flags, written, "-o", built], check=True)
    return built.read_bytes()


@needs_x86_64_compiler
@pytest.mark.parametrize("flags", [(), ("-mavx2", "-mfma")])
def test_code_for_every_host_passes(tmp_path: Path, flags: tuple[str, ...]) -> None:
    """AVX2 is on every host of Lambda."""
    assert too_new(_compiled(tmp_path, *flags)) == []


@needs_x86_64_compiler
@pytest.mark.parametrize("width", ["512", "256"])
def test_code_for_some_hosts_is_found(tmp_path: Path, width: str) -> None:
    """AVX-512 is found also where it is used on short registers, which do not show by their names."""
    flags = ("-mavx512f", "-mavx512vl", "-mavx512dq", f"-mprefer-vector-width={width}", "-ffast-math")
    assert too_new(_compiled(tmp_path, *flags)) != []


_BY_THE_PROCESSOR = """
#define WIDE __attribute__((target("avx512f,avx512vl")))
extern "C" WIDE void add_avx512(float *a, const float *b) { for (int i = 0; i < 64; i++) a[i] += b[i] * 3.5f; }
extern "C" %s void add_other(float *a, const float *b) { for (int i = 0; i < 64; i++) a[i] -= b[i] * 3.5f; }
"""


@needs_x86_64_compiler
@pytest.mark.parametrize("other", ["", "WIDE"])
def test_functions_that_are_called_by_what_the_processor_has_are_told_by_their_names(
    other: str, tmp_path: Path
) -> None:
    """What is not named for AVX-512 has none, and the function that is named for it may."""
    content = _compiled(tmp_path, "-mprefer-vector-width=512", source=_BY_THE_PROCESSOR % other)
    functions = functions_of(content)
    named = [span for name, span in functions.items() if name.endswith(WIDE_SUFFIX)]
    assert len(named) == 1
    assert too_new(content) != []
    wrong = too_new(content, but=named)
    assert bool(wrong) == bool(other)
    assert all(int(text.split(":")[0], 16) in functions["add_other"] for text in wrong)


def _arm64_code(*words: int) -> bytes:
    """The smallest shared object there is: a header, one executable segment, and these instructions."""
    code = b"".join(word.to_bytes(4, "little") for word in words)
    header = b"\x7fELF\x02\x01\x01" + bytes(9)
    header += b"".join(
        value.to_bytes(size, "little")
        for value, size in [
            *((3, 2), (183, 2), (1, 4), (0, 8), (64, 8), (0, 8)),
            *((0, 4), (64, 2), (56, 2), (1, 2), (0, 2), (0, 2), (0, 2)),
        ]
    )
    segment = (1).to_bytes(4, "little") + (5).to_bytes(4, "little")
    segment += b"".join(
        value.to_bytes(8, "little") for value in (120, 0x1000, 0x1000, len(code), len(code), 8)
    )
    return header + segment + code


def test_arm64_code_for_every_host_passes() -> None:
    """NEON is part of the processor: fmla v0.4s, v1.4s, v2.4s; ret."""
    assert too_new(_arm64_code(0x4E22CC20, 0xD65F03C0)) == []


def test_arm64_code_for_newer_hosts_is_found() -> None:
    """SVE came with the second processor that Lambda's arm64 runs on: ptrue p0.s; ret."""
    found = too_new(_arm64_code(0x2598E3E0, 0xD65F03C0))
    assert found == ["0x1000: 0x2598e3e0 (SVE)"]


def test_a_file_for_another_processor_is_refused() -> None:
    """RISC-V is none of Lambda's."""
    content = bytearray(_arm64_code(0))
    content[18] = 243
    with pytest.raises(ValueError, match="machine 243"):
        too_new(bytes(content))


@needs_x86_64_compiler
def test_a_stripped_library_still_loads(tmp_path: Path) -> None:
    """Without debug information and section table it is smaller and does the same."""
    import ctypes

    whole = _compiled(tmp_path, "-g")
    stripped = strip_unloaded(whole)
    assert len(stripped) < len(whole)
    assert strip_unloaded(stripped) == stripped
    # The first segment has the header in it, which is what changed.
    assert read_elf(stripped).segments[1:] == read_elf(whole).segments[1:]
    path = tmp_path / "stripped.so"
    path.write_bytes(stripped)
    assert ctypes.CDLL(str(path)).answer() == 42


@needs_x86_64_compiler
def test_a_library_that_is_in_no_layer_is_missed(tmp_path: Path) -> None:
    """Also for the processor whose code cannot be run here: what is linked against is read from the files."""
    other = tmp_path / "other" / "python" / "other.libs"
    other.mkdir(parents=True)
    (other / "libother.so").write_bytes(_compiled(tmp_path, "-Wl,-soname,libother.so"))
    user = tmp_path / "user" / "python"
    user.mkdir(parents=True)
    linked = ("-Wl,--no-as-needed", f"-L{other}", "-lother")
    (user / "user.so").write_bytes(_compiled(tmp_path, *linked))
    assert "libother.so" in read_elf((user / "user.so").read_bytes()).needed
    user_zip = pack(tmp_path / "user", tmp_path / "user.zip").path
    other_zip = pack(tmp_path / "other", tmp_path / "other.zip").path

    check_libraries([user_zip, other_zip])
    with pytest.raises(BuildFailed, match=r"libother\.so \(for python/user\.so\)"):
        check_libraries([user_zip])


# --- the interpreter --------------------------------------------------------------------------------------------------


def test_another_python_is_refused_by_name(tmp_path: Path) -> None:
    """Bytecode of another version would be ignored by Lambda, silently, at every cold start."""
    fake = tmp_path / "python3.13"
    fake.write_text("#!/bin/sh\necho 'not a Python' >&2; exit 127\n")
    fake.chmod(0o755)
    with pytest.raises(BuildFailed, match=r"is not a CPython 3\.13"):
        find_interpreter(fake, home=tmp_path)


def test_a_machine_without_the_right_python_is_told_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message says where to get it and how to name it."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BuildFailed, match=r"LAYER_PYTHON=/path/to/python3\.13"):
        find_interpreter(None, home=tmp_path)
