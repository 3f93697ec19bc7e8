"""`meshtrail agent`: the Linux agent, which is its own small program."""

import os
import sys

import typer


def agent(context: typer.Context) -> None:
    """Capture this machine's connections and send them to a server. `meshtrail agent --help` lists its options.

    Example: meshtrail agent --server http://10.0.0.5:8765 --token-file /etc/meshtrail/token
    """
    os.execv(sys.executable, [sys.executable, "-m", "meshtrail.agent", *context.args])
