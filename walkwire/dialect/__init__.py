"""Dialect: Jac's run-time vocabulary, by the names that programs of Jac and Jac Cloud use. Nothing in walk/ imports it."""
