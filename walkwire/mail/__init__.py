"""Mail: letters with codes, and the SMTP client that sends them. Imports only the ground; the server hands it to the accounts."""
