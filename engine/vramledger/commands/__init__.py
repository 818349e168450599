"""What each command does: one module a command, which describes itself as `COMMAND`."""
