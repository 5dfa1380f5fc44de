"""Tests of the Lambda functions: their parts in this process, and all of them under Lambda's emulator."""
