"""Of how many documents a loss is judged that was refused, or that nobody came to judge."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make the table; what is under way in an older home is judged of all."""
    op.create_table(
        "guarded",
        sa.Column("source", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("number", sa.Integer, nullable=False),
    )
