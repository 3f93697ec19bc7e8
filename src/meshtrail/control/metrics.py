"""What is counted of agents; no name of a person, peer or address."""

from prometheus_client import Counter, Gauge

ENROLLED = Counter("meshtrail_agents_enrolled", "Machines that were made peers, or enrolled again.")
REFUSED = Counter("meshtrail_agents_proofs_refused", "Enrolments and requests of new tokens that were refused.")
WAITING = Gauge("meshtrail_agents_waiting", "Peers that wait for their network map at this moment.")
MAPS = Counter("meshtrail_agents_maps", "Network maps that were sent.")
STORE_FAILED = Counter(
    "meshtrail_control_store_failures", "Transactions that failed because the control store was away, too busy or out of space."
)
LISTENING_LOST = Counter(
    "meshtrail_control_listening_lost", "Times the connection that listens to PostgreSQL for changes was lost or not made."
)
AUDIT_STORED = Counter("meshtrail_audit_stored_events", "Audit events that left the outbox because the store has them.")
AUDIT_REFUSED = Counter("meshtrail_audit_refused_events", "Audit events that the store would not have; they stay in the outbox.")
AUDIT_FAILED = Counter("meshtrail_audit_failed_turns", "Turns in which the store took no audit events; they are tried again.")
AUDIT_WAITING = Gauge("meshtrail_audit_waiting_events", "Audit events in the outbox, when it was last looked at.")
WITNESSED = Counter("meshtrail_audit_witnessed_events", "Refused attempts and readings that were written down.")
WITNESS_LOST = Counter("meshtrail_audit_witness_lost_events", "Refused attempts and readings that could not be written down.")
