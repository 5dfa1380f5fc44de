"""The documentation as a site: what is in it, how it is built from docs/, and what is made of the code for it.

`python -m docsite` builds it. Knows the generator by its command only, which is in an environment of its own
(.venv-docs). Nothing that is served or deployed imports this package.
"""
