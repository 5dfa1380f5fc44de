"""Builds the content of the Lambda layers, for both processors, on one machine and without containers.

Runs on the machine of who deploys; nothing of it is deployed. `python -m layers.build`, or `make layers`.
"""
