"""A small Streamlit dashboard: a week of made-up visits, sliced by two controls."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st

VERSION = os.environ.get("APP_VERSION") or Path(__file__).with_name("VERSION").read_text().strip()
GREETING = os.environ.get("GREETING", "Hello, world")
SITES = {"Harbour": 420, "Market": 310, "Old town": 180}


@st.cache_data
def visits(days: int) -> pd.DataFrame:
    """Visits per day and site: a daily rhythm with a little noise, the same on every run."""
    noise = np.random.default_rng(7)
    days_back = pd.date_range(end=pd.Timestamp("2026-01-31"), periods=days, freq="D")
    weekend = np.where(days_back.day_of_week >= 5, 1.4, 1.0)
    columns = {site: (base * weekend * noise.normal(1, 0.08, days)).astype(int) for site, base in SITES.items()}
    return pd.DataFrame(columns, index=days_back)


st.set_page_config(page_title=GREETING, page_icon="⛵", layout="centered")
st.title(GREETING)
st.caption(f"Streamlit example · version {VERSION}")

chosen = st.multiselect("Sites", list(SITES), default=list(SITES))
days = st.slider("Days", min_value=7, max_value=90, value=30)

if not chosen:
    st.info("Choose at least one site to see its visits.")
    st.stop()

table = visits(days)[chosen]
for column, site in zip(st.columns(len(chosen)), chosen, strict=True):
    today, yesterday = int(table[site].iloc[-1]), int(table[site].iloc[-2])
    column.metric(site, f"{today:,}", f"{today - yesterday:+,}")
st.line_chart(table)
with st.expander("The numbers"):
    st.dataframe(table, width="stretch")
