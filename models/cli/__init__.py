"""The command `doorward`: where it starts, how it writes, and the commands of `models`."""
