"""A hundred million and a billion vectors on Lambda, S3 and DynamoDB: arithmetic on measurements of a million."""
