"""The CDK application: `cdk synth` and `cdk deploy` start here. It names the stacks and decides nothing else."""

from aws_cdk import App

from cdk.stack import DataStack


def build() -> App:
    """Every stack, not yet synthesised."""
    app = App(analytics_reporting=False)
    DataStack(app, "QuartzDB-Data")
    return app


if __name__ == "__main__":
    build().synth()
