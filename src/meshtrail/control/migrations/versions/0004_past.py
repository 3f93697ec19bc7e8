"""What organisations had in the past: a table of forms for each table of the inventory, and the times of the revisions."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make the tables. What was before is not known."""
    op.create_table(
        "past_group_peers",
        sa.Column("org_id", sa.String(length=36), nullable=False),
        sa.Column("group_id", sa.String(length=36), nullable=False),
        sa.Column("peer_id", sa.String(length=200), nullable=False),
        sa.Column("from_revision", sa.BigInteger(), nullable=False),
        sa.Column("until_revision", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("org_id", "group_id", "peer_id", "from_revision"),
    )
    op.create_index("past_group_peers_by_revision", "past_group_peers", ["org_id", "until_revision", "group_id", "peer_id"], unique=False)
    op.create_table(
        "past_group_resources",
        sa.Column("org_id", sa.String(length=36), nullable=False),
        sa.Column("group_id", sa.String(length=36), nullable=False),
        sa.Column("resource_id", sa.String(length=36), nullable=False),
        sa.Column("from_revision", sa.BigInteger(), nullable=False),
        sa.Column("until_revision", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("org_id", "group_id", "resource_id", "from_revision"),
    )
    op.create_index(
        "past_group_resources_by_revision", "past_group_resources", ["org_id", "until_revision", "group_id", "resource_id"], unique=False
    )
    op.create_table(
        "past_groups",
        sa.Column("org_id", sa.String(length=36), nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("built_in", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("from_revision", sa.BigInteger(), nullable=False),
        sa.Column("until_revision", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("org_id", "id", "from_revision"),
    )
    op.create_index("past_groups_by_revision", "past_groups", ["org_id", "until_revision", "id"], unique=False)
    op.create_table(
        "past_networks",
        sa.Column("org_id", sa.String(length=36), nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("default_action", sa.String(length=10), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("from_revision", sa.BigInteger(), nullable=False),
        sa.Column("until_revision", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("org_id", "id", "from_revision"),
    )
    op.create_index("past_networks_by_revision", "past_networks", ["org_id", "until_revision", "id"], unique=False)
    op.create_table(
        "past_peers",
        sa.Column("org_id", sa.String(length=36), nullable=False),
        sa.Column("id", sa.String(length=200), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=True),
        sa.Column("facts", sa.String(), nullable=False),
        sa.Column("enrolled_at", sa.BigInteger(), nullable=True),
        sa.Column("claims", sa.String(), nullable=True),
        sa.Column("from_revision", sa.BigInteger(), nullable=False),
        sa.Column("until_revision", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("org_id", "id", "from_revision"),
    )
    op.create_index("past_peers_by_revision", "past_peers", ["org_id", "until_revision", "id"], unique=False)
    op.create_table(
        "past_policies",
        sa.Column("org_id", sa.String(length=36), nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("from_revision", sa.BigInteger(), nullable=False),
        sa.Column("until_revision", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("org_id", "id", "from_revision"),
    )
    op.create_index("past_policies_by_revision", "past_policies", ["org_id", "until_revision", "id"], unique=False)
    op.create_table(
        "past_resources",
        sa.Column("org_id", sa.String(length=36), nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("network_id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("type", sa.String(length=10), nullable=False),
        sa.Column("address", sa.String(length=300), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("from_revision", sa.BigInteger(), nullable=False),
        sa.Column("until_revision", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("org_id", "id", "from_revision"),
    )
    op.create_index("past_resources_by_revision", "past_resources", ["org_id", "until_revision", "id"], unique=False)
    op.create_table(
        "past_routers",
        sa.Column("org_id", sa.String(length=36), nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("network_id", sa.String(length=36), nullable=False),
        sa.Column("peer_id", sa.String(length=200), nullable=True),
        sa.Column("peer_groups", sa.String(), nullable=False),
        sa.Column("metric", sa.Integer(), nullable=False),
        sa.Column("masquerade", sa.Boolean(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("from_revision", sa.BigInteger(), nullable=False),
        sa.Column("until_revision", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("org_id", "id", "from_revision"),
    )
    op.create_index("past_routers_by_revision", "past_routers", ["org_id", "until_revision", "id"], unique=False)
    op.create_table(
        "past_settings",
        sa.Column("org_id", sa.String(length=36), nullable=False),
        sa.Column("document", sa.String(), nullable=False),
        sa.Column("from_revision", sa.BigInteger(), nullable=False),
        sa.Column("until_revision", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("org_id", "from_revision"),
    )
    op.create_index("past_settings_by_revision", "past_settings", ["org_id", "until_revision"], unique=False)
    op.create_table(
        "revisions",
        sa.Column("org_id", sa.String(length=36), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["org_id"], ["organisations.id"]),
        sa.PrimaryKeyConstraint("org_id", "revision"),
    )
    op.create_index("revisions_by_time", "revisions", ["org_id", "at", "revision"], unique=False)
