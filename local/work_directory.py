"""Where a local deployment keeps everything: one folder, removed as a whole."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
TOOLS = REPOSITORY / "local"
"""The folder of package.json: the CDK's command is installed beside it."""
DEFAULT_FOLDER = REPOSITORY / "build" / "local"
DEFAULT_PORT = 4566
REGION = "us-east-1"
ACCOUNT = "000000000000"


@dataclass(frozen=True, slots=True)
class WorkDirectory:
    """A folder, and the port of the emulator's gateway on the loopback address."""

    folder: Path = DEFAULT_FOLDER
    port: int = DEFAULT_PORT

    @property
    def endpoint(self) -> str:
        """Where every AWS service is."""
        return f"https://127.0.0.1:{self.port}"

    @property
    def certificate(self) -> Path:
        """What the gateway proves itself with; it makes it at its first start, below its own TMPDIR."""
        return self.scratch / "ministack-tls" / "server.crt"

    @property
    def scratch(self) -> Path:
        """The emulator's TMPDIR, and that of the functions."""
        return self.folder / "tmp"

    @property
    def layers(self) -> Path:
        """The layers to deploy, by processor."""
        return self.folder / "layers"

    @property
    def outputs(self) -> Path:
        """What the stacks put out, as the CDK writes it."""
        return self.folder / "outputs.json"

    @property
    def pid_file(self) -> Path:
        """Of the running emulator."""
        return self.folder / "emulator.pid"

    def environment(self) -> dict[str, str]:
        """What a client of AWS needs in its environment to come here and nowhere else."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ENDPOINT_URL_S3": self.endpoint,
            "AWS_CA_BUNDLE": str(self.certificate),
            "NODE_EXTRA_CA_CERTS": str(self.certificate),
            # The emulator's root user. Functions get credentials of their own roles, and IAM is enforced on them.
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
            "NO_PROXY": "127.0.0.1",
            "no_proxy": "127.0.0.1",
        }
