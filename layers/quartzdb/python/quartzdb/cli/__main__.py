"""`python -m quartzdb.cli`: the same as `quartzdb`."""

from quartzdb.cli.main import main

if __name__ == "__main__":
    main()
