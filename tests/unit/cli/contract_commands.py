"""A small contract to break, and a way to run `baton contract` on files in a folder."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner, Result

from streams.cli.main import cli

CONTRACT = """\
apiVersion: baton/v1
kind: ServiceContract
metadata: {name: care}
spec:
  version: 1
  effective: {from: 2026-01-01T00:00:00+08:00, to: 2026-07-01T00:00:00+08:00}
  timeZone: Asia/Singapore
  scope: {channels: [voice, chat], markets: [MY], journeys: [billing]}
  inactivity: 30m
  verificationWindow: 3d
  handoff:
    thresholds: {voice: 60s, chat: 120s}
  currency: SGD
  atRisk: {percentOfFees: "15", capPercent: "10"}
  prices:
    - {unit: resolution, amount: "1.20"}
  serviceLevels:
    - {sloRef: wait}
    - sloRef: within
      minimumVolume: 20
      weight: "100"
      credits: [{beyond: "0.95", percent: "25"}, {beyond: "0.9", percent: "100"}]
"""
WAIT = """\
---
apiVersion: openslo/v1
kind: SLO
metadata: {name: wait}
spec:
  service: care
  indicator:
    metadata: {name: wait}
    spec:
      ratioMetric:
        counter: true
        good: {metricSource: {type: baton, spec: {indicator: escalation_wait}}}
  timeWindow: [{duration: 5m, isRolling: true}]
  budgetingMethod: Occurrences
  objectives: [{target: 0.999}]
"""
WITHIN = """\
---
apiVersion: openslo/v1
kind: SLO
metadata: {name: within}
spec:
  service: care
  indicator:
    metadata: {name: within}
    spec:
      ratioMetric:
        counter: true
        good:
          metricSource:
            type: baton
            spec: {indicator: escalation_within, where: {channel: chat}}
  timeWindow:
    - duration: 1M
      isRolling: false
      calendar: {startTime: 2026-01-01 00:00:00, timeZone: Asia/Singapore}
  budgetingMethod: Occurrences
  objectives: [{target: 0.95}]
"""
GOOD = CONTRACT + WAIT + WITHIN


def run(folder: Path, command: str, *arguments: str) -> Result:
    """`baton contract COMMAND ARGUMENTS`; what ends in .yaml is a file in `folder`."""
    named = [str(folder / a) if ".yaml" in a else a for a in arguments]
    return CliRunner().invoke(cli, ["contract", command, *named])


def plain(result: Result, folder: Path) -> str:
    """What was printed, without the folder's name."""
    return result.output.replace(f"{folder}/", "")
