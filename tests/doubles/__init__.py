"""In-memory adapters: doubles for tests, held by the same contract suites as the real ones."""
