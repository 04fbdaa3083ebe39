"""A small FastAPI application: a to-do list as a JSON API, and one page that uses it."""

from __future__ import annotations

import html
import os
import tomllib
from itertools import count
from pathlib import Path

from fastapi import FastAPI, HTTPException
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, Field

HERE = Path(__file__).parent
VERSION = os.environ.get("APP_VERSION") or tomllib.loads((HERE / "pyproject.toml").read_text())["project"]["version"]
GREETING = os.environ.get("GREETING", "Hello, world")

app = FastAPI(title="FastAPI example", version=VERSION)


class NewTask(BaseModel):
    title: str = Field(min_length=1, max_length=120)


class Task(NewTask):
    id: int
    is_done: bool = False


numbers = count(1)
tasks: dict[int, Task] = {}


@app.get("/api/tasks")
def list_tasks() -> list[Task]:
    return list(tasks.values())


@app.post("/api/tasks", status_code=201)
def add_task(new: NewTask) -> Task:
    task = Task(id=next(numbers), title=new.title)
    tasks[task.id] = task
    return task


@app.post("/api/tasks/{task_id}/completion")
def complete_task(task_id: int) -> Task:
    if task_id not in tasks:
        raise HTTPException(404, f"There is no task {task_id}.")
    tasks[task_id].is_done = True
    return tasks[task_id]


@app.get("/api/greeting")
def greeting() -> dict[str, str]:
    return {"greeting": GREETING, "version": VERSION}


@app.get("/health")
def health() -> dict[str, str]:
    return {"status": "ok", "version": VERSION}


@app.get("/", response_class=HTMLResponse)
def index() -> str:
    page = (HERE / "page.html").read_text()
    return page.replace("{{ greeting }}", html.escape(GREETING)).replace("{{ version }}", html.escape(VERSION))


for title in ("Read the code", "Change the greeting", "Deploy it again"):
    add_task(NewTask(title=title))
