"""Signing: the keys of tokens, and signed codes that prove an e-mail address."""
