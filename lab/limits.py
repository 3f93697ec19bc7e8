"""Limits of the lab, with their units and reasons."""

COMMAND_S_MAX = 30
"""One `ip` or `nft` command takes milliseconds; after this it hangs."""

READY_S_MAX = 60
"""Start of the server or of an agent on a machine that is busy with other things."""

STOP_S_MAX = 15
"""An agent sends its last reports for five seconds at most, a server drains for eight."""

TALK_S_MAX = 30
"""One send or receive of a scene: hundreds of megabytes take a second."""

CHECK_S_MAX = 40
"""From the end of a scene until its rows are complete: entries expire after `EXPIRY_S`, reports leave at once."""

POLL_S = 0.25
"""Between two looks at the API; each reads all rows of the lab."""

ROWS_MAX = 20_000
"""Rows of one look: a run of the scenes makes some two hundred."""

DENIED_S = 1.6
"""How long a client waits for an answer that does not come: its first SYN and the repetition after a second."""

EXPIRY_S = 3
"""The kernel's patience with unanswered and idle connections of the lab's nodes; by default 30 to 120 seconds."""

VANISH_S = 4
"""The same for established connections of the two nodes between which one vanishes; by default five days."""

EXPIRE_INTERVAL_S = 0.5
"""Between two looks at the kernel's tables that make it throw out what has expired: by itself it looks each minute."""

HUGE_BYTES = 200_000_000
"""A transfer of some 4,000 large segments, and past any counter of 24 bits."""

CHUNK_BYTES = 1 << 20
"""One send or receive of a large transfer."""

BYTES_SHARE_MAX = 0.01
"""How far bytes may be from what the sockets counted with the headers of the packets."""

OPTION_BYTES_MAX = 24
"""TCP options that only some packets of a connection have: those of a SYN, and of acknowledgements out of order."""

SACK_BYTES_MAX = 28
"""The longest selective acknowledgement beside time stamps (RFC 2018): three blocks and two bytes of padding."""

SACK_SHARE_MAX = 0.1
"""Packets that may carry one: a machine under load drops some of a huge transfer, and the other end says which."""

WHOLE_BYTES_MIN = 1_000_000
"""From this payload on, headers are so few that bytes are compared with the payload alone too."""

CAPTURE_SNAP_BYTES = 128
"""Headers of any packet; the length on the wire is noted beside."""

CAPTURE_BUFFER_KIB = 65_536
"""tcpdump's buffer in the kernel: holds the headers of the huge transfer."""

PORT = 8765
"""The server's port on the lab's own address."""

PLAYED_TOGETHER = 12
"""Scenes that run at once: most of their time they wait."""

PROGRESS_LOOKS = 2
"""Looks at a connection while it lasts."""

ENFORCED_S_MAX = 30
"""From a change of a policy until a peer enforces it: it is told at once, and loads its rules in a fraction of a second."""

SAID_CHARACTERS_MAX = 2_000
"""The end of a process's output that is shown when it fails."""

CHATTER_PAUSE_S = 1.0
"""Mean time between two connections of a lab that is left running: seen at a glance, and ten megabytes a day."""
