"""What a cold function costs: init, first answer, bytes fetched. `python -m benchmarks.coldstart`."""
