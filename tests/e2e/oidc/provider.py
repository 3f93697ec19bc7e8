"""The provider's process."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Self

import msgspec

HERE = Path(__file__).parent
INSTALLED = Path(__file__).parents[3] / "build" / "oidc"
"""Where `tools/need_npm` installs the packages, before the tests."""

CLIENT_ID, CLIENT_SECRET = "meshtrail", "0123456789abcdef0123456789abcdef"
_NODE_MAJOR_MIN = 20


def missing() -> str | None:
    """Why the provider cannot run here; None when it can."""
    node = shutil.which("node")
    if node is None:
        return "node is not installed, which runs the OpenID Connect provider"
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
    found = re.match(r"v(\d+)\.", version)
    if found is None or int(found.group(1)) < _NODE_MAJOR_MIN:
        return f"node {version.strip()} is too old for the OpenID Connect provider, which needs {_NODE_MAJOR_MIN}"
    if not (INSTALLED / "installed.json").exists():
        return "npm did not install the OpenID Connect provider: tools/need_npm tests/e2e/oidc build/oidc"
    return None


class ProviderProcess:
    """`provider.js`: knows its issuer at once, and its client when the server has its address."""

    def __init__(self) -> None:
        shutil.copy(HERE / "provider.js", INSTALLED)
        self._process = subprocess.Popen(
            ["node", str(INSTALLED / "provider.js")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self.issuer = self._line()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Ends when its input does."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def register(self, redirect_uri: str) -> None:
        """Make the client known; it answers from now on."""
        client = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "redirect_uris": [redirect_uri]}
        assert self._process.stdin is not None
        self._process.stdin.write(msgspec.json.encode(client).decode() + "\n")
        self._process.stdin.flush()
        assert self._line() == "ready"

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline().strip()
        assert line, "the provider ended"
        return line
