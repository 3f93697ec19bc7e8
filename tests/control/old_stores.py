"""Control stores as earlier releases made them."""

import sqlite3
from pathlib import Path

VERSION_1 = """
CREATE TABLE organisations (id VARCHAR(36) NOT NULL, name VARCHAR(200) NOT NULL, created_at BIGINT NOT NULL, PRIMARY KEY (id));
CREATE TABLE schema_version (version INTEGER NOT NULL, PRIMARY KEY (version));
CREATE TABLE tokens (id VARCHAR(36) NOT NULL, org_id VARCHAR(36) NOT NULL, name VARCHAR(200) NOT NULL, hash VARCHAR(64) NOT NULL,
  scopes VARCHAR(200) NOT NULL, created_at BIGINT NOT NULL, expires_at BIGINT, last_used_at BIGINT, PRIMARY KEY (id),
  FOREIGN KEY(org_id) REFERENCES organisations (id), UNIQUE (hash));
CREATE INDEX ix_tokens_org_id ON tokens (org_id);
CREATE TABLE sessions (hash VARCHAR(64) NOT NULL, org_id VARCHAR(36) NOT NULL, scopes VARCHAR(200) NOT NULL, created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL, PRIMARY KEY (hash), FOREIGN KEY(org_id) REFERENCES organisations (id));
CREATE TABLE sign_in_links (hash VARCHAR(64) NOT NULL, org_id VARCHAR(36) NOT NULL, expires_at BIGINT NOT NULL, used_at BIGINT,
  PRIMARY KEY (hash), FOREIGN KEY(org_id) REFERENCES organisations (id));
CREATE TABLE peers (org_id VARCHAR(36) NOT NULL, id VARCHAR(200) NOT NULL, facts VARCHAR NOT NULL, seen_at BIGINT NOT NULL,
  PRIMARY KEY (org_id, id), FOREIGN KEY(org_id) REFERENCES organisations (id));
INSERT INTO organisations VALUES ('o1', 'main', 5);
INSERT INTO schema_version VALUES (1);
INSERT INTO tokens VALUES
  ('t1', 'o1', 'cli', '2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b', 'admin read', 5, NULL, NULL);
INSERT INTO peers VALUES
  ('o1', 'p1', '{"id":"p1","name":"laptop","os":null,"dns_label":null,"addresses":["10.0.0.1"],"users":{"0":"root"}}', 6);
"""
"""As the first release made it; the token is `secret`."""

_ORG = "org_id VARCHAR(36) NOT NULL"
_ORG_KEY = "FOREIGN KEY(org_id) REFERENCES organisations (id)"

_NEW_IN_2 = f"""
CREATE TABLE peer_tokens (hash VARCHAR(64) NOT NULL, {_ORG}, peer_id VARCHAR(200) NOT NULL, created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL, PRIMARY KEY (hash), FOREIGN KEY(org_id, peer_id) REFERENCES peers (org_id, id));
CREATE INDEX peer_tokens_by_peer ON peer_tokens (org_id, peer_id);
CREATE TABLE network_map_serials ({_ORG}, peer_id VARCHAR(200) NOT NULL, serial BIGINT NOT NULL, digest VARCHAR(64) NOT NULL,
  PRIMARY KEY (org_id, peer_id), {_ORG_KEY});
CREATE TABLE enrolment_keys ({_ORG}, id VARCHAR(36) NOT NULL, name VARCHAR(200) NOT NULL, hash VARCHAR(64) NOT NULL,
  hint VARCHAR(20) NOT NULL, reusable BOOLEAN NOT NULL, usage_limit INTEGER NOT NULL, used_times INTEGER NOT NULL,
  auto_groups VARCHAR NOT NULL, created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL, expires_at BIGINT, last_used_at BIGINT,
  revoked_at BIGINT, PRIMARY KEY (org_id, id), {_ORG_KEY}, UNIQUE (hash));
CREATE TABLE groups ({_ORG}, id VARCHAR(36) NOT NULL, name VARCHAR(200) NOT NULL, built_in BOOLEAN NOT NULL, created_at BIGINT NOT NULL,
  PRIMARY KEY (org_id, id), {_ORG_KEY});
CREATE UNIQUE INDEX groups_by_name ON groups (org_id, name);
CREATE TABLE group_peers ({_ORG}, group_id VARCHAR(36) NOT NULL, peer_id VARCHAR(200) NOT NULL, PRIMARY KEY (org_id, group_id, peer_id),
  {_ORG_KEY});
CREATE TABLE group_resources ({_ORG}, group_id VARCHAR(36) NOT NULL, resource_id VARCHAR(36) NOT NULL,
  PRIMARY KEY (org_id, group_id, resource_id), {_ORG_KEY});
CREATE TABLE policies ({_ORG}, id VARCHAR(36) NOT NULL, version INTEGER NOT NULL, created_at BIGINT NOT NULL, document VARCHAR NOT NULL,
  PRIMARY KEY (org_id, id), {_ORG_KEY});
CREATE TABLE policy_versions ({_ORG}, policy_id VARCHAR(36) NOT NULL, version INTEGER NOT NULL, document VARCHAR NOT NULL,
  valid_from BIGINT NOT NULL, valid_until BIGINT, PRIMARY KEY (org_id, policy_id, version), {_ORG_KEY});
CREATE TABLE networks ({_ORG}, id VARCHAR(36) NOT NULL, name VARCHAR(200) NOT NULL, description VARCHAR NOT NULL,
  default_action VARCHAR(10), created_at BIGINT NOT NULL, PRIMARY KEY (org_id, id), {_ORG_KEY});
CREATE TABLE resources ({_ORG}, id VARCHAR(36) NOT NULL, network_id VARCHAR(36) NOT NULL, name VARCHAR(200) NOT NULL,
  description VARCHAR NOT NULL, type VARCHAR(10) NOT NULL, address VARCHAR(300) NOT NULL, enabled BOOLEAN NOT NULL,
  created_at BIGINT NOT NULL, PRIMARY KEY (org_id, id), {_ORG_KEY});
CREATE TABLE routers ({_ORG}, id VARCHAR(36) NOT NULL, network_id VARCHAR(36) NOT NULL, peer_id VARCHAR(200), peer_groups VARCHAR NOT NULL,
  metric INTEGER NOT NULL, masquerade BOOLEAN NOT NULL, enabled BOOLEAN NOT NULL, created_at BIGINT NOT NULL, PRIMARY KEY (org_id, id),
  {_ORG_KEY});
CREATE TABLE settings ({_ORG}, document VARCHAR NOT NULL, updated_at BIGINT NOT NULL, PRIMARY KEY (org_id), {_ORG_KEY});
"""

_GROWN_IN_2 = """
ALTER TABLE organisations ADD COLUMN revision BIGINT DEFAULT '0' NOT NULL;
ALTER TABLE peers ADD COLUMN name VARCHAR(200);
ALTER TABLE peers ADD COLUMN public_key BLOB;
ALTER TABLE peers ADD COLUMN enrolled_at BIGINT;
ALTER TABLE peers ADD COLUMN enrolment_key_id VARCHAR(36);
ALTER TABLE peers ADD COLUMN proved_at BIGINT;
ALTER TABLE peers ADD COLUMN removed_at BIGINT;
ALTER TABLE peers ADD COLUMN claims VARCHAR;
UPDATE schema_version SET version = 2;
INSERT INTO groups VALUES ('o1', 'g1', 'All', 1, 7);
"""

_COLLECTORS = """
CREATE TABLE collectors (org_id VARCHAR(36) NOT NULL, id VARCHAR(200) NOT NULL, document VARCHAR NOT NULL, PRIMARY KEY (org_id, id));
CREATE TABLE collector_position (id INTEGER NOT NULL, position BIGINT NOT NULL, PRIMARY KEY (id));
INSERT INTO collector_position VALUES (1, 42);
"""

VERSION_2 = VERSION_1 + _NEW_IN_2 + _GROWN_IN_2
"""As the second release made it from the first one's; of the later ones of its number, it lacks the collectors."""

OLD = {"1": VERSION_1, "2": VERSION_2, "2 with collectors": VERSION_2 + _COLLECTORS}
"""Every kind of store from before there were revisions."""


def build(path: Path, script: str) -> None:
    """Make the file."""
    connection = sqlite3.connect(path)
    connection.executescript(script)
    connection.close()
