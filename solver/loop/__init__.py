"""One run of a case: the loop over its segments, its signals, its end."""
