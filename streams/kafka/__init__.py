"""The edge to the broker: topics, batch consumption under Faust, tables' storage, output, dead
letters.
"""
