"""Traces: what became of one conversation and why, for two parties who disagree about it.

Pure. Read with the batch judge's code, so that a trace is the judge's account and not the stream's.
"""
