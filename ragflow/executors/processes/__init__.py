"""Does work in other processes of this machine, and keeps the limits of tasks.

A worker is a fresh interpreter in a process group of its own, and speaks to its parent over a
socket pair: frames of msgpack, never pickle. Each slot has one worker at most and one thread
in the parent that starts it, feeds it, waits for it and ends it.

Not our own by choice: of the libraries that are kept, loky breaks the whole pool when one
worker dies; Pebble replaces it, but its workers share a lock that a killed one may take along
(https://github.com/noxdafox/pebble/issues/163). Both pickle, both leave a worker that is busy
behind when their process is killed, and neither knows limits of memory or of the network.
"""
