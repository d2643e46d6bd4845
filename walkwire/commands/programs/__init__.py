"""Programs: commands that take a program, or make one."""
