// Field options that a panel's JSON may set, registered as Grafana registers them, so that defaults
// and overrides are applied by Grafana's own code.
import {
  FieldConfigOptionsRegistry,
  type FieldConfigPropertyItem,
  standardFieldConfigEditorRegistry,
  standardTransformers,
  standardTransformersRegistry,
  type TransformerRegistryItem,
} from '@grafana/data';

const STANDARD = [
  'unit',
  'decimals',
  'min',
  'max',
  'fieldMinMax',
  'displayName',
  'noValue',
  'color',
  'mappings',
  'thresholds',
  'links',
];
const CUSTOM = [
  'lineStyle',
  'lineWidth',
  'fillOpacity',
  'drawStyle',
  'showPoints',
  'spanNulls',
  'stacking',
  'axisSoftMin',
  'axisSoftMax',
  'cellOptions',
  'width',
];

const item = (path: string, isCustom: boolean): FieldConfigPropertyItem => ({
  id: isCustom ? `custom.${path}` : path,
  path,
  name: path,
  isCustom,
  editor: () => null,
  override: () => null,
  process: (value: unknown) => value,
  shouldApply: () => true,
});

const all = [...STANDARD.map((path) => item(path, false)), ...CUSTOM.map((path) => item(path, true))];
export const registry = new FieldConfigOptionsRegistry(() => all);

export function register() {
  standardFieldConfigEditorRegistry.setInit(() => STANDARD.map((path) => item(path, false)));
  standardTransformersRegistry.setInit(() =>
    [standardTransformers.mergeTransformer, standardTransformers.organizeFieldsTransformer].map(
      (info): TransformerRegistryItem => ({
        id: info.id,
        name: info.name,
        transformation: () => Promise.resolve(info),
        editor: () => null,
        imageDark: '',
        imageLight: '',
      })
    )
  );
}
