"""The live page of a worker: what it owns, as figures (snapshot.py), words (view.py) and HTML."""
