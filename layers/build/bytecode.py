"""Compiles a tree to bytecode that Lambda uses as it is.

Without it a cold start compiles every module, which takes longer than everything else together: a layer is read-only,
so what was compiled there is lost.
"""

from __future__ import annotations

from pathlib import Path

from layers.build.interpreter import Interpreter
from layers.build.run import run


def compile_tree(root: Path, interpreter: Interpreter) -> None:
    """Write the bytecode of every module below `root`/python. Raises BuildFailed for one that does not compile.

    HAZARD: `unchecked-hash` means that Python never compares bytecode with its source, so a layer must not be edited in
    place. The default would put the source's time into the bytecode, and make every build another one.
    """
    run(
        [
            *(interpreter.path, "-s", "-S", "-m", "compileall", "-q", "-f"),
            *("--invalidation-mode", "unchecked-hash"),
            # Tracebacks name the files where Lambda has them.
            *("-s", root, "-p", "/opt"),
            root / "python",
        ],
        # The order of a frozen set's items is in the bytecode.
        env={"PYTHONHASHSEED": "0"},
    )
