"""The built documentation: `make test-docs` builds it and runs these."""
