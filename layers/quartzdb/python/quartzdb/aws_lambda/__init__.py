"""What the Lambda functions share: settings, telemetry, the way from events to the application. Only `functions/*` use
it, and it knows every other part of the package; nothing in the package knows it.
"""
