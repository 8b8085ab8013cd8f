// Prometheus' answers as the data frames that Grafana's Prometheus data source makes of them.
import { type DataFrame, type Field, FieldType, type Labels } from '@grafana/data';

export interface Answer {
  refId: string;
  legend: string;
  format: 'time_series' | 'table' | 'heatmap';
  instant: boolean;
  series: Array<{ labels: Record<string, string>; points: Array<[number, number | null]> }>;
}

// {{name}} in a legend is the label; without a legend it is all labels.
function named(legend: string, labels: Labels): string {
  if (legend && legend !== '__auto') {
    return legend.replace(/\{\{\s*(\w+)\s*\}\}/g, (_, name: string) => labels[name] ?? '').trim();
  }
  const shown = Object.entries(labels).map(([name, value]) => `${name}="${value}"`);
  return shown.length ? `{${shown.join(', ')}}` : 'Value';
}

// A gap stays a gap: a step without a value is null, so that lines break where nothing was known.
function onGrid(points: Array<[number, number | null]>, grid: number[]): Array<number | null> {
  const known = new Map(points.map(([time, value]) => [Math.round(time * 1000), value]));
  return grid.map((time) => known.get(time) ?? null);
}

export function timeSeries(answer: Answer, grid: number[]): DataFrame[] {
  return answer.series.map(({ labels, points }) => {
    // Plots add to a frame's times, so each has its own.
    const times = answer.instant ? points.map(([time]) => time * 1000) : [...grid];
    const values = answer.instant ? points.map(([, value]) => value) : onGrid(points, grid);
    const value: Field = {
      name: 'Value',
      type: FieldType.number,
      labels,
      values,
      config: { displayNameFromDS: named(answer.legend, labels) },
    };
    return {
      refId: answer.refId,
      name: named(answer.legend, labels),
      fields: [{ name: 'Time', type: FieldType.time, values: times, config: {} }, value],
      length: times.length,
    };
  });
}

// One frame with a column a label, as `format: table` gives.
export function table(answer: Answer, several: boolean): DataFrame[] {
  const labels = [...new Set(answer.series.flatMap((each) => Object.keys(each.labels)))].sort();
  const last = answer.series.map((each) => each.points[each.points.length - 1]);
  const column = (name: string): Field => ({
    name,
    type: FieldType.string,
    values: answer.series.map((each) => each.labels[name] ?? ''),
    config: { filterable: true },
  });
  const value: Field = {
    name: several ? `Value #${answer.refId}` : 'Value',
    type: FieldType.number,
    values: last.map((point) => point[1]),
    config: {},
  };
  const time: Field = {
    name: 'Time',
    type: FieldType.time,
    values: last.map((point) => point[0] * 1000),
    config: {},
  };
  return [{ refId: answer.refId, fields: [time, ...labels.map(column), value], length: last.length }];
}
