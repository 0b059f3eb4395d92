"""where the text begins in a data set's file"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # In the data sets that there are, the mark stays part of the text: their jobs were trained on it.
    op.add_column(
        "datasets",
        sa.Column("text_start_bytes", sa.BigInteger(), nullable=False, server_default=sa.text("0")),
    )


def downgrade() -> None:
    op.drop_column("datasets", "text_start_bytes")
