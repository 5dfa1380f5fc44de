// Written by `python -m docsite.calculators` from plans.toml and docs/benchmarks/growth.json.
export const FIGURES = {
  "plans": {
    "from": "2026-11",
    "prices": {
      "version": "2026-11",
      "million_read_units": 12000000,
      "million_write_units": 8000000,
      "gigabyte_month": 600000
    },
    "plans": {
      "free": {
        "title": "Free",
        "month_micro_dollars": 0,
        "overage": false,
        "included": {
          "read_units": 250000,
          "write_units": 250000,
          "storage_bytes": 1000000000
        },
        "limits": {
          "requests_per_second": 20,
          "burst": 40,
          "key_requests_per_second": 20,
          "key_burst": 40,
          "namespaces": 100,
          "dimension": 2048,
          "top_k": 100,
          "vectors": 250000,
          "storage_bytes": 1000000000
        }
      },
      "pro": {
        "title": "Pro",
        "month_micro_dollars": 99000000,
        "overage": true,
        "included": {
          "read_units": 3000000,
          "write_units": 4000000,
          "storage_bytes": 20000000000
        },
        "limits": {
          "requests_per_second": 500,
          "burst": 1000,
          "key_requests_per_second": 250,
          "key_burst": 500,
          "namespaces": 1000,
          "dimension": 4096,
          "top_k": 1000,
          "vectors": 100000000,
          "storage_bytes": 1000000000000
        }
      },
      "business": {
        "title": "Business",
        "month_micro_dollars": 499000000,
        "overage": true,
        "included": {
          "read_units": 20000000,
          "write_units": 20000000,
          "storage_bytes": 100000000000
        },
        "limits": {
          "requests_per_second": 2000,
          "burst": 4000,
          "key_requests_per_second": 1000,
          "key_burst": 2000,
          "namespaces": 10000,
          "dimension": 4096,
          "top_k": 1000,
          "vectors": 1000000000,
          "storage_bytes": 10000000000000
        }
      }
    }
  },
  "growth": [
    {
      "rows": 1000,
      "dimension": 384,
      "p50": 0.08,
      "p99": 0.15,
      "queriesPerCpuSecond": 11598,
      "indexBytes": 0
    },
    {
      "rows": 3000,
      "dimension": 384,
      "p50": 0.14,
      "p99": 0.2,
      "queriesPerCpuSecond": 7017,
      "indexBytes": 0
    },
    {
      "rows": 10000,
      "dimension": 384,
      "p50": 0.17,
      "p99": 0.23,
      "queriesPerCpuSecond": 5753,
      "indexBytes": 89
    },
    {
      "rows": 30000,
      "dimension": 384,
      "p50": 0.23,
      "p99": 0.33,
      "queriesPerCpuSecond": 4215,
      "indexBytes": 79
    },
    {
      "rows": 100000,
      "dimension": 384,
      "p50": 0.33,
      "p99": 0.51,
      "queriesPerCpuSecond": 3005,
      "indexBytes": 72
    },
    {
      "rows": 300000,
      "dimension": 384,
      "p50": 0.47,
      "p99": 0.89,
      "queriesPerCpuSecond": 2060,
      "indexBytes": 69
    },
    {
      "rows": 1000000,
      "dimension": 384,
      "p50": 0.89,
      "p99": 2.02,
      "queriesPerCpuSecond": 1053,
      "indexBytes": 66
    }
  ]
};
