"""The failover drill: traffic through the edge while one cloud goes away and comes back, and what must hold after."""
