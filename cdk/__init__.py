"""The AWS deployment as code. Stacks compose and grant; a construct owns one capability."""
