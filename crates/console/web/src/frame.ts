// The data behind the charts: columns over one time axis, fetched for a range and prolonged by the live stream.

import type { Action, Sample, SeriesPage } from "./api";

export type Values = (number | null)[];

export interface Column {
  id: string;
  label: string;
  panel: string;
  unit: string;
  values: Values;
  low: Values;
  high: Values;
}

/** Rows that the stream may add before the range is fetched afresh. */
const MOST_ROWS = 3_000;

export class Frame {
  readonly columns: Column[];
  readonly time: number[];
  actions: Action[];
  /** The last row says only that nothing has changed since. */
  private held = false;
  /** Lowest and highest differ from the value somewhere: buckets hold more than one reading. */
  readonly banded: boolean;

  constructor(page: SeriesPage) {
    this.time = page.time.map((at) => at / 1000);
    this.banded = page.series.some((series) => series.low !== undefined);
    this.columns = page.series.map(({ id, label, panel, unit, values, low, high }) => ({
      id,
      label,
      panel,
      unit,
      values,
      low: low ?? values.slice(),
      high: high ?? values.slice(),
    }));
    this.actions = page.actions;
    // The last bucket begins before now; what the stream adds comes after it.
    const end = Date.parse(page.to) / 1000;
    if (this.time.length > 0 && end > (this.time.at(-1) ?? 0)) {
      this.time.push(end);
      for (const column of this.columns) {
        for (const values of [column.values, column.low, column.high]) {
          values.push(column.values.at(-1) ?? null);
        }
      }
    }
  }

  column(id: string): Column | undefined {
    return this.columns.find((column) => column.id === id);
  }

  /** Adds the sample. False: it does not fit any more, and the range is to be fetched afresh. */
  add(sample: Sample): boolean {
    if (Object.keys(sample.values).some((id) => !this.column(id)) || this.time.length > MOST_ROWS) {
      return false;
    }
    this.release();
    const at = Date.parse(sample.at) / 1000;
    const last = this.time.at(-1) ?? 0;
    if (at < last) {
      return true;
    }
    const replace = at === last;
    if (!replace) {
      this.time.push(at);
    }
    for (const column of this.columns) {
      const value = sample.values[column.id] ?? null;
      for (const values of [column.values, column.low, column.high]) {
        if (replace) {
          values[values.length - 1] = value;
        } else {
          values.push(value);
        }
      }
    }
    return true;
  }

  /** Draws what was known last on to a time at which nothing new is known. */
  hold(at: number): void {
    this.release();
    if (this.time.length === 0 || at <= (this.time.at(-1) ?? at)) {
      return;
    }
    this.held = true;
    this.time.push(at);
    for (const column of this.columns) {
      const last = column.values.at(-1) ?? null;
      for (const values of [column.values, column.low, column.high]) {
        values.push(last);
      }
    }
  }

  private release(): void {
    if (!this.held) {
      return;
    }
    this.held = false;
    this.time.pop();
    for (const column of this.columns) {
      for (const values of [column.values, column.low, column.high]) {
        values.pop();
      }
    }
  }

  /** Forgets rows before a time, but one, so that lines still enter from the left. */
  forget(before: number): void {
    const first = this.time.findIndex((at) => at >= before);
    const extra = first - 1;
    if (extra < 50) {
      return;
    }
    this.time.splice(0, extra);
    for (const column of this.columns) {
      column.values.splice(0, extra);
      column.low.splice(0, extra);
      column.high.splice(0, extra);
    }
    this.actions = this.actions.filter((action) => Date.parse(action.at) / 1000 >= before);
  }

  /** The row nearest to a time, in seconds. */
  nearest(at: number): number {
    let low = 0;
    let high = this.time.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.time[middle] ?? 0) < at) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    const before = this.time[low - 1];
    return before !== undefined && at - before < (this.time[low] ?? at) - at ? low - 1 : low;
  }
}
