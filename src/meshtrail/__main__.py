"""`python -m meshtrail`."""

from meshtrail.cli.app import main

main()
