"""The packages of integrations/, each with its framework's own tests where it has some."""
