"""What happens by itself when code moves: deploying on push, and promoting from environment to environment."""
