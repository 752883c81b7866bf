"""What users import: pipelines and indexes."""
