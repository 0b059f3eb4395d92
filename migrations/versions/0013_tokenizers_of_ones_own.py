"""tokenizers that are trained on data sets, and how much of a vocabulary a text uses"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "tokenizers",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("name", sa.Text(), nullable=False),
        # No foreign key: a tokenizer outlives its text.
        sa.Column("dataset_id", sa.Text(), nullable=False),
        sa.Column("dataset_sha256", sa.Text(), nullable=False),
        sa.Column("asked_vocab_size", sa.BigInteger(), nullable=False),
        sa.Column("vocab_size", sa.BigInteger(), nullable=True),
        sa.Column("sha256", sa.Text(), nullable=True),
        sa.Column("measured_bytes", sa.BigInteger(), nullable=True),
        sa.Column("measured_tokens", sa.BigInteger(), nullable=True),
        sa.Column("measured_gpt2_tokens", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("queued_at", sa.Double(), nullable=False),
        sa.Column("attempt", sa.BigInteger(), nullable=False, server_default=sa.text("0")),
        sa.Column("failures", sa.BigInteger(), nullable=False, server_default=sa.text("0")),
        sa.Column("worker", sa.Text(), nullable=True),
        sa.Column("lease_expires_at", sa.Double(), nullable=True),
        sa.Column("fraction", sa.Double(), nullable=False, server_default=sa.text("0")),
        sa.Column("error", sa.Text(), nullable=True),
    )
    op.create_index("tokenizers_in_line", "tokenizers", ["status", "queued_at"])
    op.create_table("tokenizer_removals", sa.Column("sha256", sa.Text(), primary_key=True))
    for name in ("vocab_size", "used_tokens", "longest_document_tokens"):
        op.add_column("token_counts", sa.Column(name, sa.BigInteger(), nullable=True))


def downgrade() -> None:
    for name in ("longest_document_tokens", "used_tokens", "vocab_size"):
        op.drop_column("token_counts", name)
    op.drop_table("tokenizer_removals")
    op.drop_table("tokenizers")
