"""The contracts of ragflow, written as guarantees; nothing here runs."""
