"""What is counted of agents; no name of a person, peer or address."""

from prometheus_client import Counter, Gauge

ENROLLED = Counter("meshtrail_agents_enrolled", "Machines that were made peers, or enrolled again.")
REFUSED = Counter("meshtrail_agents_proofs_refused", "Enrolments and requests of new tokens that were refused.")
WAITING = Gauge("meshtrail_agents_waiting", "Peers that wait for their network map at this moment.")
MAPS = Counter("meshtrail_agents_maps", "Network maps that were sent.")
