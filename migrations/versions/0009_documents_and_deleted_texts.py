"""texts that consist of documents, and data sets that are deleted"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # The texts that there are are plain.
    op.add_column("datasets", sa.Column("documents", sa.BigInteger(), nullable=False, server_default="0"))
    op.add_column("datasets", sa.Column("longest_document", sa.BigInteger(), nullable=True))
    op.create_table("text_removals", sa.Column("sha256", sa.Text(), primary_key=True))


def downgrade() -> None:
    op.drop_table("text_removals")
    op.drop_column("datasets", "longest_document")
    op.drop_column("datasets", "documents")
