"""What holds the documentation's sources to themselves and to the code. Built pages are looked at in tests/site/."""
