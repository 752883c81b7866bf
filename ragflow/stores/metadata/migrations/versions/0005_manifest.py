"""What documents hold: archives, and mails with attachments."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Make the table; what older homes know of archives is found by opening them."""
    op.create_table(
        "manifest",
        sa.Column("source", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("token", sa.LargeBinary, nullable=False),
        sa.Column("held", sa.LargeBinary, nullable=False),
        sqlite_with_rowid=False,
    )
