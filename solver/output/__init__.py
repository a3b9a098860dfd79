"""What a run leaves on disk: snapshots, checkpoints, log, summary. Reads the state, knows no physics."""
