"""The documents of docs/replication.md: what two sites say to each other, as JSON.

Knows neither HTTP nor how a site stores what it is told.
"""
