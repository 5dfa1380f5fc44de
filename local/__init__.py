"""AWS on one machine: an emulator that the real CDK deploys to, and a run through what was deployed."""
