from fastapi import FastAPI

from app.config import NAME

app = FastAPI()


@app.get("/")
def home() -> str:
    return f"hello from {NAME}"
