NAME = "fastapi-in-backend"
