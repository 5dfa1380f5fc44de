"""The CDK application: `cdk synth` and `cdk deploy` start here. It reads the settings and decides nothing else."""

from __future__ import annotations

import sys

from aws_cdk import App

from cdk.artifacts import NotBuilt
from cdk.deployment import build
from cdk.settings import InvalidSetting

if __name__ == "__main__":
    try:
        app = App(analytics_reporting=False)
        build(app)
        app.synth()
    except (InvalidSetting, NotBuilt) as error:
        sys.exit(f"{type(error).__name__}: {error}")
