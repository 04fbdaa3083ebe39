"""Starts Datasette on the SQLite files in the volume: rows of CSV files become tables of one, databases are kept as they are.
"""

import json
import os
import sys
import tempfile
from pathlib import Path

host, port = sys.argv[1:]
data = Path(os.environ.get("VOLUME_DATA", "/data"))
tables, databases = data / "tables" / "tables.db", data / "databases"
for folder in (tables.parent, databases):
    folder.mkdir(parents=True, exist_ok=True)
settings = Path(tempfile.gettempdir()) / "metadata.json"
plugins = {"datasette-upload-dbs": {"directory": str(databases)}}  # it also serves what was uploaded before
settings.write_text(json.dumps({"title": os.environ.get("SITE_TITLE", "Datasette"), "plugins": plugins}))
words = ["datasette", "serve", str(tables), "--create", "--host", host, "--port", port]
os.execvp("datasette", [*words, "--metadata", str(settings), "--plugins-dir", "plugins"])
