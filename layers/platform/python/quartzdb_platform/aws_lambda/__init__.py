"""What the platform's Lambda functions are made of. What they share with the database's is in `quartzdb.aws_lambda`."""
