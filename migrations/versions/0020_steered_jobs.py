"""notes, tags, stars and archived jobs; requests for checkpoints; samples of several prompts; devices"""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

SAMPLES = "job_id, step, epoch, prompt, text, recorded_at"


def upgrade() -> None:
    op.add_column("jobs", sa.Column("notes", sa.Text(), nullable=True))
    op.add_column("jobs", sa.Column("tags", sa.JSON(), nullable=False, server_default="[]"))
    for name in ("starred", "archived"):
        op.add_column("jobs", sa.Column(name, sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("jobs", sa.Column("checkpoint_asked_at", sa.Double(), nullable=True))
    op.add_column("workers", sa.Column("device", sa.Text(), nullable=True))
    make_samples_anew(sa.Column("index", sa.BigInteger(), primary_key=True, autoincrement=False))
    op.execute(f'INSERT INTO new_samples ({SAMPLES}, "index") SELECT {SAMPLES}, 0 FROM samples')
    replace_samples()


def downgrade() -> None:
    make_samples_anew()
    op.execute(f'INSERT INTO new_samples ({SAMPLES}) SELECT {SAMPLES} FROM samples WHERE "index" = 0')
    replace_samples()
    op.drop_column("workers", "device")
    for name in ("checkpoint_asked_at", "archived", "starred", "tags", "notes"):
        op.drop_column("jobs", name)


def make_samples_anew(*more_key: sa.Column[int]) -> None:
    """SQLite changes no primary key of a table that is there."""
    op.create_table(
        "new_samples",
        sa.Column("job_id", sa.Text(), sa.ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("step", sa.BigInteger(), primary_key=True, autoincrement=False),
        *more_key,
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("prompt", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.Double(), nullable=False),
    )


def replace_samples() -> None:
    op.drop_table("samples")
    op.rename_table("new_samples", "samples")
    if op.get_bind().dialect.name == "postgresql":  # SQLite's constraints have no names
        for suffix in ("pkey", "job_id_fkey"):
            op.execute(f"ALTER TABLE samples RENAME CONSTRAINT new_samples_{suffix} TO samples_{suffix}")
