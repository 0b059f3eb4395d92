"""owners, and the turns that they take"""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

OWNED = ("jobs", "datasets", "tokenizers", "models")
NAMES = {"uq": "uq_%(table_name)s_%(column_0_name)s"}
"""SQLite has none for the constraint of 0001."""


def upgrade() -> None:
    for table in OWNED:
        op.add_column(table, sa.Column("owner", sa.Text(), nullable=True))
        op.add_column(table, sa.Column("shared", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("jobs", sa.Column("claimed_at", sa.Double(), nullable=True))
    op.create_index("jobs_by_claim", "jobs", ["claimed_at"])
    # Each owner has a data set of their own for the same content.
    old, new = ["sha256", "builtin"], ["sha256", "builtin", "owner"]
    if op.get_bind().dialect.name == "sqlite":
        # The table is made anew, so nothing may refer to it meanwhile: see `migrations.upgrade`.
        with op.batch_alter_table("datasets", naming_convention=NAMES) as datasets:
            datasets.drop_constraint("uq_datasets_sha256", type_="unique")
            datasets.create_unique_constraint("datasets_of_owner", new)
    else:
        op.drop_constraint("datasets_sha256_builtin_key", "datasets", type_="unique")
        op.create_unique_constraint("datasets_of_owner", "datasets", new)
    has_none = sa.text("owner IS NULL")
    op.create_index(
        "datasets_without_owner",
        "datasets",
        old,
        unique=True,
        sqlite_where=has_none,
        postgresql_where=has_none,
    )


def downgrade() -> None:
    op.drop_index("datasets_without_owner", "datasets")
    if op.get_bind().dialect.name == "sqlite":
        with op.batch_alter_table("datasets") as datasets:
            datasets.drop_constraint("datasets_of_owner", type_="unique")
            datasets.create_unique_constraint("uq_datasets_sha256", ["sha256", "builtin"])
    else:
        op.drop_constraint("datasets_of_owner", "datasets", type_="unique")
        op.create_unique_constraint("datasets_sha256_builtin_key", "datasets", ["sha256", "builtin"])
    op.drop_index("jobs_by_claim", "jobs")
    op.drop_column("jobs", "claimed_at")
    for table in OWNED:
        op.drop_column(table, "shared")
        op.drop_column(table, "owner")
