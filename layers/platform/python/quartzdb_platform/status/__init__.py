"""How the service does: what probes found, and what operators say."""
