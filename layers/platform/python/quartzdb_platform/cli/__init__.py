"""The command `quartzdb platform`."""
