"""What a home remembers: instances, generations, ledgers, memos and the history of runs."""
