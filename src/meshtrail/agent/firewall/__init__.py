"""The rules of a peer: programmed, attributed, or read from the kernel.

A *network map* is checked by the *verifier*, kept in the *envelope file*, and compiled to a *ruleset*, which nft loads in one
transaction; `decide` says in plain Python what that ruleset does. A rule has a *number* for a time, written into bits of the
mark of the connections that it accepts, and a *prefix* in the log of those that it drops: the *timeline* leads from both back
to the *decision* of their time. The *watch* hears that rules changed: the firewall then programs its own again, and the
*observer* reads those of others. A new map is on *trial* until the server has answered over it.
"""
