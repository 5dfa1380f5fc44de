"""What is deployed: layers and folders of functions, which it finds, and the edge router's bundle, which it builds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cdk.settings import Architecture
from functions.edge_router.build import build_bundle
from quartzdb.routing.decision.edge_config import EdgeConfig

CONTEXT_LAYERS = "layers_dir"
_REPOSITORY = Path(__file__).parents[1]


class NotBuilt(Exception):
    """A file to deploy is missing. The message says which, and what makes it."""


@dataclass(frozen=True, slots=True)
class Artifacts:
    """Where they are. Tests of the templates give a folder of placeholders for the layers."""

    layers_dir: Path = _REPOSITORY / "build" / "layers"
    functions_dir: Path = _REPOSITORY / "functions"
    edge_dir: Path = _REPOSITORY / "build" / "edge"
    """Where the edge router's bundle is written, which has its configuration in it."""

    @staticmethod
    def named_by(context: Mapping[str, Any]) -> Artifacts:
        """The usual ones, but for layers in another folder where the context value `layers_dir` names one."""
        named = context.get(CONTEXT_LAYERS)
        return Artifacts(layers_dir=Path(named)) if named else Artifacts()

    def layer(self, architecture: Architecture, name: str) -> Path:
        """The zip file of a layer. Raises NotBuilt."""
        archive = self.layers_dir / architecture / f"{name}.zip"
        if not archive.is_file():
            raise NotBuilt(f"The layer {archive} is not there: run `make layers` first.")
        return archive

    def edge_bundle(self, deployment: str, config: EdgeConfig) -> Path:
        """The folder of the edge router, built now."""
        return build_bundle(config, self.edge_dir / deployment)

    def function(self, name: str) -> Path:
        """The folder of a function, whole and without its dependencies. Raises NotBuilt."""
        folder = self.functions_dir / name
        if not (folder / "handler.py").is_file():
            raise NotBuilt(f"The function {folder} has no handler.py.")
        return folder
