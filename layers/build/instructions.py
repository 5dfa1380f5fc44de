"""Whether machine code keeps to the processor that every Lambda host has.

For what is compiled here only. Wheels hold newer instructions too, rightly: numpy and OpenBLAS ask the processor first.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from layers.build.elf import read_elf
from layers.build.plan import ARCHITECTURES

_X86_64, _ARM64 = (architecture.elf_machine for architecture in ARCHITECTURES)
# Prefixes that may stand before a vector instruction's own (Intel SDM vol. 2, 2.1.1).
_LEGACY_PREFIXES = frozenset(b"\x26\x2e\x36\x3e\x64\x65\x66\x67\xf0\xf2\xf3")
# In 64-bit mode this byte starts nothing but AVX-512's encoding (Intel SDM vol. 2, 2.7.1).
_EVEX = 0x62
# LLVM's unwinder, which is linked in, has these two words as they stand: `cntd x0` for a frame that says it saved SVE
# registers, and `addsvl x16, x16, #1` for a thread that uses SME. On a processor without either there is no such frame
# and no such thread, so they are never reached.
_OF_THE_UNWINDER = frozenset({0x04E0E3E0, 0x04305830})


def too_new(content: bytes, *, but: Sequence[range] = (), shown_max: int = 5) -> list[str]:
    """The first instructions of a shared object beyond AVX2 or NEON, as text; empty if it runs everywhere.

    Those at the addresses of `but` are passed over: functions that are only called where the processor has them.
    Raises ValueError if it is not for one of Lambda's processors.
    """
    elf = read_elf(content)
    if elf.machine not in {_X86_64, _ARM64}:
        raise ValueError(f"machine {elf.machine} is none of Lambda's")
    find = _evex if elf.machine == _X86_64 else _sve
    found: list[str] = []
    for segment in elf.segments:
        if segment.executable:
            found += [
                text
                for at, text in find(segment.content, segment.address)
                if not any(at in span for span in but)
            ]
    return found[:shown_max]


def _evex(code: bytes, address: int) -> list[tuple[int, str]]:
    from capstone import CS_ARCH_X86, CS_MODE_64, Cs

    disassembler = Cs(CS_ARCH_X86, CS_MODE_64)
    # Padding and jump tables between functions are stepped over instead of ending the sweep.
    disassembler.skipdata = True
    found = []
    at = 0
    for start, size, mnemonic, operands in disassembler.disasm_lite(code, address):
        at = start - address
        # `.byte` is what a skipped byte is called: data, or an instruction newer than the disassembler.
        opcode = next((byte for byte in code[at : at + size] if byte not in _LEGACY_PREFIXES), None)
        if opcode == _EVEX:
            found.append((start, f"{start:#x}: {mnemonic} {operands}"))
    return found


def _sve(code: bytes, address: int) -> list[tuple[int, str]]:
    """SVE has an encoding group of its own: bits 28–25 are 0010 (Arm ARM, C4.1)."""
    words = struct.iter_unpack("<I", code[: len(code) // 4 * 4])
    return [
        (address + 4 * index, f"{address + 4 * index:#x}: {word:#010x} (SVE)")
        for index, (word,) in enumerate(words)
        if (word >> 25) & 0b1111 == 0b0010 and word not in _OF_THE_UNWINDER
    ]
