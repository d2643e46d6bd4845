"""Translates programs in Jac to Python. `import walkwire.jac` makes .jac files importable."""

from walkwire.jac.importer import install

install()
