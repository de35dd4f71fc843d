// The panels: one uPlot each, under each other, over one time axis and with one cursor.

import uPlot from "uplot";
import type { Action } from "./api";
import { h, setText } from "./dom";
import * as format from "./format";
import type { Column, Frame } from "./frame";
import { color } from "./theme";

export interface ChartEvents {
  /** The cursor is at a row, or nowhere. */
  cursor(row: number | null): void;
  /** A range was dragged, in seconds. */
  zoom(from: number, to: number): void;
  /** Back to the live range. */
  reset(): void;
}

interface Look {
  stroke: string;
  width: number;
  dash?: number[];
  fill?: string;
  stepped?: boolean;
  quiet?: boolean;
}

interface Panel {
  id: string;
  plot: uPlot;
  columns: Column[];
  banded: Column[];
  chips: Map<string, HTMLElement>;
  root: HTMLElement;
}

const TITLES: Record<string, string> = {
  rates: "Records per second",
  lag: "Lag in records",
  replicas: "Replicas",
  formula: "Formula against its target",
};

/** Room for the numbers at the left, equal in all panels so that their time axes line up. */
const AXIS_WIDTH = 58;
const RIGHT_PAD = 14;
const HEIGHT = 138;
const TIME_AXIS = 30;

function alpha(hex: string, share: number): string {
  return hex + Math.round(share * 255).toString(16).padStart(2, "0");
}

function look(id: string, order: number, count: number): Look {
  const kind = id.split(":")[0] ?? id;
  switch (kind) {
    case "load":
      return { stroke: color("muted"), width: 1, dash: [3, 4] };
    case "produced":
      return { stroke: color("produced"), width: 1.75 };
    case "consumed":
      return { stroke: color("consumed"), width: 1.75 };
    case "lag":
      return { stroke: color("lag"), width: 2, fill: alpha(color("lag"), 0.1) };
    case "partition":
      return { stroke: `hsl(${Math.round(190 + (order / Math.max(1, count)) * 150)} 45% 55% / 0.75)`, width: 1, quiet: true };
    case "metric":
    case "formula":
      return { stroke: color("metric"), width: 2, fill: alpha(color("metric"), 0.08) };
    case "target":
      return { stroke: color("target"), width: 1.5, dash: [6, 4], stepped: true };
    case "desired":
      return { stroke: color("desired"), width: 2.25, stepped: true };
    case "running":
      return { stroke: color("running"), width: 1.25, stepped: true, fill: alpha(color("running"), 0.16) };
    case "ready":
      return { stroke: color("ready"), width: 1.5, stepped: true, dash: [2, 3] };
    case "useful":
      return { stroke: color("useful"), width: 1.25, dash: [8, 4], stepped: true };
    default:
      return { stroke: color("limit"), width: 1, dash: [2, 5], stepped: true };
  }
}

export class Charts {
  private panels: Panel[] = [];
  private frame: Frame | null = null;
  private shape = "";
  private from = 0;
  private to = 1;
  private row: number | null = null;
  private quietShown = true;
  private selected: number | null = null;
  private readonly observer: ResizeObserver;

  constructor(
    private readonly root: HTMLElement,
    private readonly events: ChartEvents,
  ) {
    this.observer = new ResizeObserver(() => this.resize());
    this.observer.observe(root);
  }

  /** Where a time lies, in pixels from the left of the charts. */
  x(seconds: number): number {
    const width = this.width() - AXIS_WIDTH - RIGHT_PAD;
    return AXIS_WIDTH + ((seconds - this.from) / (this.to - this.from)) * width;
  }

  /** Shows a frame between two times, in seconds. */
  show(frame: Frame, from: number, to: number): void {
    this.frame = frame;
    this.from = from;
    this.to = to;
    const shape = frame.columns.map((column) => column.id).join("\n") + frame.banded;
    if (shape !== this.shape) {
      this.shape = shape;
      this.build();
    } else {
      this.refresh();
    }
  }

  /** Draws everything afresh, with the colours of now. */
  rebuild(): void {
    if (this.frame) {
      this.build();
    }
  }

  /** Nothing to show. */
  clear(): void {
    this.panels.forEach((panel) => panel.plot.destroy());
    this.panels = [];
    this.shape = "";
    this.frame = null;
    this.root.replaceChildren();
  }

  /** Marks one action in all panels. */
  select(sequence: number | null): void {
    this.selected = sequence;
    this.panels.forEach((panel) => panel.plot.redraw(false));
  }

  /** Moves the cursor by rows; from the latest when it is nowhere. */
  step(rows: number): void {
    if (!this.frame || this.frame.time.length === 0) {
      return;
    }
    const last = this.frame.time.length - 1;
    const first = this.frame.nearest(this.from);
    this.moveTo(Math.min(last, Math.max(first, (this.row ?? last) + rows)));
  }

  /** Puts the cursor on a row, or takes it away. */
  moveTo(row: number | null): void {
    const at = row === null ? undefined : this.frame?.time[row];
    this.row = at === undefined ? null : row;
    for (const { plot } of this.panels) {
      const left = at === undefined ? -10 : plot.valToPos(at, "x");
      plot.setCursor({ left, top: at === undefined ? -10 : plot.bbox.height / 2 / devicePixelRatio }, false);
    }
    this.legends();
    this.events.cursor(this.row);
  }

  private width(): number {
    return Math.max(280, this.root.clientWidth);
  }

  private build(): void {
    const frame = this.frame;
    if (!frame) {
      return;
    }
    this.panels.forEach((panel) => panel.plot.destroy());
    const order = ["rates", "lag"];
    const metrics = [...new Set(frame.columns.map((column) => column.panel))].filter((panel) => panel.startsWith("metric:"));
    order.push(...metrics, "formula", "replicas");
    const present = order.filter((panel) => frame.columns.some((column) => column.panel === panel && !column.id.startsWith("target:")));
    this.root.replaceChildren();
    this.panels = present.map((panel, index) => this.panel(frame, panel, index === present.length - 1));
    this.refresh();
  }

  private panel(frame: Frame, id: string, last: boolean): Panel {
    const columns = frame.columns.filter((column) => column.panel === id);
    // Limits and areas first, so that the lines that move lie on top.
    const depth = (column: Column): number =>
      ["min", "max", "useful"].includes(column.id) || column.id.startsWith("target:") ? 0 : column.id.startsWith("partition:") ? 1 : column.id === "running" ? 2 : 3;
    columns.sort((a, b) => depth(a) - depth(b));
    const banded = frame.banded ? columns.filter((column) => /^(lag|produced|consumed|metric:|formula)/.test(column.id)) : [];
    const chips = new Map<string, HTMLElement>();
    const legend = h("div", { class: "legend" });
    const canvas = h("div", { class: "plot" });
    const title = id.startsWith("metric:") ? `Metric ${columns.find((column) => column.id === id)?.label ?? id} against its target` : (TITLES[id] ?? id);
    const root = h("section", { class: "panel", "data-panel": id, "aria-label": title }, h("header", {}, h("h3", {}, title), legend), canvas);
    this.root.append(root);
    const shown = columns.filter((column) => !column.id.startsWith("partition:"));
    for (const column of [...shown].reverse()) {
      const value = h("b", { "data-series": column.id }, format.UNKNOWN);
      chips.set(column.id, value);
      legend.append(h("span", { class: "chip" }, this.swatch(column.id), legendName(column), value));
    }
    if (shown.length < columns.length) {
      const value = h("b", { "data-series": "partitions" }, format.UNKNOWN);
      chips.set("partitions", value);
      const toggle = h("button", { type: "button", class: "chip toggle", "aria-pressed": String(this.quietShown), title: "Show or hide single partitions" }, `${columns.length - shown.length} partitions, most`, value);
      toggle.addEventListener("click", () => {
        this.quietShown = !this.quietShown;
        this.build();
      });
      legend.append(toggle);
    }
    const plot = new uPlot(this.options(id, columns, banded, last), [[]], canvas);
    return { id, plot, columns, banded, chips, root };
  }

  private swatch(id: string): HTMLElement {
    const { stroke, dash } = look(id, 0, 1);
    const swatch = h("i", { class: dash ? "swatch dashed" : "swatch", "aria-hidden": "true" });
    swatch.style.setProperty("--stroke", stroke);
    return swatch;
  }

  private options(id: string, columns: Column[], banded: Column[], last: boolean): uPlot.Options {
    const stepped = uPlot.paths.stepped?.({ align: 1 });
    const partitions = columns.filter((column) => column.id.startsWith("partition:")).length;
    const series: uPlot.Series[] = [{}];
    for (const [order, column] of columns.entries()) {
      const { stroke, width, dash, fill, stepped: steps, quiet } = look(column.id, order, partitions);
      series.push({
        label: column.label,
        stroke,
        width,
        points: { show: false },
        show: !(quiet && !this.quietShown),
        ...(dash ? { dash } : {}),
        ...(fill ? { fill } : {}),
        ...(steps && stepped ? { paths: stepped } : {}),
      });
    }
    const bands: uPlot.Band[] = [];
    for (const column of banded) {
      const fill = alpha(look(column.id, 0, 1).stroke, 0.18);
      series.push({ stroke: "transparent", width: 0, points: { show: false } }, { stroke: "transparent", width: 0, points: { show: false } });
      bands.push({ series: [series.length - 2, series.length - 1], fill });
    }
    const text = color("muted");
    const grid = { stroke: color("grid"), width: 1 };
    const font = "11px system-ui, sans-serif";
    const whole = id === "replicas";
    return {
      width: this.width(),
      height: HEIGHT + (last ? TIME_AXIS : 0),
      padding: [8, RIGHT_PAD, last ? 0 : 6, 0],
      legend: { show: false },
      cursor: {
        sync: { key: "time", setSeries: false, scales: ["x", null] },
        drag: { x: true, y: false, setScale: false },
        points: { size: 6 },
        y: false,
        bind: { dblclick: () => () => (this.events.reset(), null) },
      },
      scales: { x: { time: true, range: () => [this.from, this.to] }, y: { range: (_plot, _min, max) => [0, Math.max(whole ? 2 : 1, (max ?? 0) * 1.12)] } },
      axes: [
        // All panels have the same upright lines; the last one tells the times.
        { stroke: text, grid, ticks: { show: false }, size: last ? TIME_AXIS : 0, font, space: 70, values: (_plot, splits, _axis, _space, step) => splits.map((at) => (last ? timeTick(at, step) : "")) },
        {
          stroke: text,
          grid,
          ticks: { show: false },
          size: AXIS_WIDTH,
          font,
          space: 30,
          incrs: whole ? [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000] : undefined,
          values: (_plot, splits) => splits.map(format.axis),
        } as uPlot.Axis,
      ],
      series,
      bands,
      hooks: {
        draw: [(plot) => this.drawMarks(plot)],
        setCursor: [
          (plot) => {
            if (plot === this.panels[0]?.plot) {
              this.cursorMoved(plot);
            }
          },
        ],
        setSelect: [
          (plot) => {
            if (plot.select.width > 4) {
              this.events.zoom(plot.posToVal(plot.select.left, "x"), plot.posToVal(plot.select.left + plot.select.width, "x"));
              this.panels.forEach((panel) => panel.plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false));
            }
          },
        ],
      },
    };
  }

  private cursorMoved(plot: uPlot): void {
    const left = plot.cursor.left ?? -1;
    const row = left < 0 || !this.frame ? null : this.frame.nearest(plot.posToVal(left, "x"));
    if (row !== this.row) {
      this.row = row;
      this.legends();
      this.events.cursor(row);
    }
  }

  private drawMarks(plot: uPlot): void {
    const actions = this.frame?.actions ?? [];
    const { ctx, bbox } = plot;
    // Where they are many, only the one that is pointed at has a line.
    const many = actions.length > 100;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    for (const action of actions) {
      const at = Date.parse(action.at) / 1000;
      const chosen = action.sequence === this.selected;
      if (at < this.from || at > this.to || (many && !chosen)) {
        continue;
      }
      ctx.strokeStyle = color(direction(action));
      ctx.globalAlpha = chosen ? 1 : 0.4;
      ctx.lineWidth = (chosen ? 2 : 1) * devicePixelRatio;
      ctx.setLineDash(chosen ? [] : [3 * devicePixelRatio, 3 * devicePixelRatio]);
      const x = Math.round(plot.valToPos(at, "x", true)) + 0.5;
      ctx.beginPath();
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.stroke();
    }
    ctx.restore();
  }

  private refresh(): void {
    const frame = this.frame;
    if (!frame) {
      return;
    }
    for (const { plot, columns, banded } of this.panels) {
      const fresh = (column: Column): Column => frame.column(column.id) ?? column;
      const data: (number | null)[][] = [frame.time, ...columns.map((column) => fresh(column).values)];
      for (const column of banded) {
        data.push(fresh(column).high, fresh(column).low);
      }
      plot.setData(data as uPlot.AlignedData, true);
    }
    this.legends();
  }

  private legends(): void {
    const frame = this.frame;
    if (!frame) {
      return;
    }
    const row = this.row ?? frame.time.length - 1;
    for (const panel of this.panels) {
      for (const [id, element] of panel.chips) {
        if (id === "partitions") {
          const all = frame.columns.filter((column) => column.id.startsWith("partition:"));
          const worst = all.reduce<Column | null>((a, b) => ((b.values[row] ?? -1) > (a?.values[row] ?? -1) ? b : a), null);
          setText(element, worst ? `${number(worst, row)} in ${worst.label}` : format.UNKNOWN);
        } else {
          const column = frame.column(id);
          setText(element, column ? number(column, row) : format.UNKNOWN);
        }
      }
    }
  }

  private resize(): void {
    const width = this.width();
    for (const { plot } of this.panels) {
      if (plot.width !== width) {
        plot.setSize({ width, height: plot.height });
      }
    }
  }
}

function number(column: Column, row: number): string {
  return format.number(column.values[row]);
}

function legendName(column: Column): string {
  return column.id.startsWith("metric:") ? "value" : column.label;
}

/** The colour name of an action: out, in, or neither. */
export function direction(action: Action): "out" | "in" | "failed" {
  if (action.result === "failed") {
    return "failed";
  }
  return action.to >= (action.from ?? 0) ? "out" : "in";
}

const hourMinute = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const withSeconds = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });

function timeTick(at: number, step: number): string {
  return (step < 60 ? withSeconds : hourMinute).format(at * 1000);
}
