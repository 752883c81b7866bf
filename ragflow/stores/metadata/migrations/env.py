"""Runs the revisions on the connection that `schema.migrate` hands over."""

from alembic import context

from ragflow.stores.metadata.schedule_tables import schema

context.configure(connection=context.config.attributes["connection"], target_metadata=schema)
context.run_migrations()
