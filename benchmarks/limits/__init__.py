"""Every limit of one request, tried on a real server: as much as it allows, and one more."""
