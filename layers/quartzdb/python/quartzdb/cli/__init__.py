"""The `quartzdb` command."""
