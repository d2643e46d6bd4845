"""Files: what a program's folder shows to browsers."""
