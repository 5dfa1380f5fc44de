"""Writes the clients' types from the OpenAPI document."""
