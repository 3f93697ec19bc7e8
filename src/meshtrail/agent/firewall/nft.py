"""The program nft: the one way to run it.

Its JSON interface says what the kernel refused, but not which statement; that is found by dry runs on ever shorter parts.
"""

import shutil
import subprocess
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from meshtrail.agent.firewall import limits

Statement = dict[str, Any]
"""One command of nft's JSON, such as `{"add": {"rule": …}}`."""

FOLDERS = "/usr/sbin:/sbin:/usr/bin:/bin:/usr/local/sbin"
MISSING, FAILED = 127, 126
"""Status where there is no nft, and where it gave no answer."""


class Ran(NamedTuple):
    """What a run of nft brought."""

    status: int
    output: str
    errors: str


class NftError(Exception):
    """nft did not do what was asked; the text says why, and the remedy."""

    def __init__(self, reason: str, statement: Statement | None = None) -> None:
        super().__init__(reason)
        self.statement = statement
        """The statement that was refused, when it is known."""


def run(arguments: Sequence[str], text: bytes | str | None = None, timeout_s: float = limits.NFT_TIMEOUT_S) -> Ran:
    """Run nft in this network namespace; never raises."""
    program = shutil.which("nft", path=FOLDERS)
    if program is None:
        return Ran(MISSING, "", "nft is not installed.\nInstall the package nftables.")
    given = text.encode() if isinstance(text, str) else text
    try:
        done = subprocess.run([program, *arguments], input=given, capture_output=True, timeout=timeout_s, check=False)
    except subprocess.TimeoutExpired:
        return Ran(FAILED, "", f"nft gave no answer within {timeout_s:.0f} s.\nLook for another program that holds the kernel's rules.")
    except OSError as error:
        return Ran(FAILED, "", f"nft cannot be run: {error}")
    if len(done.stdout) > limits.NFT_OUTPUT_BYTES_MAX:
        return Ran(FAILED, "", f"nft lists {len(done.stdout)} bytes, more than the {limits.NFT_OUTPUT_BYTES_MAX} that are read")
    return Ran(done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace").strip())


def listed(*arguments: str) -> list[Statement]:
    """What nft lists as JSON, such as `listed("-a", "ruleset")`. `NftError` when it cannot."""
    flags = [each for each in arguments if each.startswith("-")]
    ran = run(["-j", *flags, "list", *(each for each in arguments if each not in flags)])
    if ran.status:
        raise NftError(ran.errors or f"nft ended with status {ran.status}")
    try:
        found = msgspec.json.decode(ran.output or "{}")["nftables"]
    except (msgspec.DecodeError, KeyError, TypeError) as error:
        raise NftError(f"nft answered no JSON: {error}") from error
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def load(statements: Sequence[Statement]) -> None:
    """Load statements as one transaction: all or nothing. `NftError` names the statement that was refused."""
    ran = _give(statements, dry=False)
    if ran.status == 0:
        return
    refused = None if ran.status in {MISSING, FAILED} else _refused(statements)
    reason = ran.errors.splitlines()[0] if ran.errors else f"nft ended with status {ran.status}"
    shown = f"\nThe statement: {msgspec.json.encode(refused).decode()}" if refused is not None else ""
    raise NftError(f"the kernel's rules are as before: {reason}{shown}", refused)


def _give(statements: Sequence[Statement], *, dry: bool) -> Ran:
    flags = ["-c"] if dry else []
    return run([*flags, "-j", "-f", "-"], msgspec.json.encode({"nftables": statements}))


def _refused(statements: Sequence[Statement]) -> Statement | None:
    """The first statement with which a dry run fails; None when it does not fail (any more)."""
    good, bad = 0, len(statements)
    for _ in range(limits.NFT_BISECT_RUNS_MAX):
        if bad - good <= 1:
            break
        middle = (good + bad) // 2
        if _give(statements[:middle], dry=True).status:
            bad = middle
        else:
            good = middle
    if bad - good > 1 or not _give(statements[:bad], dry=True).status:
        return None
    return statements[bad - 1]
