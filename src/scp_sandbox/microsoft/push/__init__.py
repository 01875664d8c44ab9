"""Graph's change notifications: subscriptions, as far as they are answered."""
