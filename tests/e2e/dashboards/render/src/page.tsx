// The whole dashboard on one page. window.BATON holds its JSON and Prometheus' answers.
import {
  applyFieldOverrides,
  createTheme,
  type DataFrame,
  getValueFormats,
  ThemeContext,
  transformDataFrame,
} from '@grafana/data';
import { initPluginTranslations } from '@grafana/i18n';
import { GlobalStyles, PanelChrome } from '@grafana/ui';
import { Component, type ReactNode, useEffect, useState } from 'react';
import { createRoot } from 'react-dom/client';
import { lastValueFrom } from 'rxjs';

import { register, registry } from './config';
import { type Answer, table, timeSeries } from './frames';
import { draw, range } from './panels';

interface Given {
  dashboard: any;
  answers: Record<string, Answer[]>;
  grids: Record<string, number[]>;
  from: number;
  to: number;
  width: number;
}

declare global {
  interface Window {
    BATON: Given;
  }
}

const [ROW_PX, GAP_PX, HEADER_PX] = [30, 8, 64];
const theme = createTheme({ colors: { mode: 'dark' } });
const { dashboard, answers, grids, from, to, width } = window.BATON;
const timeRange = range(from, to);
const problems: string[] = [];
const known = new Set(getValueFormats().flatMap((group) => (group.submenu ?? []).map((unit) => unit.value)));

// Units with an argument are not in the list: currency:SGD.
const hasUnit = (unit: string) => known.has(unit) || unit.startsWith('currency:');

class Guard extends Component<{ name: string; children: ReactNode }, { failed?: Error }> {
  state: { failed?: Error } = {};
  static getDerivedStateFromError(failed: Error) {
    return { failed };
  }
  componentDidCatch(error: Error) {
    problems.push(`${this.props.name}: ${error.message}`);
  }
  render() {
    return this.state.failed ? <pre>{String(this.state.failed)}</pre> : this.props.children;
  }
}

async function framesOf(panel: any): Promise<DataFrame[]> {
  const asked = answers[panel.id] ?? [];
  const raw = asked.flatMap((answer) =>
    answer.format === 'table' ? table(answer, asked.length > 1) : timeSeries(answer, grids[panel.id])
  );
  const transformed = panel.transformations
    ? await lastValueFrom(
        transformDataFrame(panel.transformations, raw, { interpolate: (text: string) => text })
      )
    : raw;
  return applyFieldOverrides({
    data: transformed,
    fieldConfig: panel.fieldConfig,
    fieldConfigRegistry: registry,
    replaceVariables: (text: string) => text,
    theme,
    timeZone: 'utc',
  });
}

function Panel({ panel, frames }: { panel: any; frames: DataFrame[] }) {
  const { x, y, w, h } = panel.gridPos;
  const column = (width - GAP_PX) / 24;
  const style = {
    left: GAP_PX + x * column,
    top: HEADER_PX + y * (ROW_PX + GAP_PX),
  };
  if (panel.type === 'row') {
    return (
      <div className="row" style={style}>
        ▾ {panel.title}
      </div>
    );
  }
  const size = { width: w * column - GAP_PX, height: h * (ROW_PX + GAP_PX) - GAP_PX };
  return (
    <div className="panel" style={style} data-panel={panel.id}>
      <PanelChrome title={panel.title} description={panel.description} {...size}>
        {(innerWidth, innerHeight) => (
          <Guard name={`${panel.id} ${panel.title}`}>
            {draw({ panel, frames, theme, timeRange, width: innerWidth, height: innerHeight })}
          </Guard>
        )}
      </PanelChrome>
    </div>
  );
}

function Page({ drawn }: { drawn: Map<number, DataFrame[]> }) {
  useEffect(() => {
    // Plots draw in the frame after they are mounted.
    const settled = setTimeout(() => {
      document.title = problems.length ? `FAILED ${problems.join(' | ')}` : 'DRAWN';
    }, 1500);
    return () => clearTimeout(settled);
  }, []);
  const bottom = Math.max(...dashboard.panels.map((each: any) => each.gridPos.y + each.gridPos.h));
  return (
    <ThemeContext.Provider value={theme}>
      <GlobalStyles />
      <div className="page" style={{ width, height: HEADER_PX + bottom * (ROW_PX + GAP_PX) + GAP_PX }}>
        <h1>{dashboard.title}</h1>
        <p>{dashboard.description}</p>
        {dashboard.panels.map((panel: any) => (
          <Panel key={panel.id} panel={panel} frames={drawn.get(panel.id) ?? []} />
        ))}
      </div>
    </ThemeContext.Provider>
  );
}

async function main() {
  register();
  await initPluginTranslations('baton');
  const drawn = new Map<number, DataFrame[]>();
  for (const panel of dashboard.panels) {
    if (panel.type === 'row') {
      continue;
    }
    if (!hasUnit(panel.fieldConfig.defaults.unit)) {
      problems.push(`${panel.id}: no unit ${panel.fieldConfig.defaults.unit}`);
    }
    drawn.set(panel.id, await framesOf(panel));
  }
  createRoot(document.getElementById('page')!).render(<Page drawn={drawn} />);
}

window.addEventListener('error', (event) => problems.push(event.message));
main().catch((error) => (document.title = `FAILED ${error}`));
