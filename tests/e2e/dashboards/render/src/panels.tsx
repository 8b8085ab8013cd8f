// Panels drawn by Grafana's components. State timelines and heatmaps are core plugins that no
// package carries: stand-ins draw those, in the colours and words that Grafana's field code gives.
import {
  type DataFrame,
  dateTime,
  type FieldDisplay,
  FieldType,
  getDisplayValueAlignmentFactors,
  getFieldDisplayName,
  getFieldDisplayValues,
  getValueFormat,
  formattedValueToString,
  type GrafanaTheme2,
  type TimeRange,
  VizOrientation,
} from '@grafana/data';
import { BarGauge, BigValue, Table, TimeSeries, VizRepeater } from '@grafana/ui';

export interface Drawing {
  panel: any;
  frames: DataFrame[];
  theme: GrafanaTheme2;
  timeRange: TimeRange;
  width: number;
  height: number;
}

const identity = (text: string) => text;

export function draw(drawing: Drawing) {
  const shown = drawing.frames.filter((frame) => frame.length > 0);
  if (!shown.length) {
    const none = drawing.panel.fieldConfig.defaults.noValue ?? 'No data';
    return <div className="no-data">{none}</div>;
  }
  switch (drawing.panel.type) {
    case 'timeseries':
      return <Lines {...drawing} frames={shown} />;
    case 'stat':
      return <Tiles {...drawing} frames={shown} />;
    case 'bargauge':
      return <Bars {...drawing} frames={shown} />;
    case 'table':
      return <Rows {...drawing} frames={shown} />;
    case 'state-timeline':
      return <Lanes {...drawing} frames={shown} />;
    case 'heatmap':
      return <Heat {...drawing} frames={shown} />;
    default:
      throw new Error(`no way to draw a ${drawing.panel.type}`);
  }
}

function Lines({ panel, frames, timeRange, width, height }: Drawing) {
  return (
    <TimeSeries
      frames={frames}
      timeRange={timeRange}
      timeZone="utc"
      width={width}
      height={height}
      legend={panel.options.legend}
      options={panel.options}
    />
  );
}

function displayed({ panel, frames, theme }: Drawing, sparkline: boolean): FieldDisplay[] {
  return getFieldDisplayValues({
    data: frames,
    fieldConfig: panel.fieldConfig,
    reduceOptions: panel.options.reduceOptions,
    replaceVariables: identity,
    theme,
    sparkline,
    timeZone: 'utc',
  });
}

function Tiles(drawing: Drawing) {
  const { panel, theme, width, height, frames, timeRange } = drawing;
  const options = panel.options;
  const sparkline = options.graphMode !== 'none';
  return (
    <VizRepeater
      getValues={() => displayed(drawing, sparkline)}
      getAlignmentFactors={getDisplayValueAlignmentFactors}
      renderValue={({ value, width, height, alignmentFactors, count }) => (
        <BigValue
          value={value.display}
          count={count}
          sparkline={value.sparkline ? { ...value.sparkline, timeRange } : undefined}
          colorMode={options.colorMode}
          graphMode={options.graphMode}
          justifyMode={options.justifyMode}
          textMode={options.textMode}
          alignmentFactors={alignmentFactors}
          width={width}
          height={height}
          theme={theme}
        />
      )}
      width={width}
      height={height}
      source={frames}
      itemSpacing={3}
      renderCounter={0}
      autoGrid={true}
      orientation={VizOrientation.Auto}
    />
  );
}

function Bars(drawing: Drawing) {
  const { panel, theme, width, height, frames } = drawing;
  const options = panel.options;
  return (
    <VizRepeater
      getValues={() => displayed(drawing, false)}
      getAlignmentFactors={getDisplayValueAlignmentFactors}
      renderValue={({ value, width, height, alignmentFactors, orientation }) => (
        <BarGauge
          value={value.display}
          field={value.field}
          display={value.view?.getFieldDisplayProcessor(value.colIndex ?? 0)}
          width={width}
          height={height}
          theme={theme}
          orientation={orientation}
          alignmentFactors={alignmentFactors}
          displayMode={options.displayMode}
          valueDisplayMode={options.valueMode}
          namePlacement={options.namePlacement}
          showUnfilled={options.showUnfilled}
        />
      )}
      width={width}
      height={height}
      source={frames}
      itemSpacing={8}
      minVizHeight={16}
      maxVizHeight={40}
      renderCounter={0}
      orientation={VizOrientation.Horizontal}
    />
  );
}

function Rows({ panel, frames, width, height, timeRange }: Drawing) {
  return (
    <Table
      data={frames[0]}
      width={width}
      height={height}
      columnMinWidth={panel.fieldConfig.defaults.custom.minWidth}
      cellHeight={panel.options.cellHeight}
      initialSortBy={panel.options.sortBy}
      timeRange={timeRange}
    />
  );
}

function Lanes({ frames, width, height }: Drawing) {
  const lanes = frames.map((frame) => {
    const time = frame.fields.find((field) => field.type === FieldType.time)!;
    const value = frame.fields.find((field) => field.type === FieldType.number)!;
    return { name: getFieldDisplayName(value, frame, frames), times: time.values, value };
  });
  const labels = Math.max(...lanes.map((lane) => lane.name.length)) * 7 + 12;
  const lane = (height - 40) / lanes.length;
  const times = lanes[0].times;
  const step = (width - labels) / times.length;
  const words = new Map<string, string>();
  const cells = lanes.flatMap(({ value }, row) =>
    value.values.map((raw: number | null, at: number) => {
      if (raw === null) {
        return null;
      }
      const display = value.display!(raw);
      words.set(display.text, display.color!);
      return (
        <rect
          key={`${row}-${at}`}
          x={labels + at * step}
          y={row * lane}
          width={step + 0.6}
          height={lane * 0.8}
          fill={display.color}
        />
      );
    })
  );
  return (
    <div className="stand-in" data-stand-in="state-timeline">
      <svg width={width} height={lanes.length * lane}>
        {lanes.map(({ name }, row) => (
          <text key={name} x={labels - 8} y={row * lane + lane * 0.55} textAnchor="end">
            {name}
          </text>
        ))}
        {cells}
      </svg>
      <div className="legend">
        {[...words].sort().map(([text, color]) => (
          <span key={text}>
            <i style={{ background: color }} /> {text}
          </span>
        ))}
        <em>state timeline: a stand-in, not Grafana's plugin</em>
      </div>
    </div>
  );
}

function Heat({ panel, frames, width, height }: Drawing) {
  const edges = frames
    .map((frame) => ({ frame, le: Number(frame.name!.replace('+Inf', 'Infinity')) }))
    .sort((left, right) => left.le - right.le);
  const counts = edges.map(({ frame }, row) => {
    const below = row ? edges[row - 1].frame.fields[1].values : [];
    return frame.fields[1].values.map((upTo: number | null, at: number) =>
      upTo === null ? 0 : Math.max(0, upTo - (below[at] ?? 0))
    );
  });
  const most = Math.max(1, ...counts.flat());
  const rows = edges.length;
  const [left, bottom] = [64, 24];
  const [cellWidth, cellHeight] = [(width - left) / counts[0].length, (height - bottom) / rows];
  const unit = getValueFormat(panel.options.yAxis.unit);
  const name = (le: number) => (le === Infinity ? 'longer' : formattedValueToString(unit(le)));
  return (
    <div className="stand-in" data-stand-in="heatmap">
      <svg width={width} height={height - 2}>
        {edges.map(({ le }, row) => (
          <text key={le} x={left - 6} y={height - bottom - row * cellHeight - 3} textAnchor="end">
            {name(le)}
          </text>
        ))}
        {counts.flatMap((line, row) =>
          line.map((count, at) =>
            count > 0.01 ? (
              <rect
                key={`${row}-${at}`}
                x={left + at * cellWidth}
                y={height - bottom - (row + 1) * cellHeight}
                width={cellWidth}
                height={cellHeight - 1}
                fill={`hsl(${50 - 50 * (count / most)} 95% ${65 - 25 * (count / most)}%)`}
              />
            ) : null
          )
        )}
        <text x={left} y={height - 8} className="note">
          heatmap: a stand-in, not Grafana's plugin
        </text>
      </svg>
    </div>
  );
}

export const range = (from: number, to: number): TimeRange => {
  const [start, end] = [dateTime(from), dateTime(to)];
  return { from: start, to: end, raw: { from: start, to: end } };
};
