from setuptools import setup

setup(name="setup-shop", version="0.1", py_modules=["app"], install_requires=["bottle"])
