"""Doctor: `walkwire doctor` checks a deployment with the settings it would be served with. It changes nothing."""
