"""The parts of a deployment: each construct owns one capability and everything that belongs to it."""
