"""Finds the rule behind traffic that nobody attributed: whose agent enforces no rules of ours, or does not say which one it was.

*Material* is what an organisation's rules, peers and resources are at one moment; a *book* is compiled from it and answers many
connections at once; *books* lead from a moment to the book that was in force; `resolve` fills a batch's columns from them.

Every peer, and every place behind a routing peer, has two rows of bits: the rules that may begin there and those that may end
there. A connection's rules are the intersection of its two ends and of its protocol and port. Drops come before accepts, so the
first bit is the rule that decides where rules are tried in order.
"""
