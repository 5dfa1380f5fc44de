"""Parquet files of `quartzdb export` and `import`. Needs pyarrow, which is imported when such a file is named."""
