"""Scenarios that every client is run through, and the proxy in between that makes them meet failures."""
