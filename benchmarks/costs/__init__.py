"""What a deployment costs, by list prices. `python -m benchmarks.costs` rewrites docs/costs.md."""
