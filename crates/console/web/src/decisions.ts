// The list of decisions: newest first, scaling actions standing out, each with its explanation to unfold.

import type { DecisionRecord, RecordPage } from "./api";
import { byId, explanation, h, setText } from "./dom";
import * as format from "./format";

type Kind = "all" | "actions";

export interface DecisionEvents {
  fetch(kind: Kind, before?: number): Promise<RecordPage>;
  /** A decision was unfolded. */
  open(record: DecisionRecord): void;
}

/** Rows kept in the page. */
const MOST_ROWS = 400;

export class Decisions {
  private readonly list = byId("decisions");
  private readonly more = byId<HTMLButtonElement>("more");
  private readonly search = byId<HTMLInputElement>("filter");
  private readonly kinds = [...document.querySelectorAll<HTMLButtonElement>("[data-kind]")];
  private kind: Kind = "actions";
  private next: number | null = null;
  private records: DecisionRecord[] = [];
  private opened = new Set<number>();
  private turn = 0;

  constructor(private readonly events: DecisionEvents) {
    this.search.addEventListener("input", () => this.draw());
    this.more.addEventListener("click", () => void this.load(true));
    for (const button of this.kinds) {
      button.addEventListener("click", () => this.choose(button.dataset["kind"] as Kind));
    }
  }

  /** Fetches the list afresh. */
  async reload(): Promise<void> {
    await this.load(false);
  }

  /** Switches between scaling actions and all decisions. */
  toggle(): void {
    this.choose(this.kind === "all" ? "actions" : "all");
  }

  /** Takes a new decision from the stream. */
  add(record: DecisionRecord): void {
    if (this.kind === "actions" && !record.action) {
      return;
    }
    if (this.records.some((known) => known.sequence === record.sequence)) {
      return;
    }
    this.records.unshift(record);
    const filtered = !this.matches(record);
    if (this.records.length > MOST_ROWS) {
      const gone = this.records.splice(MOST_ROWS);
      gone.forEach(() => this.list.lastElementChild?.remove());
      this.next = this.records.at(-1)?.sequence ?? null;
    }
    if (!filtered) {
      this.list.prepend(this.row(record));
    }
    this.note();
  }

  /** Unfolds a decision and scrolls to it; it is put at its place if it was not in the list. */
  async reveal(record: DecisionRecord): Promise<void> {
    this.opened.add(record.sequence);
    if (!this.records.some((known) => known.sequence === record.sequence)) {
      const place = this.records.findIndex((known) => known.sequence < record.sequence);
      this.records.splice(place < 0 ? this.records.length : place, 0, record);
    }
    this.search.value = "";
    this.draw();
    const row = this.list.querySelector<HTMLElement>(`[data-sequence="${record.sequence}"]`);
    row?.scrollIntoView({ block: "nearest" });
    row?.querySelector("button")?.focus({ preventScroll: true });
  }

  /** Moves the focus up or down the list. */
  step(by: number): void {
    const buttons = [...this.list.querySelectorAll<HTMLButtonElement>("li > button")];
    const current = buttons.indexOf(document.activeElement as HTMLButtonElement);
    buttons[current < 0 ? 0 : Math.min(buttons.length - 1, Math.max(0, current + by))]?.focus();
  }

  focusFilter(): void {
    this.search.focus();
  }

  private choose(kind: Kind): void {
    this.kind = kind;
    for (const button of this.kinds) {
      button.setAttribute("aria-pressed", String(button.dataset["kind"] === kind));
    }
    void this.load(false);
  }

  private async load(further: boolean): Promise<void> {
    const turn = ++this.turn;
    const page = await this.events.fetch(this.kind, further && this.next !== null ? this.next : undefined);
    if (turn !== this.turn) {
      return;
    }
    this.records = further ? [...this.records, ...page.records] : page.records;
    this.next = page.next;
    this.draw();
  }

  private matches(record: DecisionRecord): boolean {
    const wanted = this.search.value.trim().toLowerCase();
    const text = () => `${record.headline} ${format.rule(record.boundBy)} ${record.result} ${format.time(Date.parse(record.at))}`;
    return wanted === "" || text().toLowerCase().includes(wanted);
  }

  private draw(): void {
    const focused = (document.activeElement?.closest("li[data-sequence]") as HTMLElement | null)?.dataset["sequence"];
    this.list.replaceChildren(...this.records.filter((record) => this.matches(record)).map((record) => this.row(record)));
    if (focused !== undefined) {
      this.list.querySelector<HTMLElement>(`[data-sequence="${focused}"] > button`)?.focus({ preventScroll: true });
    }
    this.note();
  }

  private note(): void {
    this.more.hidden = this.next === null;
    const shown = this.list.childElementCount;
    const empty = this.records.length === 0 ? (this.kind === "actions" ? "No scaling action yet." : "No decision yet.") : "No decision matches.";
    setText(byId("decisions-note"), shown === 0 ? empty : "");
  }

  private row(record: DecisionRecord): HTMLLIElement {
    const open = this.opened.has(record.sequence);
    const from = record.workload?.replicas;
    const kind = record.result === "failed" ? "failed" : record.action ? (record.desiredReplicas >= (from ?? 0) ? "out" : "in") : "still";
    const troubled = record.readings.some((reading) => reading.error);
    const button = h(
      "button",
      { type: "button", "aria-expanded": String(open) },
      h("time", { datetime: record.at }, format.time(Date.parse(record.at))),
      h("b", { class: `change ${kind}` }, record.action ? `${from ?? "?"} → ${record.desiredReplicas}` : String(record.desiredReplicas)),
      h("span", { class: troubled ? "rule trouble" : "rule" }, format.rule(record.boundBy)),
      h("span", { class: "headline" }, why(record)),
    );
    const row = h("li", { class: kind, "data-sequence": String(record.sequence) }, button);
    button.addEventListener("click", () => {
      const now = !this.opened.delete(record.sequence);
      if (now) {
        this.opened.add(record.sequence);
        row.append(details(record));
        this.events.open(record);
      } else {
        row.querySelector(".details")?.remove();
      }
      button.setAttribute("aria-expanded", String(now));
    });
    if (open) {
      row.append(details(record));
    }
    return row;
  }
}

/** The headline without the target and the numbers, which stand beside it. */
function why(record: DecisionRecord): string {
  const rest = record.headline.startsWith(`${record.target}: `) ? record.headline.slice(record.target.length + 2) : record.headline;
  return rest.replace(/^(?:\d+ → \d+|stays at \d+), /, "");
}

function details(record: DecisionRecord): HTMLElement {
  const fine = `Decision ${record.sequence}, ${record.result}, ${record.at}`;
  return h("div", { class: "details" }, explanation(record.explanation), h("p", { class: "fine" }, fine));
}
