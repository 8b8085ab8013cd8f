"""Audit: which episodes are drawn for review, what of them an auditor sees, what reviews say.

Pure: facts and events in, samples and estimates out. DEFINITIONS.md section 11.
"""
