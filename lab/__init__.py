"""The lab: a small private network in namespaces, with real agents, real traffic, and a check of what was recorded.

A *node* is a machine of the network: a network namespace with its links (`topology.py`). A *scene* (`scenes.py`) makes
*talks*: connections over real sockets, with what the sockets counted (`traffic.py`). Beside each talk stands what each
*reporter* should have said (`expect.py`); the *checker* (`check.py`) compares it with the rows of the API and gives a
*finding* for each. *Captures* (`capture.py`) are what tcpdump saw meanwhile, and are compared with all rows (`compare.py`).

`python -m lab` runs it; the end-to-end tests run the same scenes.
"""
