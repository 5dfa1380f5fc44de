"""Compiles and runs programs in Rust as they are printed, with the one crate that they use from Debian's packages."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

_CRATES = Path("/usr/share/cargo/registry")
_TARGET = Path(__file__).parents[1] / "build/rust-programs"
"""Kept, so that the crate is compiled once and not by each test."""
_MANIFEST = """\
[package]
name = "program"
version = "0.0.0"
edition = "2021"

[dependencies]
ureq = { version = "2", default-features = false }

[profile.dev]
debug = false
"""
_SOURCE = f"""\
[source.crates-io]
replace-with = "debian"

[source.debian]
directory = "{_CRATES}"
"""


def missing() -> str | None:
    """What is not installed here that these need."""
    if shutil.which("cargo") is None:
        return "not installed: cargo"
    return None if any(_CRATES.glob("ureq-2.*")) else "not installed: librust-ureq-dev"


def run_rust(program: str, directory: Path, more: Mapping[str, str] | None = None) -> str:
    """What it prints. The crate has no TLS here, which needs more packages: these ask this machine."""
    for name, text in (("Cargo.toml", _MANIFEST), (".cargo/config.toml", _SOURCE), ("src/main.rs", program)):
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(text)
    environment = {
        **os.environ,
        "CARGO_TARGET_DIR": str(_TARGET),
        "NO_PROXY": "127.0.0.1,localhost",
        **(more or {}),
    }
    command = ["cargo", "run", "--quiet", "--offline", "--jobs", "1"]
    ran = subprocess.run(
        command, cwd=directory, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout
