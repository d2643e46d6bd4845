"""Accounts: the routes of users, their tickets, webhook keys and single sign-on."""
