"""The routes of /platform/v1, one module a kind of thing."""
