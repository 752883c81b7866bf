"""What keeps an index fresh for months: a service that runs pipelines by themselves."""
