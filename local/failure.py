"""The one error of a local deployment."""


class LocalDeploymentFailed(Exception):
    """Something could not be started, deployed or shown. The message says what, and where to read on."""
