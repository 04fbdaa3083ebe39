#!/bin/sh
export SHOP=procfile-shell-script
exec python app.py
