// The console's page: puts its parts together and routes what happens between them.

import "uplot/dist/uPlot.min.css";
import "./style.css";
import * as api from "./api";
import { Charts } from "./charts";
import { Decisions } from "./decisions";
import { byId, setText } from "./dom";
import * as format from "./format";
import { Frame } from "./frame";
import { setUpKeys } from "./keys";
import { Live, type LiveState } from "./live";
import { Marks } from "./marks";
import { serverNow, setServerTime, showProblems, showSummary, tick } from "./summary";
import { Targets } from "./targets";
import { setUpTheme } from "./theme";

const MINUTE = 60;

class App {
  private selected: string | null = null;
  private target: api.Target | null = null;
  private frame: Frame | null = null;
  /** Seconds shown up to now; null while a dragged range is shown. */
  private span: number | null = 15 * MINUTE;
  private fixed: [number, number] = [0, 1];
  private fetching: AbortController | null = null;
  private fetchedAt = 0;
  private readonly explained = new Map<number, Promise<api.DecisionRecord>>();
  private drawDue = false;

  private readonly charts = new Charts(byId("charts"), {
    cursor: (row) => this.cursor(row),
    zoom: (from, to) => this.zoom(from, to),
    reset: () => this.setSpan(15 * MINUTE),
  });
  private readonly marks = new Marks({
    x: (seconds) => this.charts.x(seconds),
    explain: (sequence) => this.explain(sequence),
    point: (action) => this.charts.select(action?.sequence ?? null),
    choose: (action) => void this.explain(action.sequence).then((record) => this.decisions.reveal(record)),
  });
  private readonly decisions = new Decisions({
    fetch: (kind, before) => this.records(kind, before),
    open: (record) => this.charts.select(record.action ? record.sequence : null),
  });
  private readonly targets = new Targets(() => void this.refreshTargets());
  private readonly live = new Live({
    state: (state) => this.liveState(state),
    hello: () => void this.refreshAll(),
    message: (kind, data) => this.message(kind, data),
  });

  start(): void {
    const toggleTheme = setUpTheme(() => this.charts.rebuild());
    byId("theme").addEventListener("click", toggleTheme);
    for (const button of document.querySelectorAll<HTMLButtonElement>("[data-span]")) {
      button.addEventListener("click", () => this.setSpan(Number(button.dataset["span"])));
    }
    byId("live").addEventListener("click", () => this.setSpan(this.span ?? 15 * MINUTE));
    setUpKeys({
      theme: toggleTheme,
      span: (index) => document.querySelectorAll<HTMLButtonElement>("[data-span]")[index]?.click(),
      live: () => this.setSpan(15 * MINUTE),
      search: () => this.targets.focusSearch() || this.decisions.focusFilter(),
      kind: () => this.decisions.toggle(),
      decision: (by) => this.decisions.step(by),
      mark: (by) => this.marks.step(by),
      cursor: (rows) => this.charts.step(rows),
      escape: () => this.escape(),
    });
    window.addEventListener("hashchange", () => this.route());
    window.addEventListener("resize", () => this.draw());
    document.addEventListener("visibilitychange", () => !document.hidden && this.draw());
    window.setInterval(() => this.second(), 1_000);
    window.setInterval(() => void this.refreshTargets(), 3_000);
    this.route();
    if (this.selected === null) {
      void this.refreshTargets();
    }
  }

  private route(): void {
    const wanted = decodeURIComponent(location.hash.replace(/^#\//, ""));
    if (wanted.includes("/")) {
      this.select(wanted);
    }
  }

  private select(id: string | null): void {
    if (id === this.selected && this.frame) {
      return;
    }
    this.selected = id;
    this.target = null;
    this.frame = null;
    this.explained.clear();
    this.marks.hide();
    this.charts.clear();
    this.marks.show([], 0, 1);
    byId("summary").hidden = true;
    this.live.follow(id);
    void this.refreshTargets();
  }

  private async refreshAll(): Promise<void> {
    if (this.selected !== null) {
      await Promise.allSettled([this.refreshSeries(), this.decisions.reload()]);
    }
  }

  private async refreshTargets(): Promise<void> {
    if (document.hidden) {
      return;
    }
    try {
      const page = await api.fetchTargets(this.targets.wanted);
      setServerTime(page.now);
      setText(byId("version"), page.version);
      showProblems(page.problems);
      this.targets.show(page, this.selected);
      byId("empty").hidden = page.total > 0;
      if (this.selected === null && page.targets[0]) {
        this.select(page.targets[0].id);
        return;
      }
      await this.refreshTarget(page);
    } catch {
      // The stream tells that the server is gone; what is shown stays.
    }
  }

  private async refreshTarget(page: api.TargetPage): Promise<void> {
    const id = this.selected;
    if (id === null) {
      return;
    }
    const among = (targets: api.Target[]): api.Target | undefined => targets.find((target) => target.id === id);
    const found = among(page.targets) ?? among((await api.fetchTargets(id)).targets);
    if (id !== this.selected) {
      return;
    }
    byId("gone").hidden = found !== undefined;
    if (found) {
      this.target = found;
      showSummary(found);
      document.title = `${found.name}: ${format.number(found.desired)} replicas · Tidegate`;
    }
  }

  private async refreshSeries(): Promise<void> {
    const id = this.selected;
    if (id === null) {
      return;
    }
    this.fetching?.abort();
    const fetching = new AbortController();
    this.fetching = fetching;
    const [from, to] = this.range();
    const points = Math.min(1_200, Math.max(150, Math.round(byId("charts").clientWidth)));
    this.fetchedAt = Date.now();
    try {
      const page = await api.fetchSeries(id, from * 1000, to * 1000, points, fetching.signal);
      if (id === this.selected) {
        this.frame = new Frame(page);
        this.draw();
      }
    } catch (error) {
      if (!fetching.signal.aborted) {
        console.warn("the series could not be fetched:", error);
      }
    }
  }

  /** What is shown, in seconds. */
  private range(): [number, number] {
    const now = serverNow() / 1000;
    return this.span === null ? this.fixed : [now - this.span, now];
  }

  private draw(): void {
    if (this.drawDue) {
      return;
    }
    this.drawDue = true;
    requestAnimationFrame(() => {
      this.drawDue = false;
      if (!this.frame) {
        return;
      }
      const [from, to] = this.range();
      if (this.span !== null) {
        this.frame.forget(from);
      }
      this.charts.show(this.frame, from, to);
      this.marks.show(this.frame.actions, from, to);
    });
  }

  private second(): void {
    if (this.target) {
      tick(this.target);
    }
    if (!document.hidden && this.span !== null) {
      // A wide range is fetched afresh now and then, so that its live end gets as coarse as the rest.
      if (this.span > 30 * MINUTE && Date.now() - this.fetchedAt > this.span * 10) {
        void this.refreshSeries();
      }
      if (document.body.dataset["live"] === "live") {
        this.frame?.hold(serverNow() / 1000);
      }
      this.draw();
    }
  }

  private message(kind: string, data: unknown): void {
    if (kind === "sample") {
      const sample = data as api.Sample;
      if (sample.target === this.selected && this.frame && this.span !== null) {
        if (!this.frame.add(sample) && Date.now() - this.fetchedAt > 1_000) {
          void this.refreshSeries();
        }
        this.draw();
      }
    } else if (kind === "record") {
      const record = data as api.DecisionRecord;
      if (record.target === this.selected) {
        this.decided(record);
      }
    } else if (kind === "problems") {
      showProblems(data as string[]);
    } else if (kind === "targets") {
      void this.refreshTargets();
    }
  }

  private decided(record: api.DecisionRecord): void {
    this.decisions.add(record);
    if (record.action && this.frame && this.span !== null) {
      const { sequence, at, boundBy, result, headline, desiredReplicas, workload } = record;
      this.frame.actions.push({ sequence, at, from: workload?.replicas ?? null, to: desiredReplicas, boundBy, result, headline });
      this.explained.set(sequence, Promise.resolve(record));
      this.draw();
      void this.refreshTargets();
    }
  }

  private explain(sequence: number): Promise<api.DecisionRecord> {
    const known = this.explained.get(sequence);
    if (known || this.selected === null) {
      return known ?? Promise.reject(new Error("no target is chosen"));
    }
    const asked = api.fetchRecord(this.selected, sequence);
    this.explained.set(sequence, asked);
    return asked;
  }

  private async records(kind: "all" | "actions", before?: number): Promise<api.RecordPage> {
    const id = this.selected;
    return id === null ? { target: "", records: [], next: null } : api.fetchRecords(id, kind, before);
  }

  private liveState(state: LiveState): void {
    const words = { connecting: "Connecting", live: "Live", stale: "No connection, trying again" };
    document.body.dataset["live"] = state;
    setText(byId("live-state"), this.span === null && state === "live" ? "Paused view" : words[state]);
  }

  private setSpan(span: number): void {
    this.span = span;
    for (const button of document.querySelectorAll<HTMLButtonElement>("[data-span]")) {
      button.setAttribute("aria-pressed", String(Number(button.dataset["span"]) === span));
    }
    byId("live").hidden = true;
    this.liveState((document.body.dataset["live"] as LiveState | undefined) ?? "connecting");
    void this.refreshSeries();
  }

  private zoom(from: number, to: number): void {
    this.span = null;
    this.fixed = [from, Math.max(to, from + 5)];
    document.querySelectorAll("[data-span]").forEach((button) => button.setAttribute("aria-pressed", "false"));
    byId("live").hidden = false;
    this.liveState((document.body.dataset["live"] as LiveState | undefined) ?? "live");
    void this.refreshSeries();
  }

  private cursor(row: number | null): void {
    const at = row === null ? undefined : this.frame?.time[row];
    setText(byId("cursor-time"), at === undefined ? "" : format.time(at * 1000));
    if (at === undefined || document.activeElement !== byId("charts")) {
      return;
    }
    const value = (id: string): string => format.number(this.frame?.column(id)?.values[row ?? 0]);
    setText(byId("spoken"), `${format.time(at * 1000)}: ${value("desired")} replicas desired, ${value("running")} running, lag ${value("lag")}`);
  }

  private escape(): void {
    if (this.marks.hide()) {
      return;
    }
    this.charts.moveTo(null);
    this.charts.select(null);
    if (this.span === null) {
      this.setSpan(15 * MINUTE);
    }
  }
}

new App().start();
