"""Reads the bytes of a document into text with its structure; one file a format.

`reading.parse` is the one entry, `media_types.media_type` says what bytes are, `reasons.Reason`
lists why a document may not be read, `requirements.satisfied` whether that has changed.
Importing this package imports no library that reads a format.
"""
