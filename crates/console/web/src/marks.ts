// The lane of scaling actions above the panels: one mark each, that tells why when pointed at or focused.

import type { Action, DecisionRecord } from "./api";
import { direction } from "./charts";
import { byId, explanation, h } from "./dom";
import * as format from "./format";

export interface MarkEvents {
  x(seconds: number): number;
  explain(sequence: number): Promise<DecisionRecord>;
  /** A mark is pointed at or focused; null: no mark any more. */
  point(action: Action | null): void;
  /** A mark was chosen. */
  choose(action: Action): void;
}

/** Marks nearer than this to each other become one. */
const APART = 15;
const GLYPHS = { out: "▲", in: "▼", failed: "!" };

interface Group {
  x: number;
  actions: Action[];
}

export class Marks {
  private readonly lane = byId("marks");
  private readonly tip = byId("tip");
  private groups: Group[] = [];
  private shown: number | null = null;
  private drawn = "";

  constructor(private readonly events: MarkEvents) {
    this.lane.addEventListener("keydown", (event) => this.key(event));
  }

  /** Draws the marks of the actions between two times, in seconds. */
  show(actions: Action[], from: number, to: number): void {
    const groups: Group[] = [];
    for (const action of actions) {
      const at = Date.parse(action.at) / 1000;
      if (at < from || at > to) {
        continue;
      }
      const x = this.events.x(at);
      const last = groups.at(-1);
      if (last && x - last.x < APART) {
        last.actions.push(action);
      } else {
        groups.push({ x, actions: [action] });
      }
    }
    this.groups = groups;
    const shape = groups.map((group) => group.actions.map((action) => action.sequence).join("+")).join(",");
    if (shape === this.drawn) {
      this.place();
      return;
    }
    this.drawn = shape;
    const focused = this.sequenceOf(document.activeElement);
    this.lane.replaceChildren(...groups.map((group) => this.button(group)));
    this.place();
    const again = focused === null ? null : this.buttonOf(focused);
    (again ?? this.lane.querySelector("button:last-of-type"))?.setAttribute("tabindex", "0");
    again?.focus({ preventScroll: true });
  }

  /** Moves the focus by marks, from the latest where none has it. */
  step(by: number): void {
    const buttons = [...this.lane.querySelectorAll("button")];
    const current = buttons.indexOf(document.activeElement as HTMLButtonElement);
    const next = current < 0 ? buttons.length - 1 : Math.min(buttons.length - 1, Math.max(0, current + by));
    buttons[next]?.focus({ preventScroll: true });
  }

  /** Takes the explanation away. True: there was one. */
  hide(): boolean {
    const was = this.shown !== null;
    this.shown = null;
    this.tip.hidden = true;
    this.events.point(null);
    return was;
  }

  private button(group: Group): HTMLButtonElement {
    const action = group.actions.at(-1) as Action;
    const kind = direction(action);
    const more = group.actions.length > 1 ? `, the last of ${group.actions.length} close together` : "";
    const label = `${format.time(Date.parse(action.at))}: ${action.from ?? "unknown"} to ${action.to} replicas${more}`;
    const button = h(
      "button",
      { type: "button", class: `mark ${kind}`, "aria-label": label, "aria-describedby": "tip", tabindex: "-1", "data-sequence": String(action.sequence) },
      h("span", { "aria-hidden": "true" }, GLYPHS[kind]),
      group.actions.length > 1 && h("sup", { "aria-hidden": "true" }, group.actions.length > 99 ? "99+" : String(group.actions.length)),
    );
    button.addEventListener("mouseenter", () => void this.explain(button, group));
    button.addEventListener("mouseleave", () => document.activeElement !== button && this.hide());
    button.addEventListener("focus", () => {
      for (const other of this.lane.querySelectorAll("button")) {
        other.setAttribute("tabindex", other === button ? "0" : "-1");
      }
      void this.explain(button, group);
    });
    button.addEventListener("blur", () => this.hide());
    button.addEventListener("click", () => this.events.choose(action));
    return button;
  }

  private place(): void {
    const buttons = this.lane.querySelectorAll("button");
    this.groups.forEach((group, index) => buttons[index]?.style.setProperty("left", `${Math.round(group.x)}px`));
  }

  private async explain(button: HTMLElement, group: Group): Promise<void> {
    const action = group.actions.at(-1) as Action;
    this.shown = action.sequence;
    this.events.point(action);
    const earlier = group.actions.slice(-6, -1).reverse();
    let told = explanation(action.headline);
    const change = h("b", { class: `change ${direction(action)}` }, `${action.from ?? "?"} → ${action.to}`);
    const head = h("header", {}, change, h("time", {}, format.time(Date.parse(action.at))), h("span", { class: "rule" }, format.rule(action.boundBy)));
    this.tip.replaceChildren(head, told);
    if (earlier.length > 0) {
      const lines = earlier.map((one) => h("li", {}, `${format.time(Date.parse(one.at))}  ${one.from ?? "?"} → ${one.to}, ${format.rule(one.boundBy)}`));
      const rest = group.actions.length - 1 - earlier.length;
      this.tip.append(h("ul", {}, ...lines, rest > 0 && h("li", {}, `and ${rest} earlier`)));
    }
    this.tip.hidden = false;
    const lane = this.lane.getBoundingClientRect();
    const place = button.getBoundingClientRect();
    const left = Math.min(Math.max(0, place.left - lane.left - 60), Math.max(0, lane.width - this.tip.offsetWidth));
    this.tip.style.setProperty("left", `${left}px`);
    try {
      const record = await this.events.explain(action.sequence);
      if (this.shown === action.sequence) {
        const whole = explanation(record.explanation);
        told.replaceWith(whole);
        told = whole;
      }
    } catch {
      // The record has left the server's memory: the headline stays.
    }
  }

  private key(event: KeyboardEvent): void {
    const steps: Record<string, number> = { ArrowLeft: -1, ArrowRight: 1, Home: -1e9, End: 1e9 };
    const by = steps[event.key];
    if (by !== undefined) {
      event.preventDefault();
      event.stopPropagation();
      this.step(by);
    }
  }

  private sequenceOf(element: Element | null): string | null {
    return element && this.lane.contains(element) ? (element as HTMLElement).dataset["sequence"] ?? null : null;
  }

  private buttonOf(sequence: string): HTMLButtonElement | null {
    return this.lane.querySelector(`button[data-sequence="${sequence}"]`);
  }
}
