"""Ports over DynamoDB, S3, SQS, EventBridge and Step Functions."""
