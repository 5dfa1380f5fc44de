"""The blocking client, made of `_async` by `make clients-types`: do not edit."""
