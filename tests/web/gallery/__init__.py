"""Every page with sample data: the visual fixture. Run ``python -m tests.web.gallery`` and open http://127.0.0.1:8900/gallery."""
