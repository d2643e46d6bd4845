"""Syntax: from text to a syntax tree: grammar, lexer, parser, and advice about mistakes."""
