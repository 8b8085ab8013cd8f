// @grafana/ui's modules import this CommonJS package as Node would, which gives the module and not
// its default export.
// @ts-expect-error: it has no types
export { Scrollbars as default, Scrollbars } from '../node_modules/react-custom-scrollbars-2/lib/index.js';
