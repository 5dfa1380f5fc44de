"""The HTTP surface, in FastAPI: /platform/v1."""
